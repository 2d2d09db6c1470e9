"""Sizes, weights and budgets of OPT, each with where it comes from.

"[abstract]" is said by the paper; "[family]" is what close published work uses (named); "ours" is
stated nowhere: the paper's method section could not be read.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from shared.errors import InputError


@dataclass(frozen=True)
class OptConfig:
    """Sizes of the networks."""

    identity_dim: int = 64
    """Identity coefficients of the head model; taken from the corpus. Family: 80 (BFM)."""
    content_width: int = 128
    """Channels of the content encoder. ours."""
    content_dim: int = 64
    """Content feature c_t, the last being energy. ours; PC-AVS has 500."""
    speaker_dim: int = 64
    """Speaker vector s. ours; MakeItTalk has 256."""
    decoder_width: int = 128
    """Channels of the audio decoder. ours."""
    face_dim: int = 32
    """Code of the source face. [abstract]: it enters; its size is ours."""
    hidden: int = 128
    """Channels of the expression net. ours."""
    dilations: tuple[int, ...] = (1, 2, 4, 8)
    """Of the expression net's blocks; they see +-17 frames (0.7 s). ours."""
    dropout: float = 0.1
    """Share of the channels of the expression net that are left out in training. ours."""
    mouth_dim: int = 16
    """Mouth expression feature e_t. ours; PC-AVS has 500, SadTalker 64."""
    disentangle: bool = True
    """Off: raw mel instead of c_t, the ablation "without AFDM"."""
    source_face: bool = True
    """Off: the ablation "without source face"."""


@dataclass(frozen=True)
class AudioWeights:
    """Weights of stage 1, the audio feature disentanglement."""

    reconstruction: float = 1.0
    """Own voice again. Family: equal to the cross term."""
    cross: float = 1.0
    """Cross reconstruction: 1 in the formula of one line; ours."""
    invariance: float = 1.0
    """lambda_1, one content for two voices. ours."""
    cycle: float = 1.0
    """Content cycle. ours, as the other content term."""
    viseme: float = 1.0
    """Cross entropy of a linear classifier of visemes, where the corpus knows phones. ours."""
    contrast: float = 1.0
    """lambda_2, InfoNCE of audio and mouth. ours; PC-AVS uses 100 beside larger image losses."""
    adversary: float = 0.5
    """lambda_3, reached after half of the steps. ours."""
    speaker: float = 1.0
    """Cross entropy on the speaker encoder. ours; PC-AVS pre-trains on 5830 speakers."""
    variance: float = 1.0
    """VICReg (Bardes et al., ICLR 2022) uses 25 beside an invariance weight of 25."""
    covariance: float = 0.04
    """VICReg: 1 to 25, the same ratio."""
    temperature: float = 0.1
    """Of the contrast. ours."""


@dataclass(frozen=True)
class ExpressionWeights:
    """Weights of stage 3, the mouth expression."""

    units: float = 1.0
    """L1 of the face units. SadTalker: 2 (distillation)."""
    landmark: float = 10.0
    """[abstract]: "landmark loss"; the weight is ours. 0 is the ablation."""
    opening: float = 5.0
    """Distance of the inner lips. ours."""
    width: float = 2.0
    """Distance of the mouth's corners. ours."""
    velocity: float = 1.0
    """L1 of frame differences. ours."""
    identity: float = 5.0
    """Landmarks in pauses equal the source's own. ours, after the abstract's "identity"."""
    closure: float = 10.0
    """Gap of the lips beyond rest where p, b and m shut them. ours."""
    closure_frames: float = 3.0
    """Weight of those frames in the landmark and opening terms. ours."""
    sync: float = 0.03
    """The frozen sync expert's doubt. Wav2Lip: 0.03 beside pixels in [0, 1]."""

    def without_landmarks(self) -> ExpressionWeights:
        """Return the weights of the ablation "without landmark loss"."""
        return replace(self, landmark=0.0, opening=0.0, width=0.0, identity=0.0, closure=0.0)


