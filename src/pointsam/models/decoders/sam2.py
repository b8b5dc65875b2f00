"""SAM 2's and 3's mask decoder: SAM's with finer maps of the encoder added while it upscales.

Source: SAM 2 (arXiv:2408.00714), released code, modeling/sam/mask_decoder.py.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pointsam.models.decoders.library_private import stable_mask
from pointsam.models.decoders.library_types import PromptEncoder, PyramidMaskDecoder
from pointsam.models.decoders.mask_head import beside_cells, in_order, mask_kernels, upscale
from pointsam.models.decoders.sam import attend
from pointsam.models.segmenter import Embedding, ImageTerms, MaskLogits


def skip_terms(embedding: Embedding) -> tuple[Tensor, Tensor]:
    """Make the pixels of the maps of stride 8 and 4 extra axes of the cells of stride 16."""
    fine, middle = embedding.extras
    return beside_cells(middle[0], finer=1), beside_cells(fine[0], finer=2)


def decode_sam2_instances(
    prompt_encoder: PromptEncoder,
    mask_decoder: PyramidMaskDecoder,
    terms: ImageTerms,
    points: Float[Tensor, "instances points 2"],
    labels: Int[Tensor, "instances points"],
    *,
    boxes: Float[Tensor, "instances 4"] | None,
    multimask: bool,
) -> MaskLogits:
    """Decode instances of one image that all have the same number of points.

    The single mask of an instance is the single-mask token's, or, where that one hangs on its
    threshold, the best-rated of the three: the released predictor's own rule.
    """
    decoder = mask_decoder
    learned = (decoder.obj_score_token, decoder.iou_token, decoder.mask_tokens)
    output = torch.cat([token.weight for token in learned])
    tokens, keys = attend(
        prompt_encoder, decoder, terms, points, labels, boxes=boxes, output=output
    )
    heads = decoder.output_hypernetworks_mlps
    kernels = mask_kernels(tokens[:, 2 : 2 + len(heads)], heads)
    middle, fine = terms.tensors[-2:]
    pixels = upscale(decoder, keys, skips=(middle, fine))
    logits = in_order(pixels @ kernels.transpose(1, 2))
    iou_prediction = decoder.iou_prediction_head(tokens[:, 1])
    single, rated = logits[:, :1], iou_prediction[:, :1]
    if decoder.dynamic_multimask_via_stability:
        single, rated = stable_mask(decoder, logits, iou_prediction)
    if not multimask:
        return MaskLogits(single, rated)
    return MaskLogits(
        torch.cat([single, logits[:, 1:]], dim=1),
        torch.cat([rated, iou_prediction[:, 1:]], dim=1),
    )
