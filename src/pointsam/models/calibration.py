"""Decode, calibrate, decode again: the teacher's masks and joint prediction are made here."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from pointsam.masks import pairwise_iou, threshold
from pointsam.models.choice import SINGLE_MASK, ChooseMask, InstanceMasks
from pointsam.models.segmenter import Embedding, Segmenter
from pointsam.prompts import Prompts, calibrate_negatives, find_rivals


@dataclass(frozen=True)
class Calibration:
    """How instances that run into each other are decoded again."""

    iou_threshold: float
    """Low-res masks that overlap by more than this IoU are rivals."""
    max_negatives: int
    """Rivals' points that an instance receives; 0 switches calibration off."""


@dataclass(frozen=True, eq=False)
class JointMasks:
    """Masks of all instances of one image, each aware of its rivals."""

    masks: InstanceMasks
    prompts: Prompts
    """What the masks were decoded from: the annotator's points and the rivals' lent ones."""
    rivals: Bool[Tensor, "instances instances"]
    """Whose first masks ran into each other; on the CPU."""


def decode_chosen(
    model: Segmenter, embedding: Embedding, prompts: Prompts, *, choose: ChooseMask = SINGLE_MASK
) -> InstanceMasks:
    """Decode the instances of one image, each for itself, and choose one mask of each."""
    decoded = model.decode(embedding, prompts, multimask=choose.multimask)
    return choose(decoded.low_res_logits, decoded.iou_prediction)


@torch.no_grad()
def decode_jointly(
    model: Segmenter,
    embedding: Embedding,
    prompts: Prompts,
    *,
    calibration: Calibration,
    choose: ChooseMask = SINGLE_MASK,
) -> JointMasks:
    """Decode the instances of one image, calibrate their prompts, decode the rivals again.

    The image is not encoded again, nor is an instance without rivals decoded twice.

    Args:
        model: any segmenter.
        embedding: of one image.
        prompts: in the model frame, best on the CPU.
        calibration: who is a rival, and what rivals lend.
        choose: which of SAM's candidates an instance's mask is, each time.
    """
    first = decode_chosen(model, embedding, prompts, choose=choose)
    # Who lends points to whom is settled on the CPU: a GPU is waited for once, not once an
    # instance.
    overlap = pairwise_iou(threshold(first.low_res_logits))
    rivals = find_rivals(overlap, iou_threshold=calibration.iou_threshold).cpu()
    if not calibration.max_negatives or not rivals.any():
        return JointMasks(first, prompts, rivals)
    calibrated = calibrate_negatives(
        prompts.to("cpu"), rivals, max_negatives=calibration.max_negatives
    )
    [contested] = rivals.any(dim=1).nonzero(as_tuple=True)
    second = decode_chosen(model, embedding, calibrated[contested], choose=choose)
    contested = contested.to(first.low_res_logits.device, non_blocking=True)
    masks = InstanceMasks(
        first.low_res_logits.index_copy(0, contested, second.low_res_logits),
        first.iou_prediction.index_copy(0, contested, second.iou_prediction),
    )
    return JointMasks(masks, calibrated, rivals)
