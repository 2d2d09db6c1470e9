"""Write a file beside its place and rename it when it is whole."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.errors import OutputError


@contextmanager
def replacing(target: str | Path) -> Iterator[Path]:
    """Give a new empty file beside ``target``; rename it to ``target`` if the block succeeds, else remove it.

    For writers that need a path of their own (encoders); for content in memory there is
    :func:`shared.custody.write_atomic`. The temporary name keeps the extension and is never the same twice.

    Raises:
        OutputError: If the folder is missing or not writable, or ``target`` is a folder.

    Example:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "a.txt"
        >>> with replacing(place) as temporary:
        ...     _ = temporary.write_text("whole")
        >>> place.read_text(), len(list(place.parent.iterdir()))
        ('whole', 1)
    """
    place = _place(target)
    temporary = _begun(place)
    try:
        yield temporary
        with writing(place):
            temporary.replace(place)
    finally:
        temporary.unlink(missing_ok=True)


def require_writable(target: str | Path) -> None:
    """Refuse a place where no file can be written, before the work that its content costs.

    Raises:
        OutputError: As :func:`replacing`.
    """
    _begun(_place(target)).unlink(missing_ok=True)


def _begun(place: Path) -> Path:
    """Make a new empty file beside a place."""
    temporary = place.with_name(f".{place.stem}.{secrets.token_hex(4)}{place.suffix}")
    with writing(place):
        if place.is_dir():
            raise OutputError(
                f"cannot write {place}", found="a folder of that name", fix="choose a file name"
            )
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    return temporary


def _place(target: str | Path) -> Path:
    """Return where a file shall lie: where a link leads, and never a device, which a rename would replace."""
    place = Path(target)
    # /dev/stdout is a link, perhaps to the file that a shell has opened; /dev/shm holds files like any others
    stream = place.is_symlink() and place.absolute().parts[1:2] in (("dev",), ("proc",))
    if stream or (place.exists() and not (place.is_file() or place.is_dir())):
        raise OutputError(
            f"cannot write {target}", found="a device or pipe", fix="name a file, and read that"
        )
    return place.resolve() if place.is_symlink() else place


def require_own(target: str | Path, beginning: bytes) -> None:
    """Refuse to write where nothing can be written, or over a file of another kind: it may be what is to be examined.

    Args:
        target: What is to be written.
        beginning: How each file of the kind begins, in lower case.

    Raises:
        OutputError: If something else lies there, or it cannot be read.
    """
    require_writable(target)
    with writing(target):
        if not Path(target).is_file():
            return
        with Path(target).open("rb") as opened:
            found = opened.read(len(beginning))
    if found and found.lower() != beginning:
        raise OutputError(
            f"{target} would be replaced", found="a file of another kind", fix="choose another name"
        )


@contextmanager
def writing(target: str | Path) -> Iterator[None]:
    """Turn what the system raises while ``target`` is written into an :class:`OutputError`."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"cannot write {target}",
            found=error.strerror or error,
            fix="choose a folder that exists, is writable and has space",
        ) from error
