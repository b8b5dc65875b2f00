"""The contract every SAM family keeps, so that training, scores and prediction know none.

The way of one image: ``normalise`` -> ``encode_frozen`` -> FrozenFeatures -> ``encode_adapted`` ->
Embedding -> ``prepare`` (once an image) -> ImageTerms -> ``decode_chunk`` (for some instances)
-> MaskLogits. ``decode`` does the last two for all instances.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pointsam.models.cache import KeptEmbeddings
from pointsam.prompts import PADDING, Prompts

PIXEL_MEAN = (123.675, 116.28, 103.53)
"""Mean of SAM's RGB input, in [0, 255]. Source: segment_anything, build_sam.py."""
PIXEL_STD = (58.395, 57.12, 57.375)
"""Standard deviation of SAM's RGB input, in [0, 255]. Source: segment_anything, build_sam.py."""
CANDIDATES = 4
"""Masks of an instance where all are asked for: the single one and those of three sizes."""


@dataclass(frozen=True, eq=False)
class FrozenFeatures:
    """What the frozen part of the encoder gives: the same at every step, so it can be kept."""

    tensors: tuple[Tensor, ...]
    """Each ``images ...``; their number and shapes are the family's own."""


@dataclass(frozen=True, eq=False)
class Embedding:
    """The encoder's output for some images."""

    image: Float[Tensor, "images channels rows cols"]
    """The image embedding, one cell every ``stride`` pixels of the model frame; of the weights'
    type, whatever the encoder computed in."""
    extras: tuple[Tensor, ...] = ()
    """What else the family's decoder reads (SAM 2: finer maps); each ``images ...``."""

    def one(self, index: int) -> "Embedding":
        """Keep one image, still as a batch of one."""
        keep = slice(index, index + 1)
        return Embedding(self.image[keep], tuple(extra[keep] for extra in self.extras))


@dataclass(frozen=True, eq=False)
class ImageTerms:
    """All that the decoder derives from one image alone, whatever the instances are."""

    tensors: tuple[Tensor, ...]

    def detached(self) -> "ImageTerms":
        """Give leaves that gather the gradient of many chunks before one encoder backward."""
        return ImageTerms(
            tuple(term.detach().requires_grad_(term.requires_grad) for term in self.tensors)
        )


@dataclass(frozen=True, eq=False)
class MaskLogits:
    """Masks of some instances before any threshold."""

    low_res_logits: Float[Tensor, "instances candidates rows cols"]
    """The family's single mask; where all were asked for, then whole, part and subpart."""
    iou_prediction: Float[Tensor, "instances candidates"]
    """SAM's own estimate of each candidate's IoU."""


LayerKind = Literal["query-value", "attention", "mlp", "decoder"]
"""Linear layers that an adapter may change: what makes queries and values in the encoder's
attention; all of that attention's; those of the encoder's MLPs; those of the mask decoder."""
LAYER_KINDS: tuple[LayerKind, ...] = get_args(LayerKind)
QUERY_VALUE: tuple[LayerKind, ...] = ("query-value",)
"""What an adapter changes where nothing else is asked for."""


@dataclass(frozen=True, eq=False)
class AdaptedModule:
    """One linear layer that an adapter changes: all of it, or its rows of queries and values."""

    name: str
    """Of the module, counted from the segmenter's ``peft_root``."""
    query_rows: Int[Tensor, " queries"] | None = None
    """None where all rows are changed."""
    value_rows: Int[Tensor, " values"] | None = None


