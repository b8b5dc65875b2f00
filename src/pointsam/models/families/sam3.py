"""SAM 3's tracker behind the contract: it segments one image from clicks and boxes.

The library's Sam3TrackerModel adds SAM 2's mark of an image without memory to a level of the
pyramid that it then leaves out, so that no image carries it; this does the same.
"""

from collections.abc import Collection, Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers import Sam3TrackerModel

from pointsam.errors import InputError
from pointsam.models.decoders.sam2 import decode_sam2_instances, skip_terms
from pointsam.models.families.library import LibrarySegmenter
from pointsam.models.segmenter import AdaptedModule, Embedding


class Sam3Tracker(LibrarySegmenter):
    """A Sam3TrackerModel at its own side."""

    family = "sam3_tracker"
    blocks_name = "vision_encoder.backbone.layers"
    attention_names = tuple(f"attention.{letter}_proj" for letter in "qkvo")
    mlp_names = ("mlp.fc1", "mlp.fc2")
    decode_points = staticmethod(decode_sam2_instances)

    def __init__(self, sam: Sam3TrackerModel, *, side: int) -> None:
        own = sam.config.vision_config.backbone_config
        if side != own.image_size:
            raise InputError(
                f"side {side} does not fit SAM 3, whose rotary positions are those of its own "
                f"side: give {own.image_size}."
            )
        super().__init__(sam, side=side)
        self.stride = own.patch_size

    def embed(self, pixels: Float[Tensor, "images 3 side side"]) -> Tensor:
        """Give each patch its token."""
        backbone = self.sam.vision_encoder.backbone
        cells = self.side // self.stride
        tokens: Tensor = backbone.embeddings(pixels).unflatten(1, (cells, cells))
        normed: Tensor = backbone.layer_norm(tokens)
        return normed

    def run_one(self, block: nn.Module, features: Tensor) -> Tensor:
        """Run one block."""
        output: Tensor = block(features)
        return output

    def kept_blocks(self) -> Collection[int]:
        """Keep no block's output."""
        return ()

    def finish(self, features: Tensor, kept: tuple[Tensor, ...]) -> Embedding:
        """Run the pyramid; the finer maps its decoder reads are extras."""
        pyramid, _ = self.sam.vision_encoder.neck(features.permute(0, 3, 1, 2))
        fine, middle, coarse, *_ = pyramid
        decoder = self.sam.mask_decoder
        extras = (decoder.conv_s0(fine), decoder.conv_s1(middle))
        return Embedding(coarse.to(self.dtype), extras)

    def own_terms(self, embedding: Embedding) -> tuple[Tensor, ...]:
        """Make the pixels of the finer maps extra axes of their cells."""
        return skip_terms(embedding)

    def query_value(self, name: str, block: nn.Module) -> Iterator[AdaptedModule]:
        """Name the projections of queries and of values; in this family each is its own layer."""
        query = block.get_submodule("attention.q_proj")
        assert isinstance(query.out_features, int)
        rows = torch.arange(query.out_features)
        yield AdaptedModule(f"{name}.attention.q_proj", rows, rows[:0])
        yield AdaptedModule(f"{name}.attention.v_proj", rows[:0], rows)
