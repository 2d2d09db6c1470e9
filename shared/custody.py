"""Custody: hashes of what went in, and the run record that every result carries."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
import sys
from datetime import UTC, datetime
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.beside import replacing, writing
from shared.errors import InputError

_CHUNK = 1 << 20


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits, read in chunks of 1 MiB.

    Example:
        >>> import tempfile, pathlib
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "a"
        >>> _ = file.write_bytes(b"abc")
        >>> sha256_of(file)[:16]
        'ba7816bf8f01cfea'

    Raises:
        InputError: If it cannot be read.
    """
    digest, place = hashlib.sha256(), Path(path)
    try:
        if place.is_dir():
            raise InputError(f"{path} is a folder", fix="name the files in it")
        if place.exists() and not place.is_file():
            raise InputError(  # a pipe or a device never ends
                f"{path} is no file", found="a pipe or a device", fix="copy it to a file"
            )
        with place.open("rb") as stream:
            while block := stream.read(_CHUNK):
                digest.update(block)
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}", fix="check the path") from error
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read", found=getattr(error, "strerror", None) or error,
            fix="check the path and its permissions",
        ) from error  # fmt: skip
    return digest.hexdigest()


def sha256_of_json(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON (sorted keys, no spaces)."""
    text = json.dumps(to_plain(value), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_of_arrays(*arrays: NDArray[Any] | None) -> str:
    """Return the SHA-256 of arrays, their kinds and shapes; None counts as an array that is not there."""
    digest = hashlib.sha256()
    for array in arrays:
        told = "none" if array is None else f"{array.dtype.str}{array.shape}"
        digest.update(told.encode())
        if array is not None:
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def to_plain(value: Any) -> Any:
    """Turn dataclasses, paths, fractions and arrays into what JSON can hold.

    Example:
        >>> to_plain({"fps": Fraction(30000, 1001), "at": Path("a/b")})
        {'fps': '30000/1001', 'at': 'a/b'}
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_plain(item) for item in value]
    if isinstance(value, Fraction | Path):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    return value


def versions() -> dict[str, str]:
    """Return the versions that can change a result: Python, the platform and the main packages."""
    names = ("twinface", "torch", "numpy", "opencv-python", "av", "librosa", "ai-edge-litert")
    found = {"python": sys.version.split()[0], "platform": platform.platform()}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


@dataclasses.dataclass
class RunRecord:
    """What was done, with what, and what came of it; one JSON file beside every result.

    Attributes:
        task: For example ``"synthesis.talk"``.
        inputs: Name -> {path, sha256}.
        weights: Name -> sha256.
        settings: Every option that can change the result.
        notes: Sentences about what a reader should know (held frames, fallbacks).
        result: Figures and paths of the result.
    """

    task: str
    inputs: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)
    weights: dict[str, str] = dataclasses.field(default_factory=dict)
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    notes: list[str] = dataclasses.field(default_factory=list)
    result: dict[str, Any] = dataclasses.field(default_factory=dict)
    started: str = dataclasses.field(default_factory=lambda: datetime.now(UTC).isoformat())
    versions: dict[str, str] = dataclasses.field(default_factory=versions)

    def add_input(self, name: str, path: str | Path) -> None:
        """Hash an input file and write it down under ``name``."""
        self.inputs[name] = {"path": str(path), "sha256": sha256_of(path)}

    def to_text(self) -> str:
        """Return the record as JSON."""
        return json.dumps(to_plain(self), indent=2, ensure_ascii=False) + "\n"

    def write(self, path: str | Path) -> Path:
        """Write the record as JSON, beside and renamed, and return its path."""
        return write_atomic(path, self.to_text())


def write_atomic(path: str | Path, content: str | bytes) -> Path:
    """Write a file beside its place and rename it, so that no half of it is ever seen.

    For content in memory; :func:`shared.beside.replacing` serves writers that need a path of their own. What UTF-8
    cannot hold (the bytes of a file name in another encoding) is written as an escape, which JSON reads back.

    Raises:
        OutputError: If the folder does not exist, is full, or cannot be written.
    """
    target = Path(path)
    data = content.encode(errors="backslashreplace") if isinstance(content, str) else content
    with replacing(target) as temporary, writing(target):
        temporary.write_bytes(data)
    return target