class Segmenter(nn.Module, ABC):
    """A promptable segmenter: pixels to embedding, embedding and prompts to mask logits."""

    family: str
    """Adapters of one family do not fit another."""
    side: int
    """Side of the square input, in pixels."""
    stride: int = 16
    """Pixels of the model frame under one cell of the image embedding."""
    first_block: int
    """First block of the encoder that an adapter may change; what is below is frozen."""
    chunk_size: int = 4
    """Most instances decoded at once; small chunks stay in a CPU's cache."""
    kept: KeptEmbeddings | None = None
    """Where prediction and scores keep final embeddings; None encodes every image anew."""
    checkpointing: bool = False
    """Whether the backward pass computes each adapted block again in place of storing it."""

    @property
    def peft_root(self) -> nn.Module:
        """Give the module that peft wraps, from which an adapter's names are counted."""
        return self

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The type of the weights."""
        return next(self.parameters()).dtype

    def normalise(
        self, images: Sequence[UInt8[Tensor, "3 _ _"]]
    ) -> Float[Tensor, "images 3 side side"]:
        """Give the encoder's input: SAM's mean and deviation, then zeros right and below.

        Args:
            images: RGB at their size in the model frame (``ModelFrame.resize``), unpadded.
        """
        mean, std = (
            torch.tensor(values, dtype=self.dtype)[:, None, None].to(self.device, non_blocking=True)
            for values in (PIXEL_MEAN, PIXEL_STD)
        )
        pixels = torch.zeros(
            len(images), 3, self.side, self.side, device=self.device, dtype=self.dtype
        )
        for slot, image in zip(pixels, images, strict=True):
            height, width = image.shape[1:]
            moved = image.to(self.device, non_blocking=True).to(self.dtype)
            slot[:, :height, :width] = (moved - mean) / std
        return pixels

    @abstractmethod
    def encode_frozen(self, pixels: Float[Tensor, "images 3 side side"]) -> FrozenFeatures:
        """Run the encoder up to the first block that an adapter may change; no gradient."""

    @abstractmethod
    def encode_adapted(self, frozen: FrozenFeatures) -> Embedding:
        """Run the rest of the encoder, with gradient where the adapter has weights."""

    @abstractmethod
    def prepare(self, embedding: Embedding) -> ImageTerms:
        """Compute once, for an embedding of one image, what all its instances share."""

    @abstractmethod
    def decode_chunk(
        self,
        terms: ImageTerms,
        points: Float[Tensor, "instances points 2"],
        labels: Int[Tensor, "instances points"],
        *,
        boxes: Float[Tensor, "instances 4"] | None = None,
        multimask: bool = False,
    ) -> MaskLogits:
        """Decode instances that have the same number of points; padding is not allowed.

        Args:
            terms: of the one image the instances are in.
            points: ``(x, y)`` in the model frame.
            labels: POSITIVE or NEGATIVE.
            boxes: ``(x0, y0, x1, y1)`` in the model frame, one an instance.
            multimask: after the single mask also those of three sizes (whole, part, subpart); all
                four come from one pass.
        """

    @abstractmethod
    def linear_layers(self, kind: LayerKind) -> tuple[AdaptedModule, ...]:
        """Name the layers of one kind; those of the encoder from ``first_block`` on, in order."""

    def adapted_modules(self, kinds: Collection[LayerKind]) -> tuple[AdaptedModule, ...]:
        """Name the layers that an adapter changes; ``attention`` includes ``query-value``."""
        chosen = [kind for kind in LAYER_KINDS if kind in kinds]
        if "attention" in chosen and "query-value" in chosen:
            chosen.remove("query-value")
        return tuple(module for kind in chosen for module in self.linear_layers(kind))

    def run_block(self, block: Callable[[Tensor], Tensor], features: Tensor) -> Tensor:
        """Run one block of the adapted part, stored or, with ``checkpointing``, computed twice."""
        if self.checkpointing and torch.is_grad_enabled():
            recomputed: Tensor = checkpoint(block, features, use_reentrant=False)
            return recomputed
        return block(features)

    def feature_map(self, embedding: Embedding) -> Float[Tensor, "images channels rows cols"]:
        """Give the map that point features are read from."""
        return embedding.image

    def encode(self, images: Sequence[UInt8[Tensor, "3 _ _"]]) -> Embedding:
        """Encode images (RGB at their size in the model frame) in one go."""
        return self.encode_adapted(self.encode_frozen(self.normalise(images)))

    def decode(
        self, embedding: Embedding, prompts: Prompts, *, multimask: bool = False
    ) -> MaskLogits:
        """Decode all instances of one image, chunk by chunk, in the order of `prompts`.

        It gives candidates: ``segment`` gives one mask an instance.

        An instance's mask does not depend on the others that are asked for with it, up to
        rounding: SAM attends to padding, so a chunk never holds any. Prompts may lie on the
        CPU while the model is on a GPU, which then need not be waited for.
        """
        terms = self.prepare(embedding)
        low_res = self.side // 4
        candidates = CANDIDATES if multimask else 1
        logits = embedding.image.new_empty((len(prompts), candidates, low_res, low_res))
        iou_prediction = embedding.image.new_empty((len(prompts), candidates))
        for chunk in chunks(prompts, self.chunk_size):
            chunk = chunk.to(logits.device)
            part = self.decode_chunk(
                terms,
                chunk.prompts.points,
                chunk.prompts.labels,
                boxes=chunk.prompts.boxes,
                multimask=multimask,
            )
            # In place: a copy of all for every chunk would make time grow with their square.
            logits.index_copy_(0, chunk.instances, part.low_res_logits.to(logits))
            iou_prediction.index_copy_(0, chunk.instances, part.iou_prediction.to(iou_prediction))
        return MaskLogits(logits, iou_prediction)


@dataclass(frozen=True, eq=False)
class Chunk:
    """Some instances of one image that have the same number of points, and boxes or none."""

    instances: Int[Tensor, " chunk"]
    """Their places among the image's instances."""
    prompts: Prompts
    """Their points, without padding, and their boxes."""

    def to(self, device: torch.device) -> "Chunk":
        """Move to a device."""
        return Chunk(self.instances.to(device, non_blocking=True), self.prompts.to(device))


def chunks(prompts: Prompts, size: int) -> Iterator[Chunk]:
    """Split instances into chunks of at most `size`: one number of points each, boxes or none."""
    kinds = 2 * prompts.counts + prompts.boxed
    for kind in kinds.unique().tolist():
        count, boxed = divmod(kind, 2)
        [members] = (kinds == kind).nonzero(as_tuple=True)
        for instances in members.split(size):
            kept = prompts[instances]
            # Stable: real points keep their order and move in front of the padding.
            order = (kept.labels == PADDING).to(torch.int8).argsort(dim=1, stable=True)[:, :count]
            points = kept.points.gather(1, order[..., None].expand(-1, -1, 2))
            labels = kept.labels.gather(1, order)
            yield Chunk(instances, Prompts(points, labels, kept.boxes if boxed else None))
