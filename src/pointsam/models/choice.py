"""Which of SAM's candidates is an instance's mask.

A rule is a strategy that `segment` and the teacher are given: tensors in, tensors out. Rules that
look at all instances of an image together (a consensus) keep the same contract.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True, eq=False)
class InstanceMasks:
    """Masks of the instances of one image, one an instance, before any threshold."""

    low_res_logits: Float[Tensor, "instances rows cols"]
    iou_prediction: Float[Tensor, " instances"]
    """SAM's own estimate of each mask's IoU."""


@runtime_checkable
class ChooseMask(Protocol):
    """A rule that makes one mask an instance of its candidates."""

    @property
    def multimask(self) -> bool:
        """Whether it needs all candidates; without, it is given the single mask alone."""

    def __call__(
        self,
        low_res_logits: Float[Tensor, "instances candidates rows cols"],
        iou_prediction: Float[Tensor, "instances candidates"],
    ) -> InstanceMasks:
        """Choose; the single mask is the first candidate, those of three sizes follow."""


@dataclass(frozen=True)
class SingleMask:
    """The mask that the decoder gives where it is asked for one."""

    multimask: bool = False

    def __call__(
        self,
        low_res_logits: Float[Tensor, "instances candidates rows cols"],
        iou_prediction: Float[Tensor, "instances candidates"],
    ) -> InstanceMasks:
        """Give the first candidate, without a copy."""
        return InstanceMasks(low_res_logits[:, 0], iou_prediction[:, 0])


@dataclass(frozen=True)
class BestByScore:
    """The mask of the three sizes that SAM itself rates highest.

    Source: segment_anything, predictor.py and its notebooks, ``multimask_output=True``.
    """

    multimask: bool = True

    def __call__(
        self,
        low_res_logits: Float[Tensor, "instances candidates rows cols"],
        iou_prediction: Float[Tensor, "instances candidates"],
    ) -> InstanceMasks:
        """Give the candidate with the highest score, of equals the first; not the single mask."""
        return take(low_res_logits, iou_prediction, 1 + iou_prediction[:, 1:].argmax(dim=1))


SINGLE_MASK = SingleMask()
BEST_BY_SCORE = BestByScore()


def take(
    low_res_logits: Float[Tensor, "instances candidates rows cols"],
    iou_prediction: Float[Tensor, "instances candidates"],
    chosen: Int[Tensor, " instances"],
) -> InstanceMasks:
    """Keep the candidate of each instance that `chosen` numbers."""
    instances = torch.arange(len(chosen), device=chosen.device)
    return InstanceMasks(low_res_logits[instances, chosen], iou_prediction[instances, chosen])
