"""Every element of FoCus with its switch, the weights of the losses, and the profiles.

"[abstract]" and "[review]" are said of the paper by its abstract or by readers of its full text; "ours" is stated in
nothing that could be read: the method section could not.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from forensics.backbones import convnext, vit
from forensics.backbones.convnext import ConvNextSize
from forensics.backbones.vit import VitSize
from shared.errors import InputError
from shared.training.run import Budget


@dataclass(frozen=True)
class FocusConfig:
    """The network.

    Raises:
        InputError: If switches do not go together.
    """

    backbone: VitSize | ConvNextSize = vit.SIZES["cpu"]
    """[review]: a Vision Transformer; its size is ours."""
    image: int = 112
    """Side of the pictures, px; twice the backbone's own gives a grid of 28. ours; 224 in the family."""
    edges: Literal["none", "sobel", "srm", "dct"] = "sobel"
    """The second view. [review]: Sobel; the others are ablations."""
    shared_backbone: bool = True
    """One backbone for both views, with a patch embedding and a head for each. ours."""
    map_source: Literal["attention", "cam", "posterior"] = "posterior"
    """What the map is: attention of a class token, a class map after the fact, or the classifier itself. [review]: a
    1 x 1 convolution on the patches; the reading is ours."""
    pooling_fake: Literal["gap", "topk", "lse"] = "topk"
    """From the fake map to its logit. ours."""
    pooling_real: Literal["none", "gap", "topk", "lse"] = "none"
    """From the authentic map to its logit. "none": that logit is 0 and the other pools ``A_forged - A_authentic``, so
    that a forgery asks nothing of the patches that are not pooled. ours; "gap" raises the whole map (measured)."""
    centred: bool = False
    """Take the mean patch from every patch before the class maps, so that what attention tells all patches alike is no
    place. Off: a cue moves the mean, and every other patch away from it, and the classifier learned to read the class
    there (measured: maps below the trivial IoU). ours."""
    topk_share: float = 0.2
    """Share of patches that the top-k mean takes. ours."""
    sharpness: float = 5.0
    """r of log-sum-exp. ours."""
    delta: float = 0.5
    """A proposal is what reaches this share of the map's peak. ours."""
    affinity_power: int = 0
    """How often a map is spread along the attention of the last three layers; 0 never, 2 where it is used. ours."""
    learning: Literal["none", "erase", "fuse", "both"] = "both"
    """Complementary learning. [abstract]: it exists; both readings are ours."""
    erase: Literal["token", "zero", "blur"] = "token"
    """What stands in place of an erased region. ours."""
    erase_from: Literal["other", "either"] = "other"
    """Which view loses what one has found: the other, or one of both by lot. Where two cues show in one view alone,
    the other has nothing to find (measured). ours."""
    detail: Literal[1, 2] = 1
    """2: a decoder doubles the grid, for finer seams. ours."""

    def __post_init__(self) -> None:
        """Refuse switches that do not go together."""
        transformer = isinstance(self.backbone, VitSize)
        if not transformer and (
            self.affinity_power
            or self.map_source == "attention"
            or (self.learning in ("erase", "both") and self.erase == "token")
        ):
            raise InputError(
                "a ConvNeXt has neither attention nor a mask token",
                fix="erase by zero or blur, without affinity and attention maps",
            )
        if self.learning in ("fuse", "both") and self.edges == "none":
            raise InputError("fusing needs a second view", found="edges none")
        if self.detail == 2 and (self.affinity_power or self.map_source == "attention"):
            raise InputError("attention lies on the coarse grid", fix="use detail 1")

    @property
    def streams(self) -> int:
        """Number of views."""
        return 1 if self.edges == "none" else 2


@dataclass(frozen=True)
class FocusWeights:
    """Weights of the losses beside the classification of each stream; all ours."""

    erased: float = 0.5
    """Classification of what the proposal leaves. 0 without erasing."""
    real: float = 1.0
    """No cue on authentic faces."""
    area: float = 0.1
    """The map of a forgery covers between 5 % and 50 %."""
    tv: float = 0.01
    """Total variation of the map."""
    equivariance: float = 0.5
    """The map moves with the picture (SEAM, Wang et al., CVPR 2020). At 2, one view learnt nothing in 200 steps."""
    hide: float = 0.75
    """Largest share of patches that are hidden in the moved picture; each face has its own. What a patch shows must
    not change when others are hidden, so evidence stays where it is seen. ours; 0 switches it off."""
    union: float = 0.1
    """The fused map covers what either view finds."""
    agreement: float = 0.1
    """Both views agree on authentic faces."""
    erase_authentic: bool = True
    """Erase regions of the same shapes on authentic faces, too: else the erasing itself would betray the class."""


