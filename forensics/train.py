"""Training by name, from extracted faces or a forgery corpus on disk: what ``forensics train`` runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from forensics.detectors.config import DETECTORS, profile_of
from forensics.detectors.recipes import train_detector
from forensics.faces import FaceSet, joined
from forensics.focus.config import profile_named
from forensics.focus.recipes import train_focus
from forensics.forgery_faces import read_faces
from forensics.maps.cache import CachedMaps
from forensics.maps.registry import provider_named
from forensics.prepared_faces import KIND, read_prepared, with_masks
from shared.data.manifest import Manifest, read_manifest
from shared.errors import InputError

NAMES = ("focus", *DETECTORS)


def train(
    what: str,
    corpus: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    beside: str | Path | None = None,
    profile: str = "cpu",
    maps: str | None = None,
    teacher: str | Path | None = None,
    weights: str | Path | None = None,
    start: str | Path | None = None,
    per_clip: int = 8,
    seed: int = 0,
    minutes: float | None = None,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Train FoCus or a detector on a forgery corpus with the splits ``train`` and ``val``.

    Args:
        what: ``focus`` or a name of :data:`forensics.detectors.config.DETECTORS`.
        corpus: One folder or several, of faces that ``forensics prepare`` extracted, as an inspection needs them, or of
            a forgery corpus, whose faces are then cut by the known landmarks.
        out: Folder of the run; it resumes.
        beside: Folder of the forgery corpus that extracted faces come from: each forged face then comes beside its
            authentic counterpart. Labels are all that is told; it learns several times as fast.
        profile: ``smoke``, ``cpu``, ``gpu`` or ``paper``.
        maps: Name of the provider that teaches a detector where; None for labels alone. One that reads masks learns
            from none of the videos whose masks `forensics prepare` had to leave out.
        teacher: Checkpoint that the maps come from, for providers that need one.
        weights: Folder of a local transformers backbone to begin from.
        start: focus: an earlier one of the same sizes to go on from, by name or folder.
        per_clip: Frames of each clip of a forgery corpus; of extracted faces all. Paper: 32.
        seed: Of everything random.
        minutes: Wall clock at most.
        device: Lightning's accelerator name.
        progress: Called with (clips read, clips) of each split.

    Returns:
        The folder of the checkpoint.

    Raises:
        InputError: If a name is unknown, FoCus is given maps, or the corpus lacks a class in a split.
    """
    if what not in NAMES:
        raise InputError(
            "nothing of that name can be trained", found=what, expected=" | ".join(NAMES)
        )
    if what == "focus" and (maps or teacher):
        raise InputError(
            "FoCus learns from labels alone", found=f"maps {maps}", fix="leave them out"
        )
    if what != "focus" and start is not None:
        raise InputError("only FoCus can go on from an earlier one", found=f"{what}, {start}")
    size = (
        profile_named(profile).network.image
        if what == "focus"
        else int(profile_of(what, profile).sizes.image)
    )
    if per_clip < 1:
        raise InputError("frames of a clip count from 1", found=per_clip)
    folder = Path(out)
    corpora = [corpus] if isinstance(corpus, str | Path) else list(corpus)
    manifests = [
        read_manifest(one, "`forensics prepare` or a build of a forgery corpus") for one in corpora
    ]
    provider = None if maps is None else provider_named(maps, teacher)
    origin = None if beside is None else read_manifest(beside)
    masked = provider is not None and "masks" in provider.reads
    taught = [with_masks(one) for one in manifests] if masked else manifests
    faces, held = (
        _faces(told, split, pairs, size, per_clip, progress)
        for split, told, pairs in (("train", taught, origin), ("val", manifests, None))
    )
    if what == "focus":
        return train_focus(
            faces, folder, profile=profile, validation=held, weights=weights, start=start,
            seed=seed, minutes=minutes, device=device,
        )  # fmt: skip
    kept = None if provider is None else CachedMaps(provider, folder / "maps")
    return train_detector(
        what, faces, folder, maps=kept, profile=profile, validation=held, weights=weights,
        seed=seed, minutes=minutes, device=device,
    )  # fmt: skip


def _faces(
    manifests: Sequence[Manifest],
    split: str,
    origin: Manifest | None,
    size: int,
    per_clip: int,
    progress: Callable[[int, int], None] | None,
) -> FaceSet:
    """Read the faces of one split; of several corpora some may have none in it."""
    here = [part for one in manifests if len(part := one.where(split=split))]
    if not here:
        raise InputError(
            f"the corpus has no faces in the split {split}",
            fix="give one more --corpus that has; `forensics prepare` tells what is in each",
        )
    return joined(
        [
            read_prepared(manifest, corpus=origin, progress=progress)
            if manifest.clips[0].kind == KIND
            else read_faces(manifest, size, per_clip=per_clip, progress=progress)
            for manifest in here
        ]
    )
