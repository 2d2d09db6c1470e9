"""Trains, judges and maps; each result stays on disk under a name made of all that it depends on.

OUT/models/<cell>/checkpoint/     OUT/arrays/<what>-<cell>.npy
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.forensics.material import Material, Rows
from benchmarks.forensics.plan import Plan
from forensics.detectors.config import DetectorProfile, DetectorRecipe, profile_of
from forensics.detectors.detector import MapDetector
from forensics.detectors.recipes import train_detector
from forensics.faces import FaceSet, Images
from forensics.focus.config import FocusProfile, profile_named
from forensics.focus.detector import FocusDetector
from forensics.focus.recipes import train_focus
from forensics.maps.provider import MapProvider
from shared.custody import sha256_of_json, write_atomic

FOCUS = "focus"
Detector = FocusDetector | MapDetector


@dataclass(frozen=True)
class Workshop:
    """What is measured with.

    Attributes:
        material: All faces.
        plan: How much.
        out: Folder of what is finished.
        device: Where networks learn and run.
        say: Called with what is done next.
    """

    material: Material
    plan: Plan
    out: Path
    device: str = "cpu"
    say: Callable[[str], None] = lambda _: None

    def taught(
        self,
        name: str,
        datasets: str | Sequence[str],
        seed: int,
        *,
        maps: MapProvider | None = None,
        focus: FocusProfile | None = None,
        changed: Callable[[FaceSet], FaceSet] | None = None,
        label: str = "",
    ) -> Detector:
        """Return a detector, trained now or before: all by the same steps, batches, rates and variations.

        Args:
            name: ``focus``, or of :data:`forensics.detectors.config.DETECTORS`.
            datasets: What it learns from, at c23, split ``train``.
            seed: Of everything random.
            maps: What teaches a detector where.
            focus: Another FoCus than the profile's.
            changed: What happens to the faces before.
            label: Names what ``changed`` does.
        """
        rows = self.material.rows(datasets, "train")
        profile = focus or self.focus_profile() if name == FOCUS else self.profile(name)
        teacher = [] if maps is None else [maps.name, maps.checkpoint, maps.settings]
        facts = [name, profile, seed, teacher, label, self.material.sha256, rows]
        folder = self.out / "models" / f"{name}-{sha256_of_json(facts)[:16]}"
        if not (folder / "checkpoint" / "config.json").is_file():
            told = f"{name} on {datasets}" + (f", maps of {maps.name}" if maps else "")
            self.say(f"training {told} {label}, seed {seed}")
            faces = self.material.faces.take(rows)
            self._train(profile, changed(faces) if changed else faces, folder, maps, seed)
        kind = FocusDetector if name == FOCUS else MapDetector
        return kind.from_pretrained(folder / "checkpoint", self.device)

    def _train(
        self,
        profile: FocusProfile | DetectorProfile,
        faces: FaceSet,
        folder: Path,
        maps: MapProvider | None,
        seed: int,
    ) -> None:
        if isinstance(profile, FocusProfile):
            train_focus(faces, folder, profile=profile, seed=seed, device=self.device)
        else:
            train_detector(
                profile.name, faces, folder, maps=maps, profile=profile, seed=seed, device=self.device
            )  # fmt: skip
        (folder / "last.ckpt").unlink(missing_ok=True)

    def profile(self, name: str) -> DetectorProfile:
        """Return a detector's sizes with the common recipe."""
        plan, own = self.plan, profile_of(name, self.plan.scale)
        recipe = DetectorRecipe(plan.rate, own.recipe.weight_decay, plan.map_weight)
        budget = replace(own.budget, steps=plan.steps, batch_size=plan.batch_size)
        sizes = own.sizes if plan.image is None else replace(own.sizes, image=plan.image)
        return replace(own, sizes=sizes, recipe=recipe, budget=budget)

    def focus_profile(self, steps: int | None = None) -> FocusProfile:
        """Return FoCus' sizes with the common recipe."""
        plan, own = self.plan, profile_named(self.plan.scale)
        recipe = replace(own.recipe, backbone_rate=plan.rate, head_rate=plan.rate)
        budget = replace(own.budget, steps=steps or plan.focus_steps, batch_size=plan.batch_size)
        network, side = own.network, plan.image
        if side is not None:
            network = replace(network, image=side, backbone=replace(network.backbone, image=side))
        return replace(own, network=network, recipe=recipe, budget=budget)

    def judged(
        self,
        detector: Detector,
        rows: Rows,
        *,
        changed: Callable[[Images], Images] | None = None,
        label: str = "",
    ) -> NDArray[np.float64]:
        """Return scores of faces, larger = forged.

        Args:
            detector: Trained.
            rows: Of the material.
            changed: What happens to the pictures before.
            label: Names what ``changed`` does.
        """
        return self.kept(
            ["scores", detector.sha256, self.material.sha256, rows, label],
            lambda: detector.detect(self._pictures(rows, changed)).scores,
        )

    def features(self, detector: FocusDetector, rows: Rows) -> NDArray[np.float32]:
        """Return a FoCus' features of faces ``(N, D)``."""
        found = self.kept(
            ["features", detector.sha256, self.material.sha256, rows],
            lambda: detector.detect(self._pictures(rows, None)).features,
        )
        return np.asarray(found, np.float32)

    def raw_maps(
        self,
        detector: FocusDetector,
        rows: Rows,
        *,
        changed: Callable[[Images], Images] | None = None,
        label: str = "",
    ) -> NDArray[np.float32]:
        """Return a FoCus' posterior maps ``(N, g, g)``, not scaled, whatever the label."""
        found = self.kept(
            ["raw", detector.sha256, self.material.sha256, rows, label],
            lambda: detector.detect(self._pictures(rows, changed)).maps,
        )
        return np.asarray(found, np.float32)

    def maps(self, provider: MapProvider, rows: Rows) -> NDArray[np.float32]:
        """Return a provider's maps of faces at whatever grid it has."""
        facts = ["maps", provider.name, provider.checkpoint, provider.settings]
        found = self.kept(
            [*facts, self.material.sha256, rows],
            lambda: provider.maps(self.material.faces.take(rows)),
        )
        return np.asarray(found, np.float32)

    def kept(self, facts: Sequence[Any], make: Callable[[], Any]) -> NDArray[Any]:
        """Return an array that was made before, or make and keep it."""
        told = [
            hashlib.sha256(np.ascontiguousarray(one).tobytes()).hexdigest()
            if isinstance(one, np.ndarray) else one
            for one in facts
        ]  # fmt: skip
        place = self.out / "arrays" / f"{facts[0]}-{sha256_of_json(told)[:24]}.npy"
        if place.is_file():
            return np.asarray(np.load(place, allow_pickle=False))
        made = np.asarray(make())
        place.parent.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        np.save(buffer, made, allow_pickle=False)
        write_atomic(place, buffer.getvalue())
        return made

    def _pictures(self, rows: Rows, changed: Callable[[Images], Images] | None) -> Images:
        frames = self.material.faces.frames[rows]
        return changed(frames) if changed else frames
