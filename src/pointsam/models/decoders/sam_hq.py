"""SAM-HQ's mask decoder: SAM's, one more token, and masks from early features of the encoder.

The library's own forward of this decoder keeps the tokens that its transformer returns but not
the cells: up to transformers 5.23 at least it upscales the image as it was before, transposed.
This follows the original, which upscales the cells as the transformer left them.

Source: SAM-HQ (arXiv:2306.01567), released code, modeling/mask_decoder_hq.py.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F
from transformers.models.sam_hq.modeling_sam_hq import SamHQMaskDecoder

from pointsam.models.decoders.library_types import PromptEncoder
from pointsam.models.decoders.mask_head import in_order, mask_kernels, upscale
from pointsam.models.decoders.sam import attend
from pointsam.models.segmenter import Embedding, ImageTerms, MaskLogits


def hq_features(
    mask_decoder: SamHQMaskDecoder, embedding: Embedding
) -> Float[Tensor, "1 channels rows cols"]:
    """Fuse the last and the early features of one image at stride 4; no instance changes them."""
    [early] = embedding.extras
    decoder = mask_decoder
    fused = decoder.encoder_conv1(embedding.image)
    fused = decoder.encoder_conv2(F.gelu(decoder.encoder_norm(fused)))
    compressed = decoder.compress_vit_conv1(early.permute(0, 3, 1, 2))
    compressed = decoder.compress_vit_conv2(F.gelu(decoder.compress_vit_norm(compressed)))
    features: Tensor = fused + compressed
    return features


def decode_hq_instances(
    prompt_encoder: PromptEncoder,
    mask_decoder: SamHQMaskDecoder,
    terms: ImageTerms,
    points: Float[Tensor, "instances points 2"],
    labels: Int[Tensor, "instances points"],
    *,
    boxes: Float[Tensor, "instances 4"] | None,
    multimask: bool,
) -> MaskLogits:
    """Decode instances of one image that all have the same number of points.

    Each mask is the sum of SAM's and the high-quality one. Those of three sizes come in SAM's
    order; the released predictor would keep the best of them only.
    """
    decoder = mask_decoder
    learned = (decoder.iou_token, decoder.mask_tokens, decoder.hq_token)
    output = torch.cat([token.weight for token in learned])
    tokens, keys = attend(
        prompt_encoder, decoder, terms, points, labels, boxes=boxes, output=output
    )
    masks = len(decoder.output_hypernetworks_mlps)
    wanted = slice(0, masks) if multimask else slice(0, 1)
    iou_prediction = decoder.iou_prediction_head(tokens[:, 0])[:, wanted]

    fine = upscale(decoder, keys)
    mask_tokens = tokens[:, 1 : 1 + masks][:, wanted]
    kernels = mask_kernels(mask_tokens, decoder.output_hypernetworks_mlps[wanted])
    logits = in_order(fine @ kernels.transpose(1, 2))

    sharp = decoder.mask_conv1(in_order(fine))
    sharp = decoder.mask_conv2(F.gelu(decoder.mask_norm(sharp))) + terms.tensors[-1]
    kernel = decoder.hq_mask_mlp(tokens[:, 1 + masks])
    return MaskLogits(logits + torch.einsum("nchw,nc->nhw", sharp, kernel)[:, None], iou_prediction)