PLAIN = FocusWeights(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""Classification alone: plain CARP."""


@dataclass(frozen=True)
class FocusRecipe:
    """How it is trained.

    Attributes:
        backbone_rate: Peak learning rate of the backbone. Family: 3e-5 on pretrained weights.
        head_rate: Peak learning rate of everything else. ours.
        weight_decay: AdamW's. Family: 0.05.
        warmup: Share of the steps in which the rates rise. ours.
        again_every: The losses that look at the pictures once more (erased, equivariance) are taken every so many
            steps, with as many times their weight; each costs as much as all the others together. ours.
        settle: Share of the steps in which classification alone is learnt. Then the other terms rise to their weights,
            for as long again. At full weight from the start, a small network ends with maps that are dark everywhere
            before it has seen a forgery (measured). ours.
        weights: Of the losses.
    """

    backbone_rate: float = 1e-3
    head_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup: float = 0.05
    again_every: int = 1
    settle: float = 0.0
    weights: FocusWeights = field(default_factory=FocusWeights)


@dataclass(frozen=True)
class FocusProfile:
    """Network, recipe and budget of one scale."""

    network: FocusConfig
    recipe: FocusRecipe
    budget: Budget


PROFILES: dict[str, FocusProfile] = {
    "smoke": FocusProfile(
        FocusConfig(vit.SIZES["smoke"], 32), FocusRecipe(), Budget(20, batch_size=8)
    ),
    "cpu": FocusProfile(
        FocusConfig(topk_share=0.15),
        FocusRecipe(1e-3, 1e-3, again_every=8, settle=0.4),
        Budget(4_000, batch_size=24, save_every=400),
    ),
    "gpu": FocusProfile(
        FocusConfig(vit.SIZES["gpu"], 224),
        FocusRecipe(2e-4, 3e-4),
        Budget(8_000, batch_size=64, precision="bf16-mixed"),
    ),
    # Family: ViT-B/16 from ImageNet-21k, AdamW, 10 epochs of 32 frames a video of FaceForensics++.
    "paper": FocusProfile(
        FocusConfig(vit.SIZES["paper"], 224),
        FocusRecipe(3e-5, 3e-4),
        Budget(30_000, batch_size=64, precision="bf16-mixed"),
    ),
}
"""Scale -> what is trained, and for how long."""


def profile_named(name: str) -> FocusProfile:
    """Return a profile.

    Raises:
        InputError: If there is none of that name.
    """
    if name not in PROFILES:
        raise InputError("there is no such profile", found=name, expected=" | ".join(PROFILES))
    return PROFILES[name]


def config_to_plain(config: FocusConfig) -> dict[str, Any]:
    """Return what JSON can hold and :func:`config_from_plain` reads."""
    return {"kind": type(config.backbone).__name__, **asdict(config)}


def config_from_plain(plain: dict[str, Any]) -> FocusConfig:
    """Read a configuration.

    Example:
        >>> config_from_plain(config_to_plain(FocusConfig())) == FocusConfig()
        True
    """
    values = dict(plain)
    kind, sizes = values.pop("kind"), values.pop("backbone")
    if kind == "VitSize":
        return FocusConfig(VitSize(**sizes), **values)
    lists = {name: tuple(sizes[name]) for name in ("widths", "depths")}
    return FocusConfig(ConvNextSize(sizes["image"], **lists), **values)


def ablations(profile: FocusProfile) -> dict[str, FocusProfile]:
    """Return the grid: each arm of the ladder adds one element to the one before; the others vary the full method.

    Args:
        profile: The full method at some scale.
    """
    attention = replace(
        profile.network, edges="none", learning="none", map_source="attention", detail=1
    )
    cam = replace(attention, map_source="cam", pooling_fake="gap")
    gap = replace(cam, map_source="posterior")
    topk = replace(gap, pooling_fake="topk")
    sobel = replace(topk, edges="sobel")
    erase, both = replace(sobel, learning="erase"), replace(sobel, learning="both")
    affinity = replace(both, affinity_power=2)
    real = replace(PLAIN, real=1.0)
    erased = replace(real, erased=0.5)
    fused = replace(erased, union=0.1, agreement=0.1)
    ladder: dict[str, tuple[FocusConfig, FocusWeights]] = {
        "attention": (attention, PLAIN),
        "CAM": (cam, PLAIN),
        "CARP, GAP": (gap, PLAIN),
        "CARP, top-k": (topk, PLAIN),
        "+ real suppression": (topk, real),
        "+ Sobel stream": (sobel, real),
        "+ CL, erase": (erase, erased),
        "+ CL, fuse": (both, fused),
        "+ affinity": (affinity, fused),
        "+ equivariance": (affinity, replace(fused, equivariance=0.5)),
        "+ hiding": (affinity, replace(fused, equivariance=0.5, hide=0.75)),
    }
    full, weights = profile.network, profile.recipe.weights
    grown = _grown_convnext(full)
    variants: dict[str, FocusConfig] = {
        "full": full,
        "mean patch taken away": replace(full, centred=True),
        "delta 0.3": replace(full, delta=0.3),
        "delta 0.7": replace(full, delta=0.7),
        "separate backbones": replace(full, shared_backbone=False),
        "SRM instead of Sobel": replace(full, edges="srm"),
        "DCT instead of Sobel": replace(full, edges="dct"),
        "CL, fuse alone": replace(full, learning="fuse"),
        "log-sum-exp": replace(full, pooling_fake="lse"),
        "erase pixels": replace(full, erase="zero"),
        "erase from either view": replace(full, erase_from="either"),
        "grid doubled": replace(full, detail=2, affinity_power=0),
        "ConvNeXt": replace(full, backbone=grown, erase="blur", affinity_power=0),
    }
    arms = ladder | {name: (config, weights) for name, config in variants.items()}
    if isinstance(full.backbone, VitSize):
        placed = replace(full, backbone=replace(full.backbone, placed=True))
        arms["with position embeddings"] = placed, weights
    grid = {
        name: replace(profile, network=config, recipe=replace(profile.recipe, weights=chosen))
        for name, (config, chosen) in arms.items()
    }
    at_once = replace(profile.recipe, settle=0.0)
    grid |= {"all terms from the start": replace(profile, recipe=at_once)}
    # A switch that the profile has set already would train the full method again under another name.
    return {name: arm for name, arm in grid.items() if name == "full" or arm != grid["full"]}


def _grown_convnext(config: FocusConfig) -> ConvNextSize:
    """Return the ConvNeXt of the profile that this backbone belongs to."""
    if isinstance(config.backbone, ConvNextSize):
        return config.backbone
    names = [name for name, size in vit.SIZES.items() if size == config.backbone]
    return convnext.SIZES[names[0] if names else "cpu"]
