"""The decoder's linear layers: which of them an adapter may change, and the weight in force."""

from collections.abc import Iterator

import torch
from jaxtyping import Float
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

_PARTS = ("transformer", "output_hypernetworks_mlps", "iou_prediction_head", "hq_mask_mlp")
"""Of a mask decoder, whatever the family, that make a mask or rate it."""


def decoder_linears(mask_decoder: nn.Module) -> Iterator[str]:
    """Name the linear layers of a mask decoder, with or without an adapter on them."""
    for part in _PARTS:
        if not hasattr(mask_decoder, part):
            continue
        for name, layer in mask_decoder.get_submodule(part).named_modules():
            if isinstance(layer, nn.Linear) and "lora_" not in name:
                yield f"{part}.{name.removesuffix('.base_layer')}"


def effective_weight(layer: nn.Module) -> Float[Tensor, "rows columns"]:
    """Give the weight that a linear layer multiplies by: with its adapter, where one is on.

    peft's ``weight`` is the base weight alone: a product with it leaves the adapter out. Gradient
    flows to the adapter.
    """
    weight = layer.weight
    assert isinstance(weight, Tensor)
    if not isinstance(layer, LoraLayer) or layer.disable_adapters or layer.merged:
        return weight
    # As exact as the base weight is, whatever the products around it are computed in.
    with torch.autocast(weight.device.type, enabled=False):
        for name in layer.active_adapters:
            if name in layer.lora_A:
                update = layer.lora_B[name].weight @ layer.lora_A[name].weight
                weight = weight + (layer.scaling[name] * update).to(weight.dtype)
    return weight
