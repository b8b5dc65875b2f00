"""Ranking and NMS: sort masks by rank, and keep one of those that overlap."""

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
    """Give the product of the ranking factors of each mask; a negative factor counts as 0."""
    return torch.stack([factors[name].clamp(min=0) for name in rank_by]).prod(dim=0)


def best_first(ranks: Float[Tensor, " masks"]) -> Int[Tensor, " masks"]:
    """Give the indices of the masks from highest to lowest rank; ties keep their order."""
    return ranks.argsort(descending=True, stable=True)


def nms(
    count: int,
    *,
    near: Callable[[int], Int[np.ndarray, " others"]],
    iou: Callable[[int, Int[np.ndarray, " others"]], Float[Tensor, " others"]],
    max_overlap: float,
) -> Bool[np.ndarray, " masks"]:
    """Remove each mask that overlaps a better, kept one: non-maximum suppression.

    Args:
        count: of masks, the best first.
        near: gives the indices of the masks that may overlap one; more than those is no fault.
        iou: of one mask with others.
        max_overlap: IoU above which two masks are one object.
    """
    kept = np.zeros(count, dtype=bool)
    for index in range(count):
        others = near(index)
        # Only masks before this one are kept so far.
        rivals = others[kept[others]]
        kept[index] = not bool((iou(index, rivals) > max_overlap).any())
    return kept
