"""FoCus: a classifier whose class maps are the manipulation map, seen by two views that complement each other.

Data flow (g = H / patch, doubled by the decoder of ``detail = 2``):

    picture (B, 3, H, W) in [0, 1]
      -> RGB view, edge view (Sobel)                    (B, 3, H, W) each
      -> backbone -> patch features Z                   (B, D, g, g) each view
      -> 1 x 1 convolution -> class maps A              (B, 2, g, g): authentic, forged
      -> pooling -> logits l                            (B, 2) each view
      -> softmax over classes -> patch posterior m      (B, 1, g, g) each view, refined by affinity
    [Z_rgb; Z_edges] -> 1 x 1 convolution -> gate       (B, 1, g, g)
      -> A_f = gate A_rgb + (1 - gate) A_edges -> l_f;  m_f = gate m_rgb + (1 - gate) m_edges
    proposal R of one view -> erased from the other view -> logits l_erased    training only

| code       | notes    | shape        | meaning |
|------------|----------|--------------|---------|
| features   | Z        | (B, D, g, g) | patch features |
| class_maps | A        | (B, 2, g, g) | class maps, before softmax |
| logits     | l        | (B, 2)       | authentic, forged |
| maps       | m        | (B, 1, g, g) | patch posterior of "forged" |
| regions    | R        | (B, g, g)    | proposal, ``m > delta max m`` |
| gate       | g        | (B, 1, g, g) | share of the RGB view |

Reference: J. Tian, P. Chen, C. Yu, X. Fu, X. Wang, J. Dai, J. Han, "Learning to Discover Forgery Cues for Face Forgery
Detection", IEEE TIFS 19, 2024, arXiv:2409.01030.

Differences from the paper. Its method section could not be read: the abstract names both modules, labels of whole
pictures and unpaired faces; readers of the full text name the Vision Transformer, the 1 x 1 convolution and the fusion
of RGB and Sobel. Everything finer is ours, with a switch for each element in ``config.py``:
- The 1 x 1 convolution is the classifier itself, so that the map is what was decided from, not an attention after it.
- Complementary learning has two readings, erasing and fusing; both are here, and both are on by default.
- Authentic faces are erased with regions of the same shapes: erasing forged faces alone would tell the class.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from forensics.backbones.convnext import ConvNextSize, PatchConvNext
from forensics.backbones.vit import PatchTransformer, rollout
from forensics.focus.carp import activation, least, pooled_logits, posterior, propose, refined
from forensics.focus.config import FocusConfig
from forensics.focus.views import second_view
from shared.errors import InputError

PRIOR = 2.0
"""Log odds of "authentic" of a patch at the start: 0.88. ours, as detectors begin (Lin et al., ICCV 2017)."""


@dataclass(frozen=True)
class StreamOutput:
    """What one view says.

    Attributes:
        features: ``(B, D, g, g)``.
        class_maps: ``(B, 2, g, g)``.
        logits: ``(B, 2)``.
        maps: ``(B, 1, g, g)`` in [0, 1].
    """

    features: Tensor
    class_maps: Tensor
    logits: Tensor
    maps: Tensor


@dataclass(frozen=True)
class FocusOutput:
    """What the network says.

    Attributes:
        streams: RGB, then edges where there are any.
        logits: ``(B, 2)`` the decision.
        maps: ``(B, 1, g, g)`` in [0, 1]: the map that leaves the network.
        fused: ``(B, 1, g, g)`` m_f, or None where nothing is fused.
    """

    streams: tuple[StreamOutput, ...]
    logits: Tensor
    maps: Tensor
    fused: Tensor | None = None


class DetailDecoder(nn.Module):
    """Doubles the grid of the features, with what a shallow convolution of the picture sees at that scale.

    Args:
        width: Channels of the features.
        patch: Side of a patch of the features, px.
    """

    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        shallow = max(8, width // 4)
        self.shallow = nn.Conv2d(3, shallow, patch // 2, patch // 2)
        self.mix = nn.Sequential(
            nn.Conv2d(width + shallow, width, 3, padding=1), nn.GELU(), nn.Conv2d(width, width, 1)
        )

    def forward(self, features: Tensor, view: Tensor, erased: Tensor | None) -> Tensor:
        """Return ``(B, D, 2 g, 2 g)``; what is erased (``(B, g, g)``) is not seen by the shallow way, either."""
        coarse = F.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
        fine = self.shallow(view)
        if erased is not None:
            fine = fine * ~F.interpolate(erased[:, None].float(), scale_factor=2).bool()
        return coarse + self.mix(torch.cat([coarse, fine], dim=1))


class Head(nn.Module):
    """CARP of one view.

    Args:
        width: Channels of the features.
        patch: Side of a patch, px.
        config: Switches.
    """

    def __init__(self, width: int, patch: int, config: FocusConfig) -> None:
        super().__init__()
        self.separate = nn.Conv2d(width, 2, 1)
        with torch.no_grad():  # before anything is learnt, a patch is authentic
            self.separate.bias.copy_(torch.tensor([PRIOR, -PRIOR]) / 2)  # type: ignore[union-attr]
        self.token = nn.Linear(width, 2) if config.map_source == "attention" else None
        self.detail = DetailDecoder(width, patch) if config.detail == 2 else None


class FocusNetwork(nn.Module):
    """The whole network.

    Args:
        config: Switches and sizes.
        weights: Folder of a local transformers ViT, or None for a network from scratch.

    Raises:
        InputError: If weights are given for a backbone that takes none.
    """

    def __init__(self, config: FocusConfig, weights: str | Path | None = None) -> None:
        super().__init__()
        shared = config.shared_backbone
        self.backbones = nn.ModuleList(
            _backbone(config, weights, streams=config.streams if shared else 1)
            for _ in range(1 if shared else config.streams)
        )
        first = self.backbones[0]
        # weights from a folder bring their own sizes
        self.config = replace(config, backbone=first.size)  # type: ignore[arg-type]
        self.patch, width = int(first.patch), int(first.width)  # type: ignore[arg-type]
        self.heads = nn.ModuleList(Head(width, self.patch, config) for _ in range(config.streams))
        fuses = config.learning in ("fuse", "both")
        self.gate = nn.Conv2d(2 * width, 1, 1) if fuses else None
        # a step of training takes three quarters of the time so, on a processor
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def views(self, pictures: Tensor) -> list[Tensor]:
        """Return the RGB view and, where there is one, the edge view."""
        edges = self.config.edges
        return [pictures] if edges == "none" else [pictures, second_view(pictures, edges)]

    def forward(self, pictures: Tensor, erased: Tensor | None = None) -> FocusOutput:
        """Return decision and map of ``(B, 3, H, W)`` in [0, 1].

        Args:
            pictures: The face crops.
            erased: ``(B, H / patch, W / patch)`` bool: where no view must look.
        """
        views = self.views(pictures)
        streams = tuple(self.stream(number, view, erased) for number, view in enumerate(views))
        if len(streams) == 1:
            return FocusOutput(streams, streams[0].logits, streams[0].maps)
        first, second = streams
        either = torch.maximum(first.maps, second.maps)
        if self.gate is None:
            return FocusOutput(streams, (first.logits + second.logits) / 2, either)
        gate = self.gate(torch.cat([first.features, second.features], dim=1)).sigmoid()
        class_maps = gate * first.class_maps + (1 - gate) * second.class_maps
        fused = gate * first.maps + (1 - gate) * second.maps
        logits = pooled_logits(class_maps, self.config, self.on_grid(erased))
        # both readings: fused while it learns, and at the end whatever either view finds
        leaves = fused if self.config.learning == "fuse" else either
        return FocusOutput(streams, logits, leaves, fused)

    def stream(self, number: int, view: Tensor, erased: Tensor | None = None) -> StreamOutput:
        """Return what one view says.

        Args:
            number: 0 for RGB, 1 for edges.
            view: ``(B, 3, H, W)`` of :meth:`views`.
            erased: ``(B, H / patch, W / patch)`` bool: where it must not look.
        """
        config = self.config
        hidden = erased
        if erased is not None and config.erase != "token":
            view, hidden = self.without(view, erased), None
        backbone = self.backbones[0 if config.shared_backbone else number]
        slot = number if config.shared_backbone else 0
        attentive = config.map_source == "attention" or config.affinity_power > 0
        tokens = backbone(view, hidden, stream=slot, attentions=attentive)
        head: Head = self.heads[number]  # type: ignore[assignment]
        features = tokens.patches
        if head.detail is not None:
            features = head.detail(features, view, erased)
            erased = self.on_grid(erased)
        told = features - _mean_patch(features, erased) if config.centred else features
        class_maps = head.separate(told)
        if head.token is not None:
            maps = _attention_map(tokens.attentions, features.shape[2:])
            return StreamOutput(features, class_maps, head.token(tokens.summary), maps)
        logits = pooled_logits(class_maps, config, erased)
        maps = (
            posterior(class_maps)
            if config.map_source == "posterior"
            else activation(class_maps, config)
        )
        if config.affinity_power:
            maps = refined(maps, tokens.attentions, config.affinity_power)
        return StreamOutput(features, class_maps, logits, maps)

    def on_grid(self, erased: Tensor | None) -> Tensor | None:
        """Return patches of the backbone's grid on that of the maps."""
        if erased is None or self.config.detail == 1:
            return erased
        return erased.repeat_interleave(2, 1).repeat_interleave(2, 2)

    def proposals(self, maps: Tensor) -> Tensor:
        """Return the regions of maps ``(B, 1, g, g)`` on the grid of the backbone, ``(B, g, g)`` bool.

        Never a whole face: on a coarser grid a region fills patches that it only touches, so the least is cleared anew.
        """
        regions = propose(maps, self.config.delta)
        if self.config.detail == 1:
            return regions
        coarse = F.max_pool2d(regions[:, None].float(), 2)[:, 0].bool()
        return coarse & ~least(F.avg_pool2d(maps, 2))

    def without(self, view: Tensor, erased: Tensor) -> Tensor:
        """Return a view whose erased patches are grey (``zero``) or blurred (``blur``)."""
        mask = F.interpolate(erased[:, None].to(view), size=view.shape[-2:])
        if self.config.erase == "zero":
            return view * (1 - mask) + 0.5 * mask
        reach = self.patch
        soft = F.avg_pool2d(F.pad(view, (reach,) * 4, mode="replicate"), 2 * reach + 1, stride=1)
        return view * (1 - mask) + soft * mask


def _backbone(config: FocusConfig, weights: str | Path | None, *, streams: int) -> nn.Module:
    if isinstance(config.backbone, ConvNextSize):
        if weights is not None:
            raise InputError("only a Vision Transformer begins from weights", found=weights)
        return PatchConvNext(config.backbone, streams=streams)
    return PatchTransformer(config.backbone, weights, streams=streams)


def _mean_patch(features: Tensor, erased: Tensor | None) -> Tensor:
    """Return the mean over the patches that are left, ``(B, D, 1, 1)``."""
    if erased is None:
        return features.mean((2, 3), keepdim=True)
    kept = (~erased)[:, None].to(features)
    return (features * kept).sum((2, 3), keepdim=True) / kept.sum((2, 3), keepdim=True)


def _attention_map(attentions: tuple[Tensor, ...], grid: torch.Size) -> Tensor:
    """Return the roll-out on its grid, ``(B, 1, g, g)``, scaled to a peak of 1."""
    flow = rollout(attentions).reshape(-1, 1, *grid)
    return flow / flow.amax((2, 3), keepdim=True)
