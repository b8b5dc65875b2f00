"""The plain ViT encoder of SAM and SAM-HQ, run piece by piece, at any side, in little memory."""

from collections.abc import Iterator
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from pointsam.errors import InputError
from pointsam.models.attention import dot_product_attention
from pointsam.models.decoders.library_types import PlainVit, PlainVitAttention, PlainVitLayer
from pointsam.models.families.library import LibrarySegmenter
from pointsam.models.segmenter import AdaptedModule


class VitSegmenter(LibrarySegmenter):
    """A model of the library with SAM's plain ViT encoder; a family adds what its decoder reads."""

    title: ClassVar[str]
    """Name of the family in messages."""
    blocks_name = "vision_encoder.layers"
    mlp_names = ("mlp.lin1", "mlp.lin2")

    def __init__(self, sam: PreTrainedModel, *, side: int) -> None:
        stride = sam.config.vision_config.patch_size
        require_side(side, multiple=stride, family=self.title)
        super().__init__(sam, side=side)
        self.stride = stride
        # Points are measured in the side at hand, as the grid of cells is.
        self.sam.prompt_encoder.input_image_size = side

    def embed(self, pixels: Float[Tensor, "images 3 side side"]) -> Tensor:
        """Give each patch its token."""
        return embed_patches(self.sam.vision_encoder, pixels)

    def run_one(self, block: nn.Module, features: Tensor) -> Tensor:
        """Run one block."""
        return run_layer(block, features)

    def query_value(self, name: str, block: nn.Module) -> Iterator[AdaptedModule]:
        """Name the fused projection."""
        yield fused_projection(f"{name}.attn.qkv", block)


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


def run_layer(
    layer: PlainVitLayer,
    tokens: Float[Tensor, "images rows cols channels"],
) -> Float[Tensor, "images rows cols channels"]:
    """Run one block of the encoder; global attention never holds cells times cells numbers."""
    if layer.window_size:
        windowed: Tensor = layer(tokens)
        return windowed
    attended = tokens + _attend_globally(layer.attn, layer.layer_norm1(tokens))
    mixed: Tensor = attended + layer.mlp(layer.layer_norm2(attended))
    return mixed


def _attend_globally(
    attention: PlainVitAttention,
    tokens: Float[Tensor, "images rows cols channels"],
) -> Float[Tensor, "images rows cols channels"]:
    """Attend with relative positions as part of the query, not as a bias on every pair.

    A pair's bias is one number of the query for the key's row and one for its column. Let the
    query carry these numbers, and let the key mark its row and column with ones: their product
    adds the bias, and the kernels that never write the scores down can be used. At 1024 px the
    bias of ViT-B is 0.8 GB a block.
    """
    images, rows, cols, _ = tokens.shape
    heads = attention.num_attention_heads
    fused = attention.qkv(tokens).reshape(images, rows * cols, 3, heads, -1)
    query, key, value = fused.permute(2, 0, 3, 1, 4).unbind(0)
    width = query.shape[-1]
    if attention.use_rel_pos:
        grid = query.unflatten(2, (rows, cols))
        down = attention.get_rel_pos(rows, rows, attention.rel_pos_h)
        across = attention.get_rel_pos(cols, cols, attention.rel_pos_w)
        to_rows = torch.einsum("bnrcd,rkd->bnrck", grid, down).flatten(2, 3)
        to_cols = torch.einsum("bnrcd,ckd->bnrck", grid, across).flatten(2, 3)
        query = torch.cat([query * attention.scale, to_rows, to_cols], dim=-1)
        place = [
            torch.eye(rows, device=key.device, dtype=key.dtype).repeat_interleave(cols, dim=0),
            torch.eye(cols, device=key.device, dtype=key.dtype).repeat(rows, 1),
        ]
        key = torch.cat([key, torch.cat(place, dim=-1).expand(images, heads, -1, -1)], dim=-1)
    else:
        query = query * attention.scale
    # the kernels ask for values as wide as the keys
    value = F.pad(value, (0, key.shape[-1] - width))
    attended = dot_product_attention(query, key, value, scale=1.0)[..., :width]
    attended = attended.transpose(1, 2).reshape(images, rows, cols, -1)
    projected: Tensor = attention.proj(attended)
    return projected


def fused_projection(name: str, block: nn.Module) -> AdaptedModule:
    """Describe a block's projection whose rows are all queries, then all keys, then all values."""
    rows = block.get_submodule("attn.qkv").out_features
    assert isinstance(rows, int)
    query, _, value = torch.arange(rows).chunk(3)
    return AdaptedModule(name, query, value)
