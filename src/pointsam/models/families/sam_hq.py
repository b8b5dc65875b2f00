"""SAM-HQ behind the contract: SAM's encoder, and masks sharpened by its early features."""

from collections.abc import Collection, Iterator

from jaxtyping import Float
from torch import Tensor, nn
from transformers import SamHQModel

from pointsam.models.decoders.sam_hq import decode_hq_instances, hq_features
from pointsam.models.families.library import LibrarySegmenter
from pointsam.models.families.vit import embed_patches, fused_projection, require_side, run_layer
from pointsam.models.segmenter import AdaptedModule, Embedding


class SamHQ(LibrarySegmenter):
    """A SamHQModel of any width and depth."""

    family = "sam_hq"
    blocks_name = "vision_encoder.layers"
    mlp_names = ("mlp.lin1", "mlp.lin2")
    decode_points = staticmethod(decode_hq_instances)

    def __init__(self, sam: SamHQModel, *, side: int = 1024) -> None:
        stride = sam.config.vision_config.patch_size
        require_side(side, multiple=stride, family="SAM-HQ")
        super().__init__(sam, side=side)
        self.stride = stride
        layers = sam.vision_encoder.layers
        self._early = next(i for i, layer in enumerate(layers) if layer.window_size == 0)
        sam.prompt_encoder.input_image_size = side

    def embed(self, pixels: Float[Tensor, "images 3 side side"]) -> Tensor:
        """Give each patch its token."""
        return embed_patches(self.sam.vision_encoder, pixels)

    def run_one(self, block: nn.Module, features: Tensor) -> Tensor:
        """Run one block."""
        return run_layer(block, features)

    def kept_blocks(self) -> Collection[int]:
        """Keep the output of the first global block, the early features."""
        return (self._early,)

    def finish(self, features: Tensor, kept: tuple[Tensor, ...]) -> Embedding:
        """Run the neck; the early features are an extra."""
        return Embedding(self.sam.vision_encoder.neck(features).to(self.dtype), kept)

    def own_terms(self, embedding: Embedding) -> tuple[Tensor, ...]:
        """Fuse the last and the early features."""
        return (hq_features(self.sam.mask_decoder, embedding),)

    def query_value(self, name: str, block: nn.Module) -> Iterator[AdaptedModule]:
        """Name the fused projection."""
        yield fused_projection(f"{name}.attn.qkv", block)
