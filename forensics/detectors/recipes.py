"""From face crops, labels and the maps of any provider to a detector's checkpoint."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from forensics.detectors.config import (
    DetectorProfile,
    network_class,
    profile_of,
    sizes_to_plain,
)
from forensics.detectors.detector import KIND
from forensics.detectors.training import DetectorModule
from forensics.face_batches import Augmentation
from forensics.faces import FaceSet
from forensics.learning import fit_on_faces
from forensics.maps.provider import MapProvider
from shared.errors import InputError
from shared.training.plan import weights_hash
from shared.training.steps import seeded
from shared.zoo.checkpoints import save_checkpoint


def train_detector(
    name: str,
    faces: FaceSet,
    out: str | Path,
    *,
    maps: MapProvider | None = None,
    profile: DetectorProfile | str = "cpu",
    validation: FaceSet | None = None,
    weights: str | Path | None = None,
    augmentation: Augmentation | None = None,
    seed: int = 0,
    minutes: float | None = None,
    device: str = "auto",
) -> Path:
    """Train a detector, or go on with the training that ``out`` holds, and write the checkpoint.

    Args:
        name: Of :data:`forensics.detectors.config.DETECTORS`.
        faces: Authentic and forged; of other people than those that a map provider's model is tested on.
        out: Folder of the run; the checkpoint is ``out/checkpoint``.
        maps: What teaches where; None for labels alone.
        profile: ``smoke``, ``cpu``, ``gpu``, ``paper``, or one of your own.
        validation: Faces of other people; their AUC is logged.
        weights: Folder of a local transformers backbone to begin from, for detectors that have one.
        augmentation: How pictures are varied.
        seed: Of everything random.
        minutes: Wall clock at most.
        device: Lightning's accelerator name.

    Returns:
        The folder of the checkpoint.

    Raises:
        InputError: If a name is unknown, a class has no face, maps are given to a detector that has none, or ``out``
            holds another training.
        WeightsError: If ``weights`` holds no backbone of the kind.
    """
    chosen = profile_of(name, profile) if isinstance(profile, str) else profile
    kind = network_class(name)
    if maps is not None and not kind.has_map:
        raise InputError(f"{name} has no map that could be taught", fix="train it without maps")
    with seeded(seed):
        extra: dict[str, Any] = {} if weights is None else {"weights": _taken(name, weights)}
        module = DetectorModule(kind(chosen.sizes, **extra), chosen)
    folder = Path(out)
    plan = {
        "trains": name, "profile": chosen, "maps": None if maps is None else maps.name,
        "weights": None if weights is None else weights_hash(module.network),
    }  # fmt: skip
    fit_on_faces(
        module, faces, folder, chosen.budget, module.network.image, plan=plan,
        maps=None if maps is None else maps.maps(faces), validation=validation,
        augmentation=augmentation, seed=seed, minutes=minutes, device=device,
    )  # fmt: skip
    told = {
        "profile": profile if isinstance(profile, str) else "own",
        "seed": seed,
        "faces": len(faces),
        "maps": "none" if maps is None else maps.name,
        "teacher": "" if maps is None else maps.checkpoint,
    }
    export(module, folder / "checkpoint", told)
    return folder / "checkpoint"


def export(module: DetectorModule, folder: str | Path, meta: dict[str, Any]) -> str:
    """Write the network with its configuration and card, and return the hash of its weights."""
    profile = module.profile
    facts = {"kind": KIND, "trained": True, "recipe": asdict(profile.recipe), **meta}
    told = ", ".join(f"{name} {value}" for name, value in meta.items() if value != "")
    card = f"# {profile.name}\n\nTrained with {told}; not measured. See `forensics/detectors/README.md`."
    config = {"detector": profile.name, "sizes": sizes_to_plain(module.network.sizes)}
    return save_checkpoint(folder, {"network": module.network.cpu()}, config, card, facts)


def _taken(name: str, weights: str | Path) -> str | Path:
    if name not in ("efficientnet-unet", "efficientnet", "vit-map"):
        raise InputError(
            f"{name} begins from no weights", expected="efficientnet-unet | efficientnet | vit-map"
        )
    return weights