@dataclass(frozen=True)
class JointWeights:
    """Weights of stage 4 beside those of the stages before it."""

    audio: float = 1.0
    """Of all of stage 1's losses, which go on. ours."""
    content_rate: float = 0.1
    """Learning rate of the content encoder as a share of the expression net's. ours."""
    stranger_landmark: float = 10.0
    """Landmark loss of another's voice on this face in a third person's pose. ours."""
    stranger_opening: float = 5.0
    """Opening of the same, relative to the face's own. ours."""
    pictures: float = 0.0
    """Landmarks of rendered frames; 0 leaves the image generator out. ours."""

    def without_landmarks(self) -> JointWeights:
        """Return the weights of the ablation "without landmark loss"."""
        return replace(self, stranger_landmark=0.0, stranger_opening=0.0)


@dataclass(frozen=True)
class StageBudget:
    """What one stage may spend.

    Attributes:
        steps: Optimiser steps.
        batch_size: Clips a step.
        frames: Video frames of each clip.
        learning_rate: Highest rate; it falls to zero along a cosine.
    """

    steps: int
    batch_size: int
    frames: int
    learning_rate: float = 1e-3


@dataclass(frozen=True)
class OptProfile:
    """Networks, weights and budgets of one scale.

    Attributes:
        network: Sizes.
        audio: Budget of stage 1.
        sync: Of stage 2, the sync expert.
        expression: Of stage 3.
        joint: Of stage 4; no steps leave it out.
        variants: Perturbed copies of each training clip.
    """

    network: OptConfig
    audio: StageBudget
    sync: StageBudget
    expression: StageBudget
    joint: StageBudget
    variants: int = 2
    audio_weights: AudioWeights = field(default_factory=AudioWeights)
    expression_weights: ExpressionWeights = field(default_factory=ExpressionWeights)
    joint_weights: JointWeights = field(default_factory=JointWeights)


_TINY = OptConfig(
    content_width=32, content_dim=16, speaker_dim=16, decoder_width=32, face_dim=8, hidden=32
)
_LARGE = OptConfig(
    content_width=512, content_dim=256, speaker_dim=128, decoder_width=512, face_dim=64, hidden=256,
    mouth_dim=64,
)  # fmt: skip

PROFILES: dict[str, OptProfile] = {
    "smoke": OptProfile(_TINY, *(StageBudget(20, 4, 32),) * 4, variants=1),
    "cpu": OptProfile(
        # Fewer frames and fewer numbers: the few sentences of a small corpus are soon known by heart.
        OptConfig(content_dim=32, dilations=(1, 2, 4)),
        audio=StageBudget(1010, 16, 75),
        sync=StageBudget(300, 16, 75),
        expression=StageBudget(1000, 20, 100),
        joint=StageBudget(150, 12, 75, 3e-4),
        variants=1,
    ),
    "gpu": OptProfile(
        OptConfig(content_width=256, hidden=256, decoder_width=256),
        audio=StageBudget(6000, 64, 100),
        sync=StageBudget(3000, 64, 100),
        expression=StageBudget(8000, 64, 100),
        joint=StageBudget(1500, 32, 100, 3e-4),
        variants=4,
        joint_weights=JointWeights(pictures=1.0),
    ),
    # Family sizes: content 256, speaker 128, expression 64, Adam 1e-4, batch 16-32.
    "paper": OptProfile(
        _LARGE,
        audio=StageBudget(100_000, 32, 100, 1e-4),
        sync=StageBudget(50_000, 64, 100, 1e-4),
        expression=StageBudget(100_000, 32, 64, 1e-4),
        joint=StageBudget(10_000, 16, 64, 1e-5),
        variants=4,
        joint_weights=JointWeights(pictures=1.0),
    ),
}
"""Scale -> what is trained, and for how long."""


def profile_named(name: str) -> OptProfile:
    """Return a profile.

    Raises:
        InputError: If there is none of that name.
    """
    if name not in PROFILES:
        raise InputError("there is no such profile", found=name, expected=" | ".join(PROFILES))
    return PROFILES[name]
