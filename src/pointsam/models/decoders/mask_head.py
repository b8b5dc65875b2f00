"""From cells and mask tokens to mask logits, as matrix products on cells.

The finer pixels of a cell are extra axes of that cell; only the final logits are rearranged to a
map.

Source: segment_anything, modeling/mask_decoder.py, for what is computed.
"""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from pointsam.models.decoders.library_types import MaskDecoder


def mask_kernels(
    mask_tokens: Float[Tensor, "instances masks channels"], heads: Iterable[torch.nn.Module]
) -> Float[Tensor, "instances masks channels_out"]:
    """Turn each mask's token into weights: the logit of a pixel is its product with them."""
    tokens = mask_tokens.unbind(1)
    return torch.stack([head(token) for head, token in zip(heads, tokens, strict=True)], dim=1)


def upscale(
    mask_decoder: MaskDecoder,
    keys: Float[Tensor, "instances cells channels"],
    *,
    skips: tuple[Tensor, Tensor] | None = None,
) -> Float[Tensor, "instances pixels channels_out"]:
    """Make sixteen finer pixels of every cell, as extra axes that `in_order` turns into a map.

    A transposed convolution whose kernel equals its stride is one matrix product a cell.

    Args:
        mask_decoder: of the family.
        keys: the cells as the transformer left them.
        skips: what SAM 2 adds at stride 8 (cells 4 channels) and stride 4 (cells 4 4 channels).
    """
    norm = mask_decoder.upscale_layer_norm
    fine = unfold_conv(keys, mask_decoder.upscale_conv1)
    if skips is not None:
        fine = fine + skips[0]
    fine = F.gelu(F.layer_norm(fine, norm.normalized_shape, norm.weight, norm.bias, norm.eps))
    fine = unfold_conv(fine, mask_decoder.upscale_conv2)
    if skips is not None:
        fine = fine + skips[1]
    return F.gelu(fine).flatten(1, 3)


def in_order(
    values: Float[Tensor, "instances pixels channels"],
) -> Float[Tensor, "instances channels rows cols"]:
    """Rearrange the finer pixels of all cells to one map."""
    size = int((values.shape[1] // 16) ** 0.5)
    # cells are (row, col); then (dy, dx) of the first convolution, then of the second
    cells = values.unflatten(1, (size, size, 2, 2, 2, 2))
    ordered = cells.permute(0, 7, 1, 3, 5, 2, 4, 6)
    maps: Tensor = ordered.reshape(len(values), values.shape[2], size * 4, size * 4)
    return maps


def beside_cells(
    values: Float[Tensor, "channels rows cols"], *, finer: int
) -> Float[Tensor, "cells *finer channels"]:
    """Make the pixels of a finer map extra axes of their cell, as `upscale` does.

    Args:
        values: a map with ``2 ** finer`` pixels along each side of a cell.
        finer: 1 or 2; each level gives an axis of four pixels.
    """
    halves = [2] * finer
    size = values.shape[-1] // 2**finer
    cells = values.unflatten(2, (size, *halves)).unflatten(1, (size, *halves))
    # channels, row, dy..., col, dx... -> row, col, (dy, dx)..., channels
    pairs = [axis for level in range(finer) for axis in (2 + level, 3 + finer + level)]
    ordered = cells.permute(1, 2 + finer, *pairs, 0)
    pixels: Tensor = ordered.reshape(size * size, *[4] * finer, len(values))
    return pixels


def unfold_conv(features: Tensor, conv: torch.nn.ConvTranspose2d) -> Tensor:
    """Apply a 2x2, stride 2 transposed convolution: ``... channels`` to ``... 4 channels_out``."""
    weight = conv.weight.permute(0, 2, 3, 1).flatten(1)
    assert conv.bias is not None
    spread: Tensor = (features @ weight + conv.bias.repeat(4)).unflatten(-1, (4, -1))
    return spread
