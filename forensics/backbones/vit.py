"""Vision Transformer (transformers' ``ViTModel``) that keeps its patches on their grid.

Data flow (patches of P px, g = H / P, N = 1 + g g tokens, S streams):

    pictures (B, 3, H, W) in [0, 1] -> (x - 0.5) / 0.5, beside zeros for the other streams   (B, 3 S, H, W)
      -> linear map of each patch, or stem of convolutions       (B, g g, D)
         erased patches (B, g, g) -> mask token
      -> class token before them, position embeddings            (B, N, D)
      -> layers: attention (B, heads, N, N), each token's own network; layer normalisation    (B, N, D)
      -> summary: class token (B, D);  patches (B, D, g, g);  attentions: one (B, heads, N, N) a layer
    attentions -> rollout                                        (B, g g)

| code       | paper     | shape            | meaning |
|------------|-----------|------------------|---------|
| patch      | P         | px               | side of a patch |
| width      | D         |                  | channels of a token |
| depth      | L         |                  | layers |
| summary    | LN(z_L^0) | (B, D)           | class token |
| patches    | LN(z_L^i) | (B, D, g, g)     | patch tokens |
| attentions | A         | (B, heads, N, N) | rows sum to 1: what each token looks at |
| erased     |           | (B, g, g)        | patches that are not seen |

Any side that patches divide is taken: position embeddings are interpolated. 224 px with patches of 16 and 112 px with
patches of 8 both give 14 x 14; twice the side gives 28 x 28.

References: A. Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021; T. Xiao et al., "Early Convolutions Help
Transformers See Better", NeurIPS 2021, for the stem; S. Abnar, W. Zuidema, "Quantifying Attention Flow in
Transformers", ACL 2020, for the rollout.

Differences from the papers:
- There is no classifier: what is given are tokens. The mask token is transformers', for what FoCus erases.
- Sizes ``gpu`` and ``paper`` are ViT-S/16 and ViT-B/16; ``cpu`` and ``smoke`` are ours, with three switches that small
  networks from scratch need: ``reach`` (patches look near), ``placed = False`` (no position embeddings) and ``stem``.
- The stem halves by 2 x 2 convolutions with residual ones of 5 x 5 between them, where Xiao et al. stack 3 x 3
  convolutions of stride 2, and no layer of the transformer is taken out for it. It learns much faster than one linear
  map of each patch. Its convolutions overlap, so what is erased is grey for them, too.
- Streams are ours: several kinds of pictures (the picture, its edges) share all but the patch embedding. The embedding
  takes the streams' channels side by side, and a stream fills its own and leaves the others zero, which is one linear
  map each with one bias for all. Stems are one a stream in so many words, since they normalise by batches and each
  stream has statistics of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import ViTConfig, ViTModel

from shared.errors import InputError, WeightsError


@dataclass(frozen=True)
class VitSize:
    """Sizes of a transformer.

    Attributes:
        image: Side that the position embeddings are made for, px.
        patch: Side of a patch, px.
        width: Channels of a token.
        depth: Layers.
        heads: Attention heads.
        reach: Patches look at patches at most so far away, in patches, and not at the class token, which looks at all;
            0: everywhere, as published. A small network from scratch otherwise tells by any patch what one has seen.
        stem: See patches through convolutions, the first of so many px a step; the patch is that times a power of 2.
            0: one linear map of each patch, as published.
        placed: Patches know where they lie, as published. A small network from scratch otherwise learns where a forgery
            usually is, and lights up that place in every face.
    """

    image: int
    patch: int
    width: int
    depth: int
    heads: int
    reach: int = 0
    stem: int = 0
    placed: bool = True


SIZES: dict[str, VitSize] = {
    "smoke": VitSize(32, 4, 32, 2, 2, reach=1),
    "cpu": VitSize(112, 8, 96, 1, 4, reach=1, stem=2, placed=False),
    "gpu": VitSize(224, 16, 384, 12, 6),  # ViT-S/16
    "paper": VitSize(224, 16, 768, 12, 12),  # ViT-B/16
}
"""Profile -> sizes."""


@dataclass(frozen=True)
class Tokens:
    """What a backbone says of a batch.

    Attributes:
        summary: ``(B, D)``: the class token, or the mean where there is none.
        patches: ``(B, D, g, g)``.
        attentions: Layer -> ``(B, heads, N, N)``, N = 1 + g g; empty unless asked for.
    """

    summary: Tensor
    patches: Tensor
    attentions: tuple[Tensor, ...] = ()


class PatchTransformer(nn.Module):
    """A ``ViTModel`` with a mask token.

    Args:
        size: Sizes; where ``weights`` names a folder, which has its own, the reach alone.
        weights: Folder of a local transformers checkpoint (safetensors), or None for a network from scratch.
        streams: Kinds of pictures with a patch embedding of their own.

    Raises:
        WeightsError: If the folder holds no ViT.
    """

    def __init__(
        self, size: VitSize, weights: str | Path | None = None, *, streams: int = 1
    ) -> None:
        super().__init__()
        self.model = _built(size, streams) if weights is None else _loaded(Path(weights), streams)
        self.streams = streams
        config = self.model.config
        self.patch: int = config.patch_size
        self.width: int = config.hidden_size
        self.size = VitSize(
            config.image_size, self.patch, self.width, config.num_hidden_layers,
            config.num_attention_heads, size.reach, size.stem if weights is None else 0,
            size.placed or weights is not None,
        )  # fmt: skip

    def forward(
        self,
        pictures: Tensor,
        erased: Tensor | None = None,
        *,
        stream: int = 0,
        attentions: bool = False,
    ) -> Tokens:
        """Return tokens.

        Args:
            pictures: ``(B, 3, H, W)`` in [0, 1]; H and W are multiples of the patch.
            erased: ``(B, g, g)`` bool: patches that the mask token replaces.
            stream: Which kind of pictures these are.
            attentions: Give each layer's attention, too.

        Raises:
            InputError: If patches do not divide the picture.
        """
        height, width = pictures.shape[-2:]
        if height % self.patch or width % self.patch:
            raise InputError(
                "the picture's sides are no multiples of the patch",
                found=f"{width} x {height} px",
                expected=f"multiples of {self.patch} px",
            )
        wanted = "eager" if attentions else "sdpa"  # the quick one keeps no attention
        if self.model.config._attn_implementation != wanted:
            self.model.set_attn_implementation(wanted)
        grid = height // self.patch, width // self.patch
        seen = neighbourhood(grid, self.size.reach, pictures) if self.size.reach else None
        inside = (pictures - 0.5) / 0.5
        if self.size.stem:
            self.model.embeddings.patch_embeddings.projection.stream = stream
        if erased is not None and self.size.stem:
            inside = inside * ~erased[:, None].repeat_interleave(self.patch, 2).repeat_interleave(
                self.patch, 3
            )
        output = self.model(
            beside_zeros(inside, stream, self.streams),
            bool_masked_pos=None if erased is None else erased.flatten(1),
            interpolate_pos_encoding=True,
            attention_mask=seen,
            output_attentions=attentions,
        )
        tokens = output.last_hidden_state
        patches = tokens[:, 1:].transpose(1, 2).unflatten(2, grid)
        return Tokens(tokens[:, 0], patches, tuple(output.attentions) if attentions else ())


def beside_zeros(pictures: Tensor, stream: int, streams: int) -> Tensor:
    """Return ``(B, 3 streams, H, W)`` with a stream's pictures in its own channels and zeros in the others'."""
    nothing = torch.zeros_like(pictures)
    return torch.cat([pictures if number == stream else nothing for number in range(streams)], 1)


def neighbourhood(grid: tuple[int, int], reach: int, like: Tensor) -> Tensor:
    """Return the mask ``(1, 1, N, N)`` added to attention: 0 where a token looks, else the lowest number.

    Args:
        grid: Rows and columns of patches; the class token comes first.
        reach: Largest distance in rows and in columns.
        like: Tells device and dtype.
    """
    rows, columns = (torch.arange(side, device=like.device) for side in grid)
    place = torch.cartesian_prod(rows, columns)
    near = (place[:, None] - place).abs().amax(-1) <= reach
    looks = torch.ones(1 + len(place), 1 + len(place), dtype=torch.bool, device=like.device)
    looks[1:, 0], looks[1:, 1:] = False, near
    hidden = torch.zeros(looks.shape, dtype=like.dtype, device=like.device)
    return hidden.masked_fill(~looks, torch.finfo(like.dtype).min)[None, None]


def rollout(attentions: tuple[Tensor, ...]) -> Tensor:
    """Return how much each patch enters the class token over all layers, ``(B, g g)``.

    ``product over layers of (mean over heads of A + I) / 2``, the class token's row (Abnar, Zuidema, ACL 2020).

    Args:
        attentions: Layer -> ``(B, heads, N, N)``.
    """
    total = None
    for attention in attentions:
        mean = attention.mean(1)
        mixed = (mean + torch.eye(mean.shape[-1], device=mean.device)) / 2
        total = mixed if total is None else mixed @ total
    if total is None:
        raise InputError("there is no attention to roll out", expected="one layer or more")
    return total[:, 0, 1:]


def _built(size: VitSize, streams: int) -> ViTModel:
    config = ViTConfig(
        hidden_size=size.width,
        num_hidden_layers=size.depth,
        num_attention_heads=size.heads,
        intermediate_size=4 * size.width,
        image_size=size.image,
        patch_size=size.patch,
        num_channels=3 * streams,
    )
    model = ViTModel(config, add_pooling_layer=False, use_mask_token=True)
    if size.stem:
        model.embeddings.patch_embeddings.projection = _Stem(streams, size)
    if not size.placed:
        model.embeddings.position_embeddings.requires_grad_(False).zero_()
    return model


class _Stem(nn.Module):
    """One stack of convolutions for each stream; the transformer calls it with all streams' channels.

    Args:
        streams: Number of stacks.
        size: Of the transformer.
    """

    def __init__(self, streams: int, size: VitSize) -> None:
        super().__init__()
        self.stacks = nn.ModuleList(_stack(size) for _ in range(streams))
        self.stream = 0

    @property
    def weight(self) -> Tensor:
        """The last convolution's: the transformer asks its embedding for the kind of number."""
        last: nn.Conv2d = self.stacks[0][-1]  # type: ignore[assignment,index]
        return last.weight

    def forward(self, pictures: Tensor) -> Tensor:
        return self.stacks[self.stream](pictures[:, 3 * self.stream : 3 * self.stream + 3])


