"""SAM 2 and 2.1 behind the contract: Hiera and its feature pyramid, one image at a time.

Of the video model only what segments a single image is used; its memory is not.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import Sam2Model
from transformers.models.sam2.modeling_sam2 import Sam2HieraDetModel

from pointsam.models.decoders.sam import image_terms
from pointsam.models.decoders.sam2 import decode_sam2_instances, skip_terms
from pointsam.models.families.vit import fused_projection, require_side
from pointsam.models.segmenter import (
    Embedding,
    FrozenFeatures,
    FusedProjection,
    ImageTerms,
    MaskLogits,
    Segmenter,
)

SIDE_MULTIPLE = 32
"""Stride of Hiera's last stage, whose map the pyramid doubles."""


class Sam2(Segmenter):
    """A Sam2Model of any size."""

    family = "sam2"

    def __init__(self, sam: Sam2Model, *, side: int = 1024) -> None:
        super().__init__()
        require_side(side, multiple=SIDE_MULTIPLE, family="SAM 2")
        self.side = side
        self.sam = sam
        self.first_block = len(self._hiera.blocks) // 2
        sam.prompt_encoder.input_image_size = side

    @property
    def _hiera(self) -> Sam2HieraDetModel:
        """Give the backbone; as an attribute its weights would be listed twice."""
        return self.sam.vision_encoder.backbone

    @property
    def peft_root(self) -> nn.Module:
        """Give the library's model: an adapter made here fits a plain Sam2Model."""
        root: nn.Module = self.sam
        return root

    @torch.no_grad()
    def encode_frozen(self, pixels: Float[Tensor, "images 3 side side"]) -> FrozenFeatures:
        """Run the blocks below ``first_block``; the outputs of finished stages come after."""
        features = self._hiera.patch_embed(pixels)
        features = features + self._hiera._get_pos_embed(features.shape[1:3])
        finished = []
        for index, block in enumerate(self._hiera.blocks[: self.first_block]):
            features = block(features)
            if index in self._hiera.stage_ends:
                finished.append(features)
        return FrozenFeatures((features, *finished))

    def encode_adapted(self, stem: FrozenFeatures) -> Embedding:
        """Run the other blocks and the pyramid; finer maps, projected for the decoder, are extras.

        The embedding carries SAM 2's mark of an image without memory.
        """
        features, *finished = stem.tensors
        for index, block in list(enumerate(self._hiera.blocks))[self.first_block :]:
            features = self.run_block(block, features)
            if index in self._hiera.stage_ends:
                finished.append(features)
        pyramid, _ = self.sam.vision_encoder.neck(tuple(finished))
        _, coarse, middle, fine = pyramid
        decoder = self.sam.mask_decoder
        image = coarse.to(self.dtype) + self.sam.no_memory_embedding.reshape(1, -1, 1, 1)
        return Embedding(image, (decoder.conv_s0(fine), decoder.conv_s1(middle)))

    def prepare(self, embedding: Embedding) -> ImageTerms:
        """Compute what all instances of one image share."""
        position = self.sam.shared_image_embedding
        decoder = self.sam.mask_decoder
        terms = image_terms(self.sam.prompt_encoder, decoder, position, embedding)
        return ImageTerms((*terms.tensors, *skip_terms(embedding)))

    def fused_projections(self) -> tuple[FusedProjection, ...]:
        """Name the attention projections from ``first_block`` on, in the encoder's order."""
        blocks = list(enumerate(self._hiera.blocks))
        return tuple(
            fused_projection(
                f"vision_encoder.backbone.blocks.{index}.attn.qkv",
                rows=block.attn.qkv.out_features,
            )
            for index, block in blocks[self.first_block :]
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
        return decode_sam2_instances(
            self.sam.prompt_encoder,
            self.sam.mask_decoder,
            terms,
            points,
            labels,
            boxes=boxes,
            multimask=multimask,
        )
