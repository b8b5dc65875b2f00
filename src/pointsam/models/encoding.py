"""An image to its embedding: in half precision where that is faster, from the cache where it is."""

import logging
from collections.abc import Sequence
from pathlib import Path
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
PrecisionChoice = Literal["auto", "float32", "bfloat16", "float16"]
"""What a user asks for; ``auto`` follows the machine."""

BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}
"""What a CPU that multiplies bfloat16 says of itself; torch, like Linux, uses these names."""
CPU_FILE = Path("/proc/cpuinfo")

_logger = logging.getLogger(__name__)


def choose_precision(wanted: PrecisionChoice, *, device: str) -> Precision:
    """Take the precision that was asked for; ``auto`` is bfloat16 where the device multiplies it.

    The log says in one line what ``auto`` took, and warns of bfloat16 where it is slow: a CPU
    without arithmetic for it was measured eight times slower than in float32.

    Args:
        wanted: by the user.
        device: that the encoder runs on.
    """
    fast = multiplies_bfloat16(device)
    kind = "GPU" if device.startswith("cuda") else "CPU"
    if wanted == "auto":
        chosen: Precision = "bfloat16" if fast else "float32"
        _logger.info(
            "precision %s: this %s %s bfloat16.",
            chosen,
            kind,
            "multiplies" if fast else "does not multiply",
        )
        return chosen
    if wanted == "bfloat16" and not fast:
        _logger.warning(
            "precision bfloat16 is slow here: this %s does not multiply it, and float32 was "
            "measured eight times faster; use auto or float32.",
            kind,
        )
    return wanted


def multiplies_bfloat16(device: str) -> bool:
    """Whether a device has arithmetic for bfloat16, by what it says of itself."""
    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(BFLOAT16_FLAGS & _cpu_flags())


def _cpu_flags() -> set[str]:
    """Give the instruction sets that the CPU lists; older versions of torch can't be asked."""
    if hasattr(torch.cpu, "get_capabilities"):
        return {name for name, has in torch.cpu.get_capabilities().items() if has is True}
    try:
        lines = CPU_FILE.read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    flags = (line.partition(":")[2] for line in lines if line.startswith("flags"))
    return set(next(flags, "").split())


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
