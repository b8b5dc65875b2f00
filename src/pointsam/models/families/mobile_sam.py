"""MobileSAM: TinyViT's encoder with SAM's prompt encoder and mask decoder."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import SamConfig
from transformers.models.sam.modeling_sam import SamMaskDecoder, SamPromptEncoder

from pointsam.errors import InputError
from pointsam.models.decoders.linear import decoder_linears
from pointsam.models.decoders.sam import decode_instances, image_terms
from pointsam.models.families.tiny_vit import TinyViT, TinyViTSizes
from pointsam.models.segmenter import (
    AdaptedModule,
    Embedding,
    FrozenFeatures,
    ImageTerms,
    LayerKind,
    MaskLogits,
    Segmenter,
)


class MobileSam(Segmenter):
    """MobileSAM behind the contract; module names are those of the released checkpoint."""

    family = "mobile_sam"

    def __init__(
        self,
        *,
        side: int = 1024,
        sizes: TinyViTSizes = TinyViTSizes(),  # noqa: B008 (frozen)
    ) -> None:
        super().__init__()
        if side < 64 or side % 64:
            raise InputError(f"side {side} does not fit MobileSAM: give a multiple of 64.")
        self.side = side
        # All ten attention blocks: those at stride 8 gain half a point (docs/results.md).
        self.first_block = 2
        config = SamConfig(
            prompt_encoder_config={"image_size": side, "patch_size": self.stride},
            # The released model's norms; transformers' own default is 1e-6.
            mask_decoder_config={"layer_norm_eps": 1e-5},
            attn_implementation="sdpa",
        )
        self.image_encoder = TinyViT(sizes)
        self.prompt_encoder = SamPromptEncoder(config)
        self.mask_decoder = SamMaskDecoder(config.mask_decoder_config)

    @torch.no_grad()
    def encode_frozen(self, pixels: Float[Tensor, "images 3 side side"]) -> FrozenFeatures:
        """Run the convolutions at stride 4."""
        return FrozenFeatures((self.image_encoder.below(pixels, block=self.first_block),))

    def encode_adapted(self, frozen: FrozenFeatures) -> Embedding:
        """Run the attention blocks and the neck."""
        [features] = frozen.tensors
        image = self.image_encoder.above(features, block=self.first_block, run=self.run_block)
        return Embedding(image.to(self.dtype))

    def prepare(self, embedding: Embedding) -> ImageTerms:
        """Compute what all instances of one image share."""
        position = self.prompt_encoder.shared_embedding
        return image_terms(self.prompt_encoder, self.mask_decoder, position, embedding)

    def linear_layers(self, kind: LayerKind) -> tuple[AdaptedModule, ...]:
        """Name the layers of one kind; those of the encoder from ``first_block`` on, in order."""
        if kind == "decoder":
            names = decoder_linears(self.mask_decoder)
            return tuple(AdaptedModule(f"mask_decoder.{name}") for name in names)
        blocks = [
            (f"image_encoder.{name}", block)
            for name, block in self.image_encoder.attention_blocks(self.first_block)
        ]
        if kind == "query-value":
            return tuple(
                AdaptedModule(f"{name}.attn.qkv", *block.attn.query_value_rows())
                for name, block in blocks
            )
        layers = ("attn.qkv", "attn.proj") if kind == "attention" else ("mlp.fc1", "mlp.fc2")
        return tuple(AdaptedModule(f"{name}.{layer}") for name, _ in blocks for layer in layers)

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
            self.prompt_encoder,
            self.mask_decoder,
            terms,
            points,
            labels,
            boxes=boxes,
            multimask=multimask,
        )
