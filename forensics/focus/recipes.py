"""From face crops with labels to a FoCus checkpoint."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from torch import Tensor

from forensics.face_batches import Augmentation
from forensics.faces import FaceSet
from forensics.focus.config import (
    FocusConfig,
    FocusProfile,
    config_from_plain,
    config_to_plain,
    profile_named,
)
from forensics.focus.detector import KIND
from forensics.focus.network import FocusNetwork
from forensics.focus.training import FocusModule
from forensics.learning import fit_on_faces
from shared.errors import WeightsError
from shared.training.plan import weights_hash
from shared.training.steps import seeded
from shared.zoo.checkpoints import checkpoint_hash, load_checkpoint, save_checkpoint


def train_focus(
    faces: FaceSet,
    out: str | Path,
    *,
    profile: FocusProfile | str = "cpu",
    validation: FaceSet | None = None,
    weights: str | Path | None = None,
    start: str | Path | None = None,
    augmentation: Augmentation | None = None,
    seed: int = 0,
    minutes: float | None = None,
    device: str = "auto",
) -> Path:
    """Train FoCus, or go on with the training that ``out`` holds, and write the checkpoint.

    Labels of whole pictures are all it is told; masks are not read. Counterparts, where they are known, are its
    authentic faces (see :class:`FaceBatches`).

    Args:
        faces: Authentic and forged.
        out: Folder of the run; the checkpoint is ``out/checkpoint``.
        profile: A scale of :data:`forensics.focus.config.PROFILES`, or one of your own.
        validation: Faces of other people; their AUC is logged.
        weights: Folder of a local transformers ViT to begin from.
        start: A FoCus of the same sizes whose weights are the first, by name or folder.
        augmentation: How pictures are varied.
        seed: Of everything random.
        minutes: Wall clock at most.
        device: Lightning's accelerator name.

    Returns:
        The folder of the checkpoint.

    Raises:
        InputError: If the profile is unknown, a class has no face, or ``out`` holds another training.
        WeightsError: If ``weights`` holds no ViT, or ``start`` no FoCus of these sizes.
    """
    chosen = profile_named(profile) if isinstance(profile, str) else profile
    folder = Path(out)
    with seeded(seed):
        network = FocusNetwork(chosen.network, weights)
    if start is not None:
        network.load_state_dict(_started(start, chosen.network))
    module = FocusModule(chosen, seed, network)
    begun = weights is not None or start is not None
    plan = {
        "trains": "focus", "profile": chosen, "weights": weights_hash(network) if begun else None,
    }  # fmt: skip
    fit_on_faces(
        module, faces, folder, chosen.budget, chosen.network.image, plan=plan,
        validation=validation, augmentation=augmentation, seed=seed, minutes=minutes, device=device,
    )  # fmt: skip
    name = profile if isinstance(profile, str) else "own"
    meta = {"profile": name, "seed": seed, "faces": len(faces)}
    if start is not None:
        meta["start"] = checkpoint_hash(start)
    export(module, folder / "checkpoint", meta)
    return folder / "checkpoint"


def _started(start: str | Path, config: FocusConfig) -> dict[str, Tensor]:
    """Return the weights of an earlier FoCus."""
    tensors, facts = load_checkpoint(start, KIND)
    found = config_from_plain(facts["config"]["network"])
    if found != config:
        raise WeightsError(
            "the FoCus to start from is another network",
            found=found, expected=config, fix="choose the profile that it was trained with",
        )  # fmt: skip
    return tensors["network"]


def export(module: FocusModule, folder: str | Path, meta: dict[str, object]) -> str:
    """Write the network with its configuration and card, and return the hash of its weights."""
    recipe = asdict(module.profile.recipe)
    facts = {"kind": KIND, "trained": True, "recipe": recipe, **meta}
    told = ", ".join(f"{name} {value}" for name, value in meta.items())
    card = f"# FoCus\n\nTrained with {told}; not measured. Method: `forensics/focus/README.md`."
    config = {"network": config_to_plain(module.network.config)}
    return save_checkpoint(folder, {"network": module.network.cpu()}, config, card, facts)
