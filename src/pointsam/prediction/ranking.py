"""Which of many masks are kept: the best first, and each object once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Factor = Literal["iou", "stability", "similarity"]


def rank(
    factors: Mapping[Factor, Float[Tensor, " masks"]], *, rank_by: Sequence[Factor]
) -> Float[Tensor, " masks"]:
    """Give each mask the product of the factors it is ranked by; a negative one counts as 0."""
    return torch.stack([factors[name].clamp(min=0) for name in rank_by]).prod(dim=0)


def best_first(ranks: Float[Tensor, " masks"]) -> Int[Tensor, " masks"]:
    """Number the masks from the highest rank to the lowest; equals stay in their order."""
    return ranks.argsort(descending=True, stable=True)


def nms(
    count: int,
    *,
    near: Callable[[int], Int[np.ndarray, " others"]],
    iou: Callable[[int, Int[np.ndarray, " others"]], Float[Tensor, " others"]],
    max_overlap: float,
) -> Bool[np.ndarray, " masks"]:
    """Keep a mask unless a kept one before it overlaps it: non-maximum suppression.

    Args:
        count: of masks, the best first.
        near: numbers of the masks that may overlap one, itself and later ones or not.
        iou: of one mask with others.
        max_overlap: IoU above which two masks are one object.
    """
    kept = np.zeros(count, dtype=bool)
    for index in range(count):
        others = near(index)
        # Only masks that stand before this one are kept so far.
        rivals = others[kept[others]]
        kept[index] = not bool((iou(index, rivals) > max_overlap).any())
    return kept
