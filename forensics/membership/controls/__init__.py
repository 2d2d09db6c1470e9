"""Controls: what must *not* tell members apart if an attack is to be believed.

==================  ====  =======================================================
name                id    what is left of the attack
==================  ====  =======================================================
image-statistics    C0    the picture alone
vae-only            C1    the autoencoder's copy
gaussian-noise      C2    drawn noise instead of the U-Net
reference-model     C3    the attack, on a model trained on other pictures
copy-paste          D0    the degraded picture
generic-inpainter   D1    a restoration without the model
random-weights      D3    the attack, on the same architecture untrained
==================  ====  =======================================================

D2, image difficulty, is a regression and not a score: :func:`.difficulty.without_difficulty`.
"""

from __future__ import annotations

from forensics.membership.controls.image_statistics import ImageStatistics
from forensics.membership.controls.no_denoiser import GaussianNoise, VAEOnly
from forensics.membership.controls.no_model import CopyPaste, GenericInpainter
from forensics.membership.controls.other_model import Calibrated, RandomWeights, ReferenceModel
from forensics.membership.drc import DRC
from forensics.membership.protocol import Attack
from forensics.membership.structural import Structural
from forensics.membership.target import Target

__all__ = [
    "Calibrated",
    "CopyPaste",
    "GaussianNoise",
    "GenericInpainter",
    "ImageStatistics",
    "RandomWeights",
    "ReferenceModel",
    "VAEOnly",
    "controls_of",
]


def controls_of(attack: Attack, reference: Target | None = None) -> list[Attack]:
    """Return the controls that belong to an attack, with the attack's own settings.

    Args:
        attack: The attack that shall be believed.
        reference: A model trained on other pictures, if there is one.

    Example:
        >>> [control.name for control in controls_of(DRC(degradation="noise"))]
        ['image-statistics', 'vae-only', 'random-weights']
    """
    preset = attack.preset if isinstance(attack, Structural) else "native"
    found: list[Attack] = [ImageStatistics(), VAEOnly(preset), RandomWeights(attack)]
    if isinstance(attack, Structural):
        found.append(GaussianNoise(preset, attack.total))
    if isinstance(attack, DRC) and attack.degradation != "noise":
        found += [CopyPaste(attack), GenericInpainter(attack)]
    if reference is not None:
        found.append(ReferenceModel(attack, reference))
    return found
