"""Masks: logits, the bool maps they become, their bounds, who owns a pixel, counts of pixels."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor
from torch.nn import functional as F

from pointsam.frames import LOW_RES_STRIDE, ModelFrame, to_edges
from pointsam.prompts import POSITIVE, Prompts

AT_ONCE = 16
"""Instances whose logits or masks are resampled at once: in float32 they are large."""


HALF = 0.5
"""Share of a pixel above which it belongs to a mask that covers it in part."""


def threshold(mask_logits: Float[Tensor, "*batch rows cols"]) -> Bool[Tensor, "*batch rows cols"]:
    """Turn logits into masks: the only place where a mask is decided."""
    return mask_logits > 0


def masks_in_image(
    low_res_logits: Float[Tensor, "instances rows cols"], frame: ModelFrame
) -> Bool[Tensor, "instances height width"]:
    """Decide masks in the image frame, some at a time because logits are large there.

    The result is in the CPU's memory.
    """
    parts = low_res_logits.split(AT_ONCE)
    return torch.cat([threshold(frame.logits_to_image(part)).cpu() for part in parts])


def bounds_of(mask: Bool[np.ndarray, "rows cols"]) -> tuple[int, int, int, int] | None:
    """Give ``(x0, y0, x1, y1)``, edges in pixels, around a mask; None around an empty one."""
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return int(cols[0]), int(rows[0]), int(cols[-1]) + 1, int(rows[-1]) + 1


def iou_of_areas(
    both: Num[Tensor, "*#masks"], one: Num[Tensor, "*#masks"], other: Num[Tensor, "*#masks"]
) -> Float[Tensor, "..."]:
    """Give the IoU of masks by their areas: the one rule of all IoUs of masks.

    Two empty masks have IoU 0: an empty mask is never right.

    Args:
        both: pixels that lie in both masks.
        one: pixels of the one mask.
        other: pixels of the other.
    """
    return both / (one + other - both).clamp(min=1)


def pairwise_iou(
    masks: Bool[Tensor, "instances rows cols"],
) -> Float[Tensor, "instances instances"]:
    """Give the IoU of every two masks as one matrix product; that of an empty mask is 0."""
    pixels = masks.flatten(1).to(torch.float32)
    both = pixels @ pixels.T
    area = pixels.sum(dim=1)
    return iou_of_areas(both, area[:, None], area[None, :])


def agree_with_clicks(
    masks: Bool[Tensor, "instances rows cols"], prompts: Prompts
) -> Bool[Tensor, " instances"]:
    """Say which masks agree with all the clicks that are known about them.

    A mask must hold its own positive points, to a low-res pixel, and no positive point of
    another instance: instances do not overlap, so a mask that holds a neighbour's click is wrong,
    whatever the model thinks of it. Without this, a mask that floods its neighbours teaches
    flooding.

    Args:
        masks: in the low-res frame.
        prompts: the annotator's, in the model frame; best on the CPU.
    """
    if not len(prompts):
        return masks.new_zeros(0)
    points, owner = prompts.positives()
    cells = (to_edges(points) / LOW_RES_STRIDE).long().clamp(0, masks.shape[-1] - 1)
    col, row = cells.to(masks.device, non_blocking=True).unbind(-1)
    holds = masks[:, row, col]
    nearly_holds = F.max_pool2d(masks[:, None].float(), 3, stride=1, padding=1)[:, 0, row, col] > 0
    own = owner[None, :] == torch.arange(len(masks), device=owner.device)[:, None]
    own = own.to(masks.device, non_blocking=True)
    has_positive = (prompts.labels == POSITIVE).any(dim=1).to(masks.device, non_blocking=True)
    return has_positive & (nearly_holds | ~own).all(dim=1) & ~(holds & ~own).any(dim=1)


@dataclass(frozen=True, eq=False)
class PixelCounts:
    """What the scores of each mask are made of."""

    both: Int[Tensor, " instances"]
    """Pixels in the predicted and in the true mask."""
    predicted: Int[Tensor, " instances"]
    target: Int[Tensor, " instances"]

    @property
    def iou(self) -> Float[Tensor, " instances"]:
        """Give both over either; 0 where both masks are empty."""
        return iou_of_areas(self.both.double(), self.predicted.double(), self.target.double())

    @property
    def f1(self) -> Float[Tensor, " instances"]:
        """Give the harmonic mean of precision and recall."""
        return _ratio(2 * self.both, self.predicted + self.target)

    @property
    def precision(self) -> Float[Tensor, " instances"]:
        """Give the share of the prediction that is true; 0 for an empty prediction."""
        return _ratio(self.both, self.predicted)

    @property
    def recall(self) -> Float[Tensor, " instances"]:
        """Give the share of the truth that is predicted."""
        return _ratio(self.both, self.target)


def count_pixels(
    predicted: Bool[Tensor, "instances rows cols"], target: Bool[Tensor, "instances rows cols"]
) -> PixelCounts:
    """Count the pixels of each pair of masks."""
    return PixelCounts(
        both=(predicted & target).sum(dim=(1, 2)),
        predicted=predicted.sum(dim=(1, 2)),
        target=target.sum(dim=(1, 2)),
    )


def overlap_rate(masks: Bool[Tensor, "instances rows cols"]) -> float:
    """Give the share of the masked pixels of one image that two or more masks claim."""
    claims = masks.sum(dim=0)
    masked = int((claims > 0).sum())
    return int((claims > 1).sum()) / masked if masked else 0.0


class PixelOwners:
    """A label raster: who owns each pixel that several masks may claim.

    A pixel goes to the mask with the highest logit there, of equals to the one that claims first.
    """

    labels: Int[Tensor, "rows cols"]
    """Number of the owner; 0 is background."""

    def __init__(self, size: tuple[int, int], *, device: torch.device | str = "cpu") -> None:
        # A mask is where its logit is positive, so a claim has to be higher than 0.
        self._best = torch.zeros(size, device=device)
        self.labels = torch.zeros(size, dtype=torch.int32, device=device)

    def claim(
        self,
        mask_logits: Float[Tensor, "rows cols"],
        *,
        number: int,
        part: tuple[slice, slice] = (slice(None), slice(None)),
    ) -> None:
        """Let one mask claim its pixels.

        Args:
            mask_logits: in the pixels of `part`.
            number: of the mask, from 1.
            part: rows and columns of the raster.
        """
        best = self._best[part]
        self.labels[part].masked_fill_(mask_logits > best, number)
        torch.maximum(best, mask_logits, out=best)


def _ratio(part: Int[Tensor, " n"], whole: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Divide in float64; nothing of nothing is 0."""
    return part.double() / whole.clamp(min=1).double()


def mask_features(
    features: Float[Tensor, "channels rows cols"], masks: Bool[Tensor, "masks _ _"]
) -> Float[Tensor, "masks channels"]:
    """Give the mean feature of the cells under each mask, weighted by the covered share."""
    rows, cols = features.shape[1:]
    cover = F.adaptive_avg_pool2d(masks.to(features), (rows, cols)).flatten(1)
    weights = cover / cover.sum(dim=1, keepdim=True).clamp(min=torch.finfo(cover.dtype).tiny)
    return weights @ features.flatten(1).T
