"""What all families share whose model is one of ``transformers``.

A family says how pixels become tokens, how a block runs, what follows the last block and what its
decoder reads besides the embedding. Everything else is here.
"""

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator
from functools import partial
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel

from pointsam.models.decoders.linear import decoder_linears
from pointsam.models.decoders.sam import image_terms
from pointsam.models.segmenter import (
    AdaptedModule,
    Embedding,
    FrozenFeatures,
    ImageTerms,
    LayerKind,
    MaskLogits,
    Segmenter,
)


class LibrarySegmenter(Segmenter):
    """A model of the library, cut into blocks; an adapter made here fits the plain model."""

    decode_points: ClassVar[Callable[..., MaskLogits]]
    """The family's mask decoder."""
    blocks_name: ClassVar[str]
    """Of the list of the encoder's blocks, counted from ``peft_root``."""
    attention_names: ClassVar[tuple[str, ...]] = ("attn.qkv", "attn.proj")
    """Of the linear layers of a block's attention."""
    mlp_names: ClassVar[tuple[str, ...]]
    """Of the linear layers of a block's MLP."""

    def __init__(self, sam: PreTrainedModel, *, side: int) -> None:
        super().__init__()
        self.side = side
        self.sam: Any = sam
        self.first_block = len(self.blocks) // 2

    @property
    def peft_root(self) -> nn.Module:
        """Give the library's model."""
        root: nn.Module = self.sam
        return root

    @property
    def blocks(self) -> nn.ModuleList:
        """Give the encoder's blocks; as an attribute their weights would be listed twice."""
        blocks = self.sam.get_submodule(self.blocks_name)
        assert isinstance(blocks, nn.ModuleList)
        return blocks

    @abstractmethod
    def embed(self, pixels: Float[Tensor, "images 3 side side"]) -> Tensor:
        """Give the input of the first block."""

    @abstractmethod
    def run_one(self, block: nn.Module, features: Tensor) -> Tensor:
        """Run one block of the encoder."""

    @abstractmethod
    def kept_blocks(self) -> Collection[int]:
        """Number the blocks whose output is read by more than the next block."""

    @abstractmethod
    def finish(self, features: Tensor, kept: tuple[Tensor, ...]) -> Embedding:
        """Make the embedding of the last block's output and of those that were kept."""

    @abstractmethod
    def own_terms(self, embedding: Embedding) -> tuple[Tensor, ...]:
        """Compute what the family's decoder reads of one image besides SAM's terms."""

    @abstractmethod
    def query_value(self, name: str, block: nn.Module) -> Iterator[AdaptedModule]:
        """Name the layers that make the queries and values of one block."""

    @torch.no_grad()
    def encode_frozen(self, pixels: Float[Tensor, "images 3 side side"]) -> FrozenFeatures:
        """Run all below ``first_block``; outputs that are kept come after the features."""
        features, kept = self.embed(pixels), list[Tensor]()
        for index, block in enumerate(self.blocks[: self.first_block]):
            features = self.run_one(block, features)
            if index in self.kept_blocks():
                kept.append(features)
        return FrozenFeatures((features, *kept))

    def encode_adapted(self, frozen: FrozenFeatures) -> Embedding:
        """Run the other blocks and what follows them."""
        features, *kept = frozen.tensors
        for index, block in enumerate(self.blocks[self.first_block :], start=self.first_block):
            features = self.run_block(partial(self.run_one, block), features)
            if index in self.kept_blocks():
                kept.append(features)
        return self.finish(features, tuple(kept))

    def prepare(self, embedding: Embedding) -> ImageTerms:
        """Compute what all instances of one image share."""
        terms = image_terms(
            self.sam.prompt_encoder,
            self.sam.mask_decoder,
            self.sam.shared_image_embedding,
            embedding,
        )
        return ImageTerms((*terms.tensors, *self.own_terms(embedding)))

    def decode_chunk(
        self,
        terms: ImageTerms,
        points: Float[Tensor, "instances points 2"],
        labels: Int[Tensor, "instances points"],
        *,
        boxes: Float[Tensor, "instances 4"] | None = None,
        multimask: bool = False,
    ) -> MaskLogits:
        """Decode instances that have the same number of points.

        Masks of another size (SAM 3's have four pixels a cell of 14) are resampled to the low-res
        frame.
        """
        masks = type(self).decode_points(
            self.sam.prompt_encoder,
            self.sam.mask_decoder,
            terms,
            points,
            labels,
            boxes=boxes,
            multimask=multimask,
        )
        low_res = (self.side // 4, self.side // 4)
        if masks.low_res_logits.shape[-2:] == low_res:
            return masks
        logits = F.interpolate(masks.low_res_logits, low_res, mode="bilinear")
        return MaskLogits(logits, masks.iou_prediction)

    def linear_layers(self, kind: LayerKind) -> tuple[AdaptedModule, ...]:
        """Name the layers of one kind; those of the encoder from ``first_block`` on, in order."""
        if kind == "decoder":
            names = decoder_linears(self.sam.mask_decoder)
            return tuple(AdaptedModule(f"mask_decoder.{name}") for name in names)
        blocks = [
            (f"{self.blocks_name}.{index}", block) for index, block in enumerate(self.blocks)
        ][self.first_block :]
        if kind == "query-value":
            return tuple(one for name, block in blocks for one in self.query_value(name, block))
        layers = self.attention_names if kind == "attention" else self.mlp_names
        return tuple(AdaptedModule(f"{name}.{layer}") for name, _ in blocks for layer in layers)
