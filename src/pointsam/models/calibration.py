"""Decode, calibrate, decode again: the teacher's masks and joint prediction are made here."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pointsam.masks import pairwise_iou, threshold
from pointsam.models.segmenter import Embedding, MaskLogits, Segmenter
from pointsam.prompts import PointPrompts, calibrate_negatives, find_rivals


@dataclass(frozen=True, eq=False)
class JointMasks:
    """Masks of all instances of one image, each aware of its rivals."""

    low_res_logits: Float[Tensor, "instances rows cols"]
    iou_prediction: Float[Tensor, " instances"]
    prompts: PointPrompts
    """What the masks were decoded from: the annotator's points and the rivals' lent ones."""
    rivals: Bool[Tensor, "instances instances"]
    """Whose first masks ran into each other; on the CPU."""


@torch.no_grad()
def decode_jointly(
    model: Segmenter,
    embedding: Embedding,
    prompts: PointPrompts,
    *,
    iou_threshold: float,
    max_negatives: int,
) -> JointMasks:
    """Decode the instances of one image, calibrate their prompts, decode the rivals again.

    The image is not encoded again, nor is an instance without rivals decoded twice.

    Args:
        model: any segmenter.
        embedding: of one image.
        prompts: in the model frame, best on the CPU.
        iou_threshold: low-res masks that overlap by more than this IoU are rivals.
        max_negatives: rivals' points that an instance receives; 0 switches calibration off.
    """
    first = model.decode(embedding, prompts)
    logits, iou_prediction = first.low_res_logits[:, 0], first.iou_prediction[:, 0]
    # Who lends points to whom is settled on the CPU: a GPU is waited for once, not once an
    # instance.
    rivals = find_rivals(pairwise_iou(threshold(logits)), iou_threshold=iou_threshold).cpu()
    if not max_negatives or not rivals.any():
        return JointMasks(logits, iou_prediction, prompts, rivals)
    calibrated = calibrate_negatives(prompts.to("cpu"), rivals, max_negatives=max_negatives)
    [contested] = rivals.any(dim=1).nonzero(as_tuple=True)
    second: MaskLogits = model.decode(embedding, calibrated[contested])
    contested = contested.to(logits.device, non_blocking=True)
    return JointMasks(
        logits.index_copy(0, contested, second.low_res_logits[:, 0]),
        iou_prediction.index_copy(0, contested, second.iou_prediction[:, 0]),
        calibrated,
        rivals,
    )
