"""Real footage -> a manifest: in parallel, to be stopped and gone on with, every omission with its reason.

OUT/manifest.jsonl    one clip a line
OUT/left_out.jsonl    one unused stretch of footage a line, with its reason
OUT/clips/            <clip>.mp4 .flac .npz
OUT/state/            one file a video that is done; delete it to do the video again
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cache, partial
from pathlib import Path

from shared.custody import sha256_of_json, write_atomic
from shared.data.clip import Clip
from shared.data.cutting import CutSettings, LeftOut, Tools, cut_footage
from shared.data.footage import Footage, find_footage
from shared.data.manifest import Manifest, write_manifest
from shared.data.resumable import DIED, Outcome, Piece, Progress, run_pieces
from shared.data.splits import SHARES, split_by_identity
from shared.errors import InputError
from shared.face.detector import CenterFace
from shared.face.head_model import HeadModel
from shared.face.landmarks import LandmarkNet

LEFT_OUT_NAME = "left_out.jsonl"


@dataclass(frozen=True)
class _Job:
    """One video to do."""

    footage: Footage
    source: str
    split: str
    out: Path
    settings: CutSettings

    @property
    def key(self) -> str:
        """Return what the result depends on, hashed: settings, person, and the files' size and time."""
        files = [
            (str(path), path.stat().st_size, path.stat().st_mtime_ns)
            for path in (self.footage.path, self.footage.audio)
        ]
        return sha256_of_json([self.settings, self.footage.person, files])


def prepare(
    root: str | Path,
    out: str | Path,
    *,
    layout: str = "plain",
    workers: int = 2,
    fps: Fraction | int = 25,
    size: int = 256,
    shortest: float = 2.0,
    longest: float = 10.0,
    smallest: float = 64.0,
    licence: str = "",
    seed: int = 0,
    shares: Mapping[str, float] = SHARES,
    progress: Progress | None = None,
) -> Manifest:
    """Turn a folder of videos into a manifest of clips with face crops, sound and fitted Motion.

    Each clip is one person, alone, in one fixed square crop; people are split by identity. Finished videos are
    skipped when the same command is given again. No video stops the rest: what cannot be used, even one whose
    decoding kills its process, stands in ``left_out.jsonl`` with its reason.

    Args:
        root: Folder of the videos.
        out: Folder of the manifest; made if missing.
        layout: ``plain``, ``voxceleb2`` or ``hdtf``; see :func:`shared.data.footage.find_footage`.
        workers: Processes.
        fps: Frames a second of the clips.
        size: Side of the clips, px.
        shortest: Seconds; shorter pieces are left out.
        longest: Seconds; longer pieces are cut into equal parts.
        smallest: Least side of a face's box in the footage, px.
        licence: Written into every clip.
        seed: Of the split.
        shares: Expected share of the people in ``train``, ``val`` and ``test``.
        progress: Called with (videos done, videos in all).

    Raises:
        InputError: If no video is found, an argument is out of range, or no clip came out.
        OutputError: If ``out`` cannot be written.
    """
    if Path(out).resolve().is_relative_to(Path(root).resolve()):
        raise InputError(
            "the output lies inside the footage", found=out, fix="choose another folder"
        )
    settings = CutSettings(Fraction(fps), size, shortest, longest, smallest, licence)
    footage = find_footage(root, layout)
    splits = split_by_identity((item.person for item in footage), seed, shares)
    jobs = [
        _Job(item, item.path.relative_to(root).as_posix(), splits[item.person], Path(out), settings)
        for item in footage
    ]
    outcomes = run_pieces(
        [Piece(job.footage.id, job.key, job) for job in jobs], _cut, Path(out) / "state",
        workers=workers, apart=True, whole=partial(_is_whole, Path(out)), progress=progress,
    )  # fmt: skip
    return _collect(Path(out), jobs, outcomes)


@cache
def _tools() -> Tools:
    """Load the networks once a process."""
    return Tools(CenterFace(), LandmarkNet(), HeadModel.load())


def _cut(job: _Job) -> Outcome:
    """Do one video; the split is the manifest's, for it may change without the video."""
    made = cut_footage(job.footage, job.source, job.split, job.out, job.settings, _tools())
    return {
        "clips": [json.loads(clip.to_json()) for clip in made.clips],
        "left_out": [asdict(item) for item in made.left_out],
    }


def _is_whole(out: Path, outcome: Outcome) -> bool:
    """Tell whether all files of a video's clips are still there."""
    return all(
        (out / clip[name]).is_file()
        for clip in outcome.get("clips", ())
        for name in ("video", "audio", "truth")
    )


def _collect(out: Path, jobs: Sequence[_Job], outcomes: Sequence[Outcome]) -> Manifest:
    """Write the manifest and the list of what was left out."""
    clips: list[Clip] = []
    left_out: list[LeftOut] = []
    for job, outcome in zip(jobs, outcomes, strict=True):
        if "failed" in outcome:
            why = "crashed" if outcome["failed"] == DIED else "failed"
            left_out.append(LeftOut(job.source, why, str(outcome["failed"])))
            continue
        rows = [{**row, "split": job.split} for row in outcome["clips"]]
        clips += [Clip.from_json(json.dumps(row)) for row in rows]
        left_out += [LeftOut(**row) for row in outcome["left_out"]]
    lines = [json.dumps(asdict(item), ensure_ascii=False) + "\n" for item in left_out]
    write_atomic(out / LEFT_OUT_NAME, "".join(lines))
    if not clips:
        counts = Counter(item.reason for item in left_out)
        raise InputError(
            f"no clip came out of {len(jobs)} videos",
            found=", ".join(f"{reason}: {count}" for reason, count in counts.most_common()),
            fix=f"see {out / LEFT_OUT_NAME}",
        )
    return write_manifest(out, clips)
