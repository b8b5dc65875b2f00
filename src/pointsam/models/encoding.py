"""An image to its embedding: in half precision where that is faster, from the cache where it is."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from pointsam.frames import ModelFrame
from pointsam.models.adapters.lora import adapter_hash
from pointsam.models.segmenter import Embedding, Segmenter

Precision = Literal["float32", "bfloat16", "float16"]
"""What an encoder computes in."""


@torch.no_grad()
def encode_with(
    model: Segmenter, images: Sequence[UInt8[Tensor, "3 _ _"]], *, precision: Precision
) -> Embedding:
    """Encode images (RGB at their size in the model frame) and give a float32 embedding.

    The decoder is small and its output is thresholded: it always runs in full precision. Where
    the model has ``kept`` embeddings, those are given as they are read back, even just made ones.
    """
    if model.kept is None:
        return _encode(model, images, precision=precision)
    parts = [_kept(model, image, precision=precision) for image in images]
    image, *extras = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    return Embedding(image, tuple(extras))


def encode_image(
    model: Segmenter, image: UInt8[np.ndarray, "height width 3"], *, precision: Precision
) -> tuple[ModelFrame, Embedding]:
    """Encode one RGB image of any size, and say how it sits in the model frame."""
    height, width, _ = image.shape
    frame = ModelFrame((height, width), model.side, model.stride)
    return frame, encode_with(model, [frame.pixels(image)], precision=precision)


def _encode(
    model: Segmenter, images: Sequence[UInt8[Tensor, "3 _ _"]], *, precision: Precision
) -> Embedding:
    halved = precision != "float32"
    with torch.autocast(model.device.type, dtype=getattr(torch, precision), enabled=halved):
        embedding = model.encode(images)
    return (
        Embedding(embedding.image.float(), tuple(extra.float() for extra in embedding.extras))
        if halved
        else embedding
    )


def _kept(
    model: Segmenter, image: UInt8[Tensor, "3 _ _"], *, precision: Precision
) -> tuple[Tensor, ...]:
    """Read one image's embedding, or make and store it; its tensors, the image's first."""
    assert model.kept is not None
    cache = model.kept.cache
    what = f"embedding {model.kept.base} {adapter_hash(model)} {model.side} {precision}"
    name = cache.name(what, image)
    stored = cache.read(name)
    if stored is None:
        embedding = _encode(model, [image], precision=precision)
        stored = cache.write(name, (embedding.image, *embedding.extras))
    return tuple(tensor.to(device=model.device, dtype=model.dtype) for tensor in stored)
