"""SAM's mask decoder: the library's modules and weights under our own forward.

What the image alone decides is computed once an image, not once an instance: the keys, values
and queries of the first layer. In the other layers the projections of the 4096 cells are folded
into the few tokens they meet (``(x W) . q = x . (W q)``): fewer products and fewer stored
activations.

Source: segment_anything, modeling/{mask_decoder,transformer}.py, for what is computed; the
order of the products is ours, equal up to rounding.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from pointsam.frames import to_edges
from pointsam.models.attention import dot_product_attention
from pointsam.models.decoders.library_types import (
    Attention,
    MaskDecoder,
    PositionEncoder,
    PromptEncoder,
)
from pointsam.models.decoders.linear import effective_weight
from pointsam.models.decoders.mask_head import in_order, mask_kernels, upscale
from pointsam.models.segmenter import Embedding, ImageTerms, MaskLogits


def image_terms(
    prompt_encoder: PromptEncoder,
    mask_decoder: MaskDecoder,
    position_encoder: PositionEncoder,
    embedding: Embedding,
) -> ImageTerms:
    """Compute what all instances of one image share.

    Args:
        prompt_encoder: of the family.
        mask_decoder: of the family.
        position_encoder: of the cells; SAM 2 keeps it apart from that of the points.
        embedding: of one image.

    Returns:
        ``keys`` (cells channels), ``position`` (cells channels), and of the first layer
        ``key``, ``value``, ``query`` (heads cells head_channels). A family may append its own.
    """
    [image] = embedding.image
    position = _cell_position(position_encoder, size=image.shape[-1]).to(image.dtype)
    keys = image.flatten(1).T + prompt_encoder.no_mask_embed.weight
    first = mask_decoder.transformer.layers[0]
    to_image, to_token = first.cross_attn_token_to_image, first.cross_attn_image_to_token
    located = keys + position
    return ImageTerms(
        (
            keys,
            position,
            _heads(to_image, to_image.k_proj(located)),
            _heads(to_image, to_image.v_proj(keys)),
            _heads(to_token, to_token.q_proj(located)),
        )
    )


def decode_instances(
    prompt_encoder: PromptEncoder,
    mask_decoder: MaskDecoder,
    terms: ImageTerms,
    points: Float[Tensor, "instances points 2"],
    labels: Int[Tensor, "instances points"],
    *,
    boxes: Float[Tensor, "instances 4"] | None,
    multimask: bool,
) -> MaskLogits:
    """Decode instances of one image that all have the same number of points."""
    output = torch.cat([mask_decoder.iou_token.weight, mask_decoder.mask_tokens.weight])
    tokens, keys = attend(
        prompt_encoder, mask_decoder, terms, points, labels, boxes=boxes, output=output
    )
    wanted = slice(None) if multimask else slice(0, 1)
    iou_prediction = mask_decoder.iou_prediction_head(tokens[:, 0])
    mask_tokens = tokens[:, 1 : 1 + mask_decoder.num_mask_tokens][:, wanted]
    kernels = mask_kernels(mask_tokens, mask_decoder.output_hypernetworks_mlps[wanted])
    logits = in_order(upscale(mask_decoder, keys) @ kernels.transpose(1, 2))
    return MaskLogits(logits, iou_prediction[:, wanted])


def attend(
    prompt_encoder: PromptEncoder,
    mask_decoder: MaskDecoder,
    terms: ImageTerms,
    points: Float[Tensor, "instances points 2"],
    labels: Int[Tensor, "instances points"],
    *,
    boxes: Float[Tensor, "instances 4"] | None,
    output: Float[Tensor, "outputs channels"],
) -> tuple[Float[Tensor, "instances tokens channels"], Float[Tensor, "instances cells channels"]]:
    """Run the transformer on output tokens, prompts and image; output tokens come first."""
    prompts = _embed_prompts(prompt_encoder, points, labels, boxes=boxes)
    tokens = torch.cat([output.expand(len(prompts), -1, -1), prompts.to(output.dtype)], dim=1)
    return _two_way(mask_decoder, tokens, terms)


def _cell_position(
    position_encoder: PositionEncoder, *, size: int
) -> Float[Tensor, "cells channels"]:
    """Encode the centre of every cell of a square map, row by row."""
    weight = position_encoder.positional_embedding
    centre = to_edges(torch.arange(size, device=weight.device)) / size
    x, y = torch.meshgrid(centre, centre, indexing="xy")
    with torch.autocast(weight.device.type, enabled=False):
        encoded: Tensor = position_encoder(torch.stack([x, y], dim=-1)[None])
    return encoded[0].flatten(0, 1)


def _embed_prompts(
    prompt_encoder: PromptEncoder,
    points: Float[Tensor, "instances points 2"],
    labels: Int[Tensor, "instances points"],
    *,
    boxes: Float[Tensor, "instances 4"] | None,
) -> Float[Tensor, "instances tokens channels"]:
    """Embed points and boxes, with SAM's one padding point where there is no box.

    Kept out of autocast: a sine of ``2 pi x`` in bfloat16 has lost the pixel.
    """
    dtype = prompt_encoder.shared_embedding.positional_embedding.dtype
    with torch.autocast(points.device.type, enabled=False):
        sparse, _ = prompt_encoder(
            input_points=points[None].to(dtype),
            input_labels=labels[None],
            input_boxes=None if boxes is None else boxes[None].to(dtype),
            input_masks=None,
        )
    embedded: Tensor = sparse[0]
    return embedded


def _two_way(
    mask_decoder: MaskDecoder,
    tokens: Float[Tensor, "instances tokens channels"],
    terms: ImageTerms,
) -> tuple[Float[Tensor, "instances tokens channels"], Float[Tensor, "instances cells channels"]]:
    """Let tokens and cells attend to each other, layer by layer."""
    shared, position, first_key, first_value, first_query = terms.tensors[:5]
    transformer = mask_decoder.transformer
    queries, keys, located = tokens, shared, shared + position
    for index, layer in enumerate(transformer.layers):
        if index == 0:
            attended, _ = layer.self_attn(
                query=queries[None], key=queries[None], value=queries[None]
            )
            queries = layer.layer_norm1(attended[0])
        else:
            placed = (queries + tokens)[None]
            attended, _ = layer.self_attn(query=placed, key=placed, value=queries[None])
            queries = layer.layer_norm1(queries + attended[0])

        to_image = layer.cross_attn_token_to_image
        if index == 0:
            read = _read_shared(to_image, queries + tokens, first_key, first_value)
        else:
            read = _read_cells(to_image, queries + tokens, located, keys)
        queries = layer.layer_norm2(queries + read)
        queries = layer.layer_norm3(queries + layer.mlp(queries))

        to_token = layer.cross_attn_image_to_token
        shared_query = first_query if index == 0 else None
        update = _write_cells(to_token, located, queries + tokens, queries, shared_query)
        keys = layer.layer_norm4(keys + update)
        located = keys + position
    final = transformer.final_attn_token_to_image
    queries = queries + _read_cells(final, queries + tokens, located, keys)
    return transformer.layer_norm_final_attn(queries), keys


def _output(attention: Attention) -> torch.nn.Module:
    """Give the last projection, which the library renamed with SAM 2."""
    layer = attention.o_proj if hasattr(attention, "o_proj") else attention.out_proj
    assert isinstance(layer, torch.nn.Module)
    return layer


def _heads(attention: Attention, projected: Tensor) -> Tensor:
    """Split ``... tokens channels`` into ``... heads tokens head_channels``."""
    split: Tensor = projected.unflatten(-1, (attention.num_attention_heads, -1))
    return split.transpose(-3, -2)


def _fold(
    attention: Attention, tokens: Tensor, weight: Float[Tensor, "inner channels"]
) -> Float[Tensor, "instances heads_tokens channels"]:
    """Multiply the tokens' heads by the projection of the other side."""
    per_head = weight.unflatten(0, (attention.num_attention_heads, -1))
    return torch.einsum("nhtd,hdc->nhtc", tokens, per_head).flatten(1, 2)


