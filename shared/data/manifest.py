"""Manifests: a folder with ``manifest.jsonl`` (one Clip a line) and the files that it names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.custody import sha256_of_json, write_atomic
from shared.data.clip import Clip, Truth
from shared.errors import InputError

MANIFEST_NAME = "manifest.jsonl"


@dataclass(frozen=True)
class Manifest:
    """The clips of one corpus.

    Attributes:
        root: The folder that the clips' paths start from.
        clips: In the order of the file.
    """

    root: Path
    clips: tuple[Clip, ...]

    def __iter__(self) -> Iterator[Clip]:
        """Iterate over the clips."""
        return iter(self.clips)

    def __len__(self) -> int:
        """Return the number of clips."""
        return len(self.clips)

    def where(self, **wanted: str) -> Manifest:
        """Return the clips whose attributes have the given values, for example ``split="val", kind="speaking"``."""
        kept = tuple(
            c for c in self.clips if all(getattr(c, key) == value for key, value in wanted.items())
        )
        return Manifest(self.root, kept)

    def sha256(self) -> str:
        """Return a hash of the rows and of the sizes of their files, wherever the folder lies."""
        rows = [
            [
                clip.to_json(),
                *(_size(self.root / name) for name in (clip.video, clip.audio, clip.truth)),
            ]
            for clip in self.clips
        ]
        return sha256_of_json(rows)

    def path(self, relative: str) -> Path:
        """Return a clip's file as a path that can be opened."""
        return self.root / relative

    def truth(self, clip: Clip) -> Truth:
        """Read what is known of a clip."""
        if not clip.truth:
            raise InputError(
                f"clip {clip.id} has no truth file",
                fix="build it with `synthesis prepare` or `make corpus`",
            )
        return Truth.load(self.root / clip.truth)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def read_manifest(
    root: str | Path, made_by: str = "`make corpus` or `synthesis prepare ROOT`"
) -> Manifest:
    """Read ``ROOT/manifest.jsonl`` (or the file itself).

    Args:
        root: The folder.
        made_by: The command that makes such a folder, for who gave another one.

    Raises:
        InputError: If there is none, it is empty, or a line is not a clip.
    """
    path, fix = Path(root), f"give a folder that {made_by} made"
    path = path if path.is_file() else path / MANIFEST_NAME
    if not path.is_file():
        found = f"no file {MANIFEST_NAME} in it" if path.parent.is_dir() else "no such folder"
        raise InputError(f"{root} is no corpus", found=found, fix=fix)
    try:
        lines = path.read_text("utf-8").split("\n")
        clips = tuple(Clip.from_json(line) for line in lines if line.strip())
    except (OSError, ValueError, InputError) as error:
        raise InputError(f"{path} is no manifest of a corpus", found=error, fix=fix) from error
    if not clips:
        raise InputError(f"the manifest {path} is empty", fix="build it again")
    return Manifest(path.parent, clips)


def write_manifest(root: str | Path, clips: Iterable[Clip]) -> Manifest:
    """Write ``ROOT/manifest.jsonl`` and return it."""
    kept = tuple(clips)
    write_atomic(Path(root) / MANIFEST_NAME, "".join(clip.to_json() + "\n" for clip in kept))
    return Manifest(Path(root), kept)
