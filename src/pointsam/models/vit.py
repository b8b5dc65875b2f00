"""The plain ViT encoder of SAM and SAM-HQ, run piece by piece and at any side."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from pointsam.errors import InputError
from pointsam.models.library_types import PlainVit
from pointsam.models.segmenter import FusedProjection


def require_side(side: int, *, multiple: int, family: str) -> None:
    """Refuse a side that the family's encoder can't divide.

    Raises:
        InputError: `side` is no multiple, or less than two.
    """
    if side < 2 * multiple or side % multiple:
        raise InputError(f"side {side} does not fit {family}: give a multiple of {multiple}.")


def embed_patches(
    encoder: PlainVit, pixels: Float[Tensor, "images 3 side side"]
) -> Float[Tensor, "images rows cols channels"]:
    """Give each patch its token, with the learned position stretched to the map at hand.

    The stretch is bicubic, as detection backbones do it; at the side the weights were trained
    for nothing is interpolated. (The relative positions of global attention follow by
    themselves: the library stretches them linearly, as SAM's own code does.)

    Source: ViTDet (arXiv:2203.16527), whose released code resizes the same embedding so.
    """
    tokens: Tensor = encoder.patch_embed.projection(pixels).permute(0, 2, 3, 1)
    position: Tensor | None = encoder.pos_embed
    if position is None:
        return tokens
    if position.shape[1:3] != tokens.shape[1:3]:
        maps = position.permute(0, 3, 1, 2)
        resized = F.interpolate(maps, size=tokens.shape[1:3], mode="bicubic")
        position = resized.permute(0, 2, 3, 1)
    return tokens + position


def fused_projection(name: str, *, rows: int) -> FusedProjection:
    """Describe a projection whose rows are all queries, then all keys, then all values."""
    query, _, value = torch.arange(rows).chunk(3)
    return FusedProjection(name, query, value)