def _read_shared(
    attention: Attention, queries: Tensor, key: Tensor, value: Tensor
) -> Float[Tensor, "instances tokens channels"]:
    """Attend from tokens to cells that are the same for all instances."""
    query = _heads(attention, attention.q_proj(queries))
    heads = query.transpose(0, 1).flatten(1, 2)
    [attended] = dot_product_attention(heads[None], key[None], value[None], scale=attention.scaling)
    attended = attended.unflatten(1, (len(queries), -1)).permute(1, 2, 0, 3).flatten(2)
    projected: Tensor = _output(attention)(attended)
    return projected


def _read_cells(
    attention: Attention, queries: Tensor, located: Tensor, keys: Tensor
) -> Float[Tensor, "instances tokens channels"]:
    """Attend from tokens to each instance's own cells.

    The bias of the keys' projection adds the same to every cell's score and falls out of the
    softmax; the weights of a softmax sum to 1, so the bias of the values is added once.
    """
    count = attention.num_attention_heads
    query = _heads(attention, attention.q_proj(queries)) * attention.scaling
    scores = _fold(attention, query, effective_weight(attention.k_proj)) @ located.transpose(1, 2)
    mixed = (scores.softmax(dim=-1).to(keys.dtype) @ keys).unflatten(1, (count, -1))
    value_weight = effective_weight(attention.v_proj).unflatten(0, (count, -1))
    attended = torch.einsum("nhtc,hdc->nthd", mixed, value_weight).flatten(2)
    projected: Tensor = _output(attention)(attended + attention.v_proj.bias)
    return projected


def _write_cells(
    attention: Attention,
    located: Tensor,
    placed: Tensor,
    queries: Tensor,
    shared_query: Tensor | None,
) -> Float[Tensor, "instances cells channels"]:
    """Attend from cells to tokens; `shared_query` where all instances' cells are the same."""
    count = attention.num_attention_heads
    key = _heads(attention, attention.k_proj(placed)) * attention.scaling
    if shared_query is None:
        scores = _fold(attention, key, effective_weight(attention.q_proj)) @ located.transpose(1, 2)
        bias = torch.einsum("nhtd,hd->nht", key, attention.q_proj.bias.unflatten(0, (count, -1)))
        scores = scores.unflatten(1, (count, -1)) + bias[..., None]
    else:
        scores = key @ shared_query.transpose(1, 2)
    weights = scores.softmax(dim=2).flatten(1, 2)
    value = _heads(attention, attention.v_proj(queries))
    projection = _output(attention)
    output = _fold(attention, value, effective_weight(projection).T)
    update: Tensor = weights.to(output.dtype).transpose(1, 2) @ output + projection.bias
    return update
