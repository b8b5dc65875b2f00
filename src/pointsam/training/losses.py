"""Losses of masks: focal, Dice and IoU-head error, one value for each instance.

All take maps of one size, usually in the low-res frame, and read only ``valid`` pixels: the image
without its padding. Each loss gives one unweighted value for each instance, so that a caller can
decode instances in chunks and add the values up. The training step averages and weights them.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from pointsam.masks import HALF, count_pixels, threshold

MASK_TERMS = ("focal", "dice", "iou")
"""Loss terms of masks, in the order of reports and logs."""
PROTOTYPE_TERM = "prototype"
BACKGROUND_TERM = "background"
LOSS_TERMS = (*MASK_TERMS, PROTOTYPE_TERM, BACKGROUND_TERM)
"""All loss terms; each has a weight of its name in the settings."""

DICE_SMOOTHING = 1.0
"""Pixels added to both sides of the Dice ratio, so that two empty masks agree."""


def weighted_mask_terms(
    mask_logits: Float[Tensor, "instances rows cols"],
    iou_prediction: Float[Tensor, " instances"],
    target: Bool[Tensor, "instances rows cols"] | Float[Tensor, "instances rows cols"],
    valid: Bool[Tensor, "rows cols"],
    *,
    trust: Float[Tensor, " instances"] | None,
    weights: Mapping[str, float],
    gamma: float,
    focal_mean: bool,
    of: int,
) -> dict[str, Tensor]:
    """Give the weighted share of some instances in each mask term of their image.

    Dice and the IoU head's error are averaged over the image's instances.

    Args:
        mask_logits: of some instances of one image.
        iou_prediction: SAM's own estimates for them.
        target: their masks, or the share of each pixel that they cover.
        valid: pixels that are image and not padding.
        trust: factor on the losses of each instance; None where all count alike.
        weights: by the name of a term.
        gamma: of the focal loss.
        focal_mean: whether focal is averaged over the instances, too; else it is their sum.
        of: number of instances of the whole image.
    """
    losses: tuple[Tensor, ...] = (
        focal_loss(mask_logits, target, valid, gamma=gamma),
        dice_loss(mask_logits, target, valid),
        iou_head_loss(iou_prediction, mask_logits, target, valid),
    )
    if trust is not None:
        losses = tuple(trust.to(loss) * loss for loss in losses)
    counts = (of if focal_mean else 1, of, of)
    terms = zip(MASK_TERMS, losses, counts, strict=True)
    return {name: weights[name] * loss.sum() / count for name, loss, count in terms}


def focal_loss(
    mask_logits: Float[Tensor, "instances rows cols"],
    target: Bool[Tensor, "instances rows cols"] | Float[Tensor, "instances rows cols"],
    valid: Bool[Tensor, "rows cols"],
    *,
    gamma: float = 2.0,
) -> Float[Tensor, " instances"]:
    """Give each instance's focal loss, without alpha: its mean over the valid pixels.

    Computed from log-probabilities, so a logit of +-100 gives a finite loss and gradient.

    Args:
        mask_logits: gradient flows to these.
        target: a mask, or the probability in [0, 1] that a pixel is object; a pixel between
            0 and 1 is charged for both classes in proportion.
        valid: pixels that are image and not padding.
        gamma: how strongly a pixel that is already right is discounted; 0 is cross-entropy.

    Source: Lin et al., "Focal Loss for Dense Object Detection" (ICCV 2017), the focal loss
        without its alpha. The released PointSAM code passes the number of masks where alpha is
        taken.
    """
    logits = _computable(mask_logits, valid)
    object_share = target.to(logits)
    log_object = F.logsigmoid(logits)
    log_background = log_object - logits
    loss = object_share * (gamma * log_background).exp() * log_object
    loss = loss + (1 - object_share) * (gamma * log_object).exp() * log_background
    return -loss.where(valid, 0).sum(dim=(1, 2)) / valid.sum().clamp(min=1)


def dice_loss(
    mask_logits: Float[Tensor, "instances rows cols"],
    target: Bool[Tensor, "instances rows cols"] | Float[Tensor, "instances rows cols"],
    valid: Bool[Tensor, "rows cols"],
) -> Float[Tensor, " instances"]:
    """Give one minus the soft Dice ratio of each instance by itself, in [0, 1].

    ``1 - (2 |p t| + s) / (|p| + |t| + s)`` over the valid pixels, p the sigmoid of the logits
    and s = DICE_SMOOTHING: a small object weighs as much as a large one. Gradient flows to
    `mask_logits`. Where the target is a share of each pixel, the denominator sums squares: with
    plain sums, the best probability would not be that share.

    Source: Milletari et al., "V-Net" (3DV 2016), with plain sums in the denominator for masks. The
        released PointSAM code takes one ratio over all instances, which large objects dominate.
    """
    probability = _computable(mask_logits, valid).sigmoid().where(valid, 0)
    object_share = target.to(probability).where(valid, 0)
    both = (probability * object_share).sum(dim=(1, 2))
    power = 2 if target.is_floating_point() else 1
    either = probability.pow(power).sum(dim=(1, 2)) + object_share.pow(power).sum(dim=(1, 2))
    return 1 - (2 * both + DICE_SMOOTHING) / (either + DICE_SMOOTHING)


def iou_head_loss(
    iou_prediction: Float[Tensor, " instances"],
    mask_logits: Float[Tensor, "instances rows cols"],
    target: Bool[Tensor, "instances rows cols"] | Float[Tensor, "instances rows cols"],
    valid: Bool[Tensor, "rows cols"],
) -> Float[Tensor, " instances"]:
    """Give the squared error of SAM's own estimate of each mask's IoU.

    The true IoU is measured on the thresholded mask, over the valid pixels, and is a constant:
    gradient flows to `iou_prediction` alone. Two empty masks have IoU 0.

    Source: Kirillov et al., "Segment Anything" (ICCV 2023), the mean-squared-error supervision
        of the IoU head.
    """
    mask = threshold(mask_logits.detach()) & valid
    predicted = _computable(iou_prediction)
    measured = count_pixels(mask, (target > HALF) & valid).iou
    return (predicted - measured.to(predicted)).square()


def background_loss(iou_prediction: Float[Tensor, " prompts"]) -> Float[Tensor, " prompts"]:
    """Give the squared estimate of masks asked for where no object is: it should be 0.

    SAM's own estimate says how well a mask fits something; to say whether that is an object, it
    must have seen what is none. Gradient flows to `iou_prediction`.
    """
    return _computable(iou_prediction).square()


def _computable(values: Tensor, valid: Tensor | None = None) -> Tensor:
    """Raise half precision to float32 and clear the padding, whatever it holds (NaN too)."""
    values = values.to(torch.promote_types(values.dtype, torch.float32))
    return values if valid is None else values.where(valid, 0)
