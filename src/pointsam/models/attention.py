"""Scaled dot-product attention, by the formulation whose gradient is quick."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

MAX_SCORES = 1 << 24
"""Most scores that are written down for the backward pass: 34 MB in half precision."""


def dot_product_attention(
    query: Float[Tensor, "batch heads queries channels"],
    key: Float[Tensor, "batch heads keys channels"],
    value: Float[Tensor, "batch heads keys channels"],
    *,
    bias: Float[Tensor, "#batch heads queries keys"] | None = None,
    scale: float | None = None,
) -> Float[Tensor, "batch heads queries channels"]:
    """Mix values by the likeness of queries and keys.

    torch's fused kernel never writes the scores down. Its backward pass in half precision on a
    CPU was measured up to 15 times slower than that of plain products (docs/performance.md), so
    there, and where the scores are few, the products are written out.

    Args:
        query: of each token that reads.
        key: of each token that is read.
        value: of each token that is read.
        bias: added to the scores.
        scale: of the scores; one over the root of the channels if not given.
    """
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    if _is_slow_fused(query, key):
        return written_out(query, key, value, bias, scale)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=scale)


def written_out(
    query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None, scale: float
) -> Tensor:
    """Compute the same by plain products; the scores stay in memory for the backward pass."""
    scores = (query * scale) @ key.mT
    if bias is not None:
        scores = scores + bias
    # Autocast would keep the weights in float32 for the backward pass, beside those in half.
    with torch.autocast(query.device.type, enabled=False):
        mixed: Tensor = scores.softmax(dim=-1) @ value
    return mixed


def _is_slow_fused(query: Tensor, key: Tensor) -> bool:
    """Say whether the fused kernel would have a gradient to make in half precision on a CPU."""
    graph = torch.is_grad_enabled() and (query.requires_grad or key.requires_grad)
    half = query.dtype in (torch.bfloat16, torch.float16)
    if not graph or not half or query.device.type != "cpu":
        return False  # an export makes a constant of every size that is read, so sizes come last
    return query.shape[:-1].numel() * key.shape[-2] <= MAX_SCORES
