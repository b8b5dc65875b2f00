"""SAM 2 and 2.1 behind the contract: Hiera and its feature pyramid, one image at a time.

Of the video model only what segments a single image is used; its memory is not.
"""

from collections.abc import Collection, Iterator

from jaxtyping import Float
from torch import Tensor, nn
from transformers import Sam2Model

from pointsam.models.decoders.library_private import hiera_position
from pointsam.models.decoders.sam2 import decode_sam2_instances, skip_terms
from pointsam.models.families.library import LibrarySegmenter
from pointsam.models.families.vit import fused_projection, require_side
from pointsam.models.segmenter import AdaptedModule, Embedding

SIDE_MULTIPLE = 32
"""Stride of Hiera's last stage, whose map the pyramid doubles."""


class Sam2(LibrarySegmenter):
    """A Sam2Model of any size."""

    family = "sam2"
    blocks_name = "vision_encoder.backbone.blocks"
    mlp_names = ("mlp.proj_in", "mlp.proj_out")
    decode_points = staticmethod(decode_sam2_instances)

    def __init__(self, sam: Sam2Model, *, side: int = 1024) -> None:
        require_side(side, multiple=SIDE_MULTIPLE, family="SAM 2")
        super().__init__(sam, side=side)
        sam.prompt_encoder.input_image_size = side

    def embed(self, pixels: Float[Tensor, "images 3 side side"]) -> Tensor:
        """Give each patch its token and its place."""
        hiera = self.sam.vision_encoder.backbone
        features: Tensor = hiera.patch_embed(pixels)
        rows, cols = features.shape[1:3]
        return features + hiera_position(hiera, (rows, cols))

    def run_one(self, block: nn.Module, features: Tensor) -> Tensor:
        """Run one block."""
        output: Tensor = block(features)
        return output

    def kept_blocks(self) -> Collection[int]:
        """Keep what each stage ends with; the pyramid is made of these."""
        ends: list[int] = self.sam.vision_encoder.backbone.stage_ends
        return ends

    def finish(self, features: Tensor, kept: tuple[Tensor, ...]) -> Embedding:
        """Run the pyramid; finer maps, projected for the decoder, are extras.

        The embedding carries SAM 2's mark of an image without memory.
        """
        pyramid, _ = self.sam.vision_encoder.neck(kept)
        _, coarse, middle, fine = pyramid
        decoder = self.sam.mask_decoder
        image = coarse.to(self.dtype) + self.sam.no_memory_embedding.reshape(1, -1, 1, 1)
        return Embedding(image, (decoder.conv_s0(fine), decoder.conv_s1(middle)))

    def own_terms(self, embedding: Embedding) -> tuple[Tensor, ...]:
        """Make the pixels of the finer maps extra axes of their cells."""
        return skip_terms(embedding)

    def query_value(self, name: str, block: nn.Module) -> Iterator[AdaptedModule]:
        """Name the fused projection."""
        yield fused_projection(f"{name}.attn.qkv", block)