class _Residual(nn.Module):
    """A 5 x 5 convolution of each channel by itself, then two linear maps, beside what comes in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv2d(width, width, 5, padding=2, groups=width), nn.BatchNorm2d(width),
            nn.Conv2d(width, 2 * width, 1), nn.GELU(), nn.Conv2d(2 * width, width, 1),
        )  # fmt: skip

    def forward(self, features: Tensor) -> Tensor:
        return features + self.change(features)


def _stack(size: VitSize) -> nn.Sequential:
    """Return convolutions down to one place a patch, two residual ones after each, then a linear map."""
    halvings = (size.patch // size.stem).bit_length() - 1
    widths = [size.width >> (halvings - number) for number in range(halvings + 1)]
    step = size.stem
    layers: list[nn.Module] = [nn.Conv2d(3, widths[0], step + 1, step, padding=step // 2)]
    for number, width in enumerate(widths):
        if number:
            layers.append(nn.Conv2d(widths[number - 1], width, 2, 2))
        layers += [_Residual(width), _Residual(width)]
    return nn.Sequential(*layers, nn.BatchNorm2d(size.width), nn.Conv2d(size.width, size.width, 1))


def _loaded(folder: Path, streams: int) -> ViTModel:
    """Read a checkpoint of one stream; each stream's patch embedding begins as that of the pictures."""
    if not (folder / "config.json").is_file():
        raise WeightsError(f"no transformers checkpoint in {folder}", expected="config.json in it")
    try:
        model = ViTModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, add_pooling_layer=False,
            use_mask_token=True,
        )  # fmt: skip
    except (OSError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{folder} holds no ViT", found=error) from error
    if streams > 1:
        embedding = model.embeddings.patch_embeddings
        known = embedding.projection
        wider = nn.Conv2d(
            3 * streams,
            known.out_channels,
            known.kernel_size,
            stride=known.stride,  # type: ignore[arg-type]
        )
        with torch.no_grad():
            wider.weight.copy_(known.weight.repeat(1, streams, 1, 1))
            wider.bias.copy_(known.bias)  # type: ignore[union-attr]
        embedding.projection = wider
        embedding.num_channels = model.config.num_channels = 3 * streams
    return model
