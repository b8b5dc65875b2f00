"""SAM behind the contract: ViT-B, L and H, and all that the library loads as a SamModel."""

from collections.abc import Collection, Iterator

from jaxtyping import Float
from torch import Tensor, nn
from transformers import SamModel

from pointsam.models.decoders.sam import decode_instances
from pointsam.models.families.library import LibrarySegmenter
from pointsam.models.families.vit import embed_patches, fused_projection, require_side, run_layer
from pointsam.models.segmenter import AdaptedModule, Embedding


class Sam(LibrarySegmenter):
    """A SamModel of any width and depth, pruned ones included; adapters are its own."""

    family = "sam"
    blocks_name = "vision_encoder.layers"
    mlp_names = ("mlp.lin1", "mlp.lin2")
    decode_points = staticmethod(decode_instances)

    def __init__(self, sam: SamModel, *, side: int = 1024) -> None:
        stride = sam.config.vision_config.patch_size
        require_side(side, multiple=stride, family="SAM")
        super().__init__(sam, side=side)
        self.stride = stride
        # Points are measured in the side at hand, as the grid of cells is.
        sam.prompt_encoder.input_image_size = side

    def embed(self, pixels: Float[Tensor, "images 3 side side"]) -> Tensor:
        """Give each patch its token."""
        return embed_patches(self.sam.vision_encoder, pixels)

    def run_one(self, block: nn.Module, features: Tensor) -> Tensor:
        """Run one block."""
        return run_layer(block, features)

    def kept_blocks(self) -> Collection[int]:
        """Keep no block's output."""
        return ()

    def finish(self, features: Tensor, kept: tuple[Tensor, ...]) -> Embedding:
        """Run the neck."""
        return Embedding(self.sam.vision_encoder.neck(features).to(self.dtype))

    def own_terms(self, embedding: Embedding) -> tuple[Tensor, ...]:
        """Read nothing else."""
        return ()

    def query_value(self, name: str, block: nn.Module) -> Iterator[AdaptedModule]:
        """Name the fused projection."""
        yield fused_projection(f"{name}.attn.qkv", block)
