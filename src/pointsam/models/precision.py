"""The encoder in half precision, where a GPU or a new processor is faster for it."""

from collections.abc import Sequence

import torch
from jaxtyping import UInt8
from torch import Tensor

from pointsam.config import Precision
from pointsam.models.segmenter import Embedding, Segmenter


@torch.no_grad()
def encode_with(
    model: Segmenter, images: Sequence[UInt8[Tensor, "3 _ _"]], *, precision: Precision
) -> Embedding:
    """Encode images (RGB at their size in the model frame) and give a float32 embedding.

    The decoder is small and its output is thresholded: it always runs in full precision.
    """
    halved = precision != "float32"
    with torch.autocast(model.device.type, dtype=getattr(torch, precision), enabled=halved):
        embedding = model.encode(images)
    return (
        Embedding(embedding.image.float(), tuple(extra.float() for extra in embedding.extras))
        if halved
        else embedding
    )
