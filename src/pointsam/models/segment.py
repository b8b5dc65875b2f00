"""The one way from pixels and prompts to masks."""

import torch
from jaxtyping import UInt8
from torch import Tensor

from pointsam.models.calibration import Calibration, decode_chosen, decode_jointly
from pointsam.models.choice import SINGLE_MASK, ChooseMask, InstanceMasks
from pointsam.models.encoding import Precision, encode_with
from pointsam.models.segmenter import Embedding, MaskLogits, Segmenter
from pointsam.prompts import Prompts


@torch.no_grad()
def segment(
    model: Segmenter,
    image: Embedding | UInt8[Tensor, "3 rows cols"],
    prompts: Prompts,
    *,
    choose: ChooseMask = SINGLE_MASK,
    calibration: Calibration | None = None,
    precision: Precision = "float32",
) -> InstanceMasks:
    """Give one mask an instance of one image.

    Args:
        model: any segmenter.
        image: its embedding, or its pixels at their size in the model frame, RGB.
        prompts: points, boxes or both of each instance, in the model frame, on any device.
        choose: which of SAM's candidates an instance's mask is.
        calibration: decode instances that run into each other again, with each other's points;
            None decodes each for itself.
        precision: of the encoder, where pixels are given.
    """
    if not isinstance(image, Embedding):
        image = encode_with(model, [image], precision=precision)
    if calibration is None:
        return decode_chosen(model, image, prompts, choose=choose)
    return decode_jointly(model, image, prompts, calibration=calibration, choose=choose).masks


@torch.no_grad()
def candidates(model: Segmenter, embedding: Embedding, prompts: Prompts) -> MaskLogits:
    """Give all four masks of each instance, from one pass of the decoder.

    Args:
        model: any segmenter.
        embedding: of one image.
        prompts: in the model frame.

    Returns:
        Logits (instances 4 rows cols) and SAM's own scores (instances 4): first the mask that
        `segment` gives by default, then those of three sizes.
    """
    return model.decode(embedding, prompts, multimask=True)
