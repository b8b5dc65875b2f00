"""SAM behind the contract: ViT-B, L and H, and all that the library loads as a SamModel."""

from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import SamModel

from pointsam.models.decoders.sam import decode_instances, image_terms
from pointsam.models.families.vit import embed_patches, fused_projection, require_side, run_layer
from pointsam.models.segmenter import (
    Embedding,
    FrozenFeatures,
    FusedProjection,
    ImageTerms,
    MaskLogits,
    Segmenter,
)


class Sam(Segmenter):
    """A SamModel of any width and depth, pruned ones included; adapters are its own."""

    family = "sam"

    def __init__(self, sam: SamModel, *, side: int = 1024) -> None:
        super().__init__()
        self.stride = sam.config.vision_config.patch_size
        require_side(side, multiple=self.stride, family="SAM")
        self.side = side
        self.sam = sam
        self.first_block = len(sam.vision_encoder.layers) // 2
        # Points are measured in the side at hand, as the grid of cells is.
        sam.prompt_encoder.input_image_size = side

    @property
    def peft_root(self) -> nn.Module:
        """Give the library's model: an adapter made here fits a plain SamModel."""
        root: nn.Module = self.sam
        return root

    @torch.no_grad()
    def encode_frozen(self, pixels: Float[Tensor, "images 3 side side"]) -> FrozenFeatures:
        """Run the patches and the blocks below ``first_block``."""
        features = embed_patches(self.sam.vision_encoder, pixels)
        for layer in self.sam.vision_encoder.layers[: self.first_block]:
            features = run_layer(layer, features)
        return FrozenFeatures((features,))

    def encode_adapted(self, stem: FrozenFeatures) -> Embedding:
        """Run the other blocks and the neck."""
        [features] = stem.tensors
        for layer in self.sam.vision_encoder.layers[self.first_block :]:
            features = self.run_block(partial(run_layer, layer), features)
        return Embedding(self.sam.vision_encoder.neck(features).to(self.dtype))

    def prepare(self, embedding: Embedding) -> ImageTerms:
        """Compute what all instances of one image share."""
        position = self.sam.shared_image_embedding
        return image_terms(self.sam.prompt_encoder, self.sam.mask_decoder, position, embedding)

    def fused_projections(self) -> tuple[FusedProjection, ...]:
        """Name the attention projections from ``first_block`` on, in the encoder's order."""
        layers = list(enumerate(self.sam.vision_encoder.layers))
        return tuple(
            fused_projection(
                f"vision_encoder.layers.{index}.attn.qkv", rows=layer.attn.qkv.out_features
            )
            for index, layer in layers[self.first_block :]
        )

    def decode_chunk(
        self,
        terms: ImageTerms,
        points: Float[Tensor, "instances points 2"],
        labels: Int[Tensor, "instances points"],
        *,
        boxes: Float[Tensor, "instances 4"] | None = None,
        multimask: bool = False,
    ) -> MaskLogits:
        """Decode instances that have the same number of points."""
        return decode_instances(
            self.sam.prompt_encoder,
            self.sam.mask_decoder,
            terms,
            points,
            labels,
            boxes=boxes,
            multimask=multimask,
        )
