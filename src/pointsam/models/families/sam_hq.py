"""SAM-HQ behind the contract: SAM's encoder, and masks sharpened by its early features."""

from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import SamHQModel

from pointsam.models.decoders.sam import image_terms
from pointsam.models.decoders.sam_hq import decode_hq_instances, hq_features
from pointsam.models.families.vit import embed_patches, fused_projection, require_side, run_layer
from pointsam.models.segmenter import (
    Embedding,
    FrozenFeatures,
    FusedProjection,
    ImageTerms,
    MaskLogits,
    Segmenter,
)


class SamHQ(Segmenter):
    """A SamHQModel of any width and depth."""

    family = "sam_hq"

    def __init__(self, sam: SamHQModel, *, side: int = 1024) -> None:
        super().__init__()
        self.stride = sam.config.vision_config.patch_size
        require_side(side, multiple=self.stride, family="SAM-HQ")
        self.side = side
        self.sam = sam
        layers = sam.vision_encoder.layers
        self.first_block = len(layers) // 2
        self._early = next(i for i, layer in enumerate(layers) if layer.window_size == 0)
        sam.prompt_encoder.input_image_size = side

    @property
    def peft_root(self) -> nn.Module:
        """Give the library's model: an adapter made here fits a plain SamHQModel."""
        root: nn.Module = self.sam
        return root

    @torch.no_grad()
    def encode_frozen(self, pixels: Float[Tensor, "images 3 side side"]) -> FrozenFeatures:
        """Run the patches and the blocks below ``first_block``; early features come second."""
        features = embed_patches(self.sam.vision_encoder, pixels)
        early: list[Tensor] = []
        for index, layer in enumerate(self.sam.vision_encoder.layers[: self.first_block]):
            features = run_layer(layer, features)
            early = [features] if index == self._early else early
        return FrozenFeatures((features, *early))

    def encode_adapted(self, stem: FrozenFeatures) -> Embedding:
        """Run the other blocks and the neck; the first global block gives the early features."""
        features, *early = stem.tensors
        layers = list(enumerate(self.sam.vision_encoder.layers))
        for index, layer in layers[self.first_block :]:
            features = self.run_block(partial(run_layer, layer), features)
            early = [features] if index == self._early else early
        image = self.sam.vision_encoder.neck(features).to(self.dtype)
        return Embedding(image, tuple(early))

    def prepare(self, embedding: Embedding) -> ImageTerms:
        """Compute what all instances of one image share."""
        position = self.sam.shared_image_embedding
        decoder = self.sam.mask_decoder
        terms = image_terms(self.sam.prompt_encoder, decoder, position, embedding)
        return ImageTerms((*terms.tensors, hq_features(decoder, embedding)))

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
        return decode_hq_instances(
            self.sam.prompt_encoder,
            self.sam.mask_decoder,
            terms,
            points,
            labels,
            boxes=boxes,
            multimask=multimask,
        )
