"""SAM-HQ behind the contract: SAM's encoder, and masks sharpened by its early features."""

from collections.abc import Collection

from torch import Tensor
from transformers import SamHQModel

from pointsam.models.decoders.sam_hq import decode_hq_instances, hq_features
from pointsam.models.families.vit import VitSegmenter
from pointsam.models.segmenter import Embedding


class SamHQ(VitSegmenter):
    """A SamHQModel of any width and depth."""

    family = "sam_hq"
    title = "SAM-HQ"
    decode_points = staticmethod(decode_hq_instances)

    def __init__(self, sam: SamHQModel, *, side: int = 1024) -> None:
        super().__init__(sam, side=side)
        layers = sam.vision_encoder.layers
        self._early = next(i for i, layer in enumerate(layers) if layer.window_size == 0)

    def kept_blocks(self) -> Collection[int]:
        """Keep the output of the first global block, the early features."""
        return (self._early,)

    def finish(self, features: Tensor, kept: tuple[Tensor, ...]) -> Embedding:
        """Run the neck; the early features are an extra."""
        return Embedding(self.sam.vision_encoder.neck(features).to(self.dtype), kept)

    def own_terms(self, embedding: Embedding) -> tuple[Tensor, ...]:
        """Fuse the last and the early features."""
        return (hq_features(self.sam.mask_decoder, embedding),)
