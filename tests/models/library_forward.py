"""What each family's own forward gives: the yardstick of the agreement tests."""

import torch
from torch import Tensor
from torch.nn import functional as F

from pointsam.models.families.sam3 import Sam3Tracker
from pointsam.models.families.sam_hq import SamHQ
from pointsam.models.segmenter import Segmenter


def library_masks(
    model: Segmenter,
    pixels: Tensor,
    points: Tensor | None,
    labels: Tensor | None,
    *,
    boxes: Tensor | None = None,
    multimask: bool = False,
) -> tuple[Tensor, Tensor]:
    """Masks and IoU predictions of the same instances in each image, as the library's model has
    them; nothing of our own forward is used.
    """
    library = model.peft_root
    images = len(pixels)
    given = {
        "input_points": points,
        "input_labels": labels,
        "input_boxes": boxes,
    }
    prompts = {
        name: None if tensor is None else tensor[None].expand(images, *tensor.shape)
        for name, tensor in given.items()
    }
    if isinstance(model, SamHQ):
        return _hq_masks(library, pixels, prompts, multimask=multimask)
    output = library(pixel_values=pixels, **prompts, multimask_output=multimask)
    masks = output.pred_masks
    if isinstance(model, Sam3Tracker):
        low_res = (model.side // 4, model.side // 4)
        masks = F.interpolate(masks.flatten(0, 1), low_res, mode="bilinear")
        masks = masks.unflatten(0, output.pred_masks.shape[:2])
    return masks, output.iou_scores


def _hq_masks(library, pixels, prompts, *, multimask):
    """SAM-HQ by its paper's code, step by step: the library's forward loses the cells that its
    transformer returns (see pointsam.models.decoders.sam_hq). Its IoU predictions are not touched
    by that and must agree.
    """
    vision = library.vision_encoder(pixels)
    decoder = library.mask_decoder
    early = vision.intermediate_embeddings[0].permute(0, 3, 1, 2)
    features = decoder.encoder_conv2(
        F.gelu(decoder.encoder_norm(decoder.encoder_conv1(vision.last_hidden_state)))
    ) + decoder.compress_vit_conv2(
        F.gelu(decoder.compress_vit_norm(decoder.compress_vit_conv1(early)))
    )
    sparse, dense = library.prompt_encoder(**prompts, input_masks=None)
    position = library.get_image_wide_positional_embeddings()
    learned = [decoder.iou_token.weight, decoder.mask_tokens.weight, decoder.hq_token.weight]
    masks, ious = [], []
    for image in range(len(pixels)):
        for prompt in sparse[image]:
            tokens, cells = decoder.transformer(
                point_embeddings=torch.cat([*learned, prompt])[None, None],
                image_embeddings=vision.last_hidden_state[image : image + 1] + dense[:1],
                image_positional_embeddings=position,
                attention_similarity=None,
            )
            size = position.shape[-1]
            maps = cells[0].transpose(1, 2).reshape(1, -1, size, size)
            fine = F.gelu(decoder.upscale_layer_norm(decoder.upscale_conv1(maps)))
            fine = F.gelu(decoder.upscale_conv2(fine))
            sharp = decoder.mask_conv2(F.gelu(decoder.mask_norm(decoder.mask_conv1(fine))))
            sharp = sharp + features[image : image + 1]
            heads = decoder.output_hypernetworks_mlps
            kernels = torch.stack([head(tokens[0, 0, 1 + i]) for i, head in enumerate(heads)])
            plain = torch.einsum("mc,chw->mhw", kernels, fine[0])
            best = torch.einsum("c,chw->hw", decoder.hq_mask_mlp(tokens[0, 0, 5]), sharp[0])
            kept = slice(1, None) if multimask else slice(0, 1)
            masks.append((plain + best)[kept])
            ious.append(decoder.iou_prediction_head(tokens[0, 0, 0])[kept])
    shape = (len(pixels), sparse.shape[1])
    return torch.stack(masks).unflatten(0, shape), torch.stack(ious).unflatten(0, shape)
