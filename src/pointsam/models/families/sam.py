"""SAM behind the contract: ViT-B, L and H, and all that the library loads as a SamModel."""

from collections.abc import Collection

from torch import Tensor
from transformers import SamModel

from pointsam.models.decoders.sam import decode_instances
from pointsam.models.families.vit import VitSegmenter
from pointsam.models.segmenter import Embedding


class Sam(VitSegmenter):
    """A SamModel of any width and depth, pruned ones included; adapters are its own."""

    family = "sam"
    title = "SAM"
    decode_points = staticmethod(decode_instances)

    def __init__(self, sam: SamModel, *, side: int = 1024) -> None:
        super().__init__(sam, side=side)

    def kept_blocks(self) -> Collection[int]:
        """Keep no block's output."""
        return ()

    def finish(self, features: Tensor, kept: tuple[Tensor, ...]) -> Embedding:
        """Run the neck."""
        return Embedding(self.sam.vision_encoder.neck(features).to(self.dtype))

    def own_terms(self, embedding: Embedding) -> tuple[Tensor, ...]:
        """Read nothing else."""
        return ()
