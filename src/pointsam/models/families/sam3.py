"""SAM 3's tracker behind the contract: what of SAM 3 answers clicks and boxes in one image.

The library's Sam3TrackerModel adds SAM 2's mark of an image without memory to a level of the
pyramid that it then leaves out, so that no image carries it; this does the same.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import Sam3TrackerModel

from pointsam.errors import InputError
from pointsam.models.decoders.sam import image_terms
from pointsam.models.decoders.sam2 import decode_sam2_instances, skip_terms
from pointsam.models.segmenter import (
    Embedding,
    FrozenFeatures,
    FusedProjection,
    ImageTerms,
    MaskLogits,
    Segmenter,
)


class Sam3Tracker(Segmenter):
    """A Sam3TrackerModel at its own side."""

    family = "sam3_tracker"

    def __init__(self, sam: Sam3TrackerModel, *, side: int) -> None:
        super().__init__()
        own = sam.config.vision_config.backbone_config
        if side != own.image_size:
            raise InputError(
                f"side {side} does not fit SAM 3, whose rotary positions are those of its own "
                f"side: give {own.image_size}."
            )
        self.side = side
        self.stride = own.patch_size
        self.sam = sam
        self.first_block = len(sam.vision_encoder.backbone.layers) // 2

    @property
    def peft_root(self) -> nn.Module:
        """Give the library's model: an adapter made here fits a plain Sam3TrackerModel."""
        root: nn.Module = self.sam
        return root

    @torch.no_grad()
    def encode_frozen(self, pixels: Float[Tensor, "images 3 side side"]) -> FrozenFeatures:
        """Run the patches and the blocks below ``first_block``."""
        backbone = self.sam.vision_encoder.backbone
        cells = self.side // self.stride
        features = backbone.layer_norm(backbone.embeddings(pixels).unflatten(1, (cells, cells)))
        for layer in backbone.layers[: self.first_block]:
            features = layer(features)
        return FrozenFeatures((features,))

    def encode_adapted(self, stem: FrozenFeatures) -> Embedding:
        """Run the other blocks and the pyramid; the finer maps its decoder reads are extras."""
        [features] = stem.tensors
        for layer in self.sam.vision_encoder.backbone.layers[self.first_block :]:
            features = self.run_block(layer, features)
        pyramid, _ = self.sam.vision_encoder.neck(features.permute(0, 3, 1, 2))
        fine, middle, coarse, *_ = pyramid
        decoder = self.sam.mask_decoder
        extras = (decoder.conv_s0(fine), decoder.conv_s1(middle))
        return Embedding(coarse.to(self.dtype), extras)

    def prepare(self, embedding: Embedding) -> ImageTerms:
        """Compute what all instances of one image share."""
        position = self.sam.shared_image_embedding
        decoder = self.sam.mask_decoder
        terms = image_terms(self.sam.prompt_encoder, decoder, position, embedding)
        return ImageTerms((*terms.tensors, *skip_terms(embedding)))

    def fused_projections(self) -> tuple[FusedProjection, ...]:
        """Name the projections of queries and of values; in this family each is its own layer."""
        layers = list(enumerate(self.sam.vision_encoder.backbone.layers))
        found = []
        for index, layer in layers[self.first_block :]:
            rows = torch.arange(layer.attention.q_proj.out_features)
            name = f"vision_encoder.backbone.layers.{index}.attention"
            found.append(FusedProjection(f"{name}.q_proj", rows, rows[:0]))
            found.append(FusedProjection(f"{name}.v_proj", rows[:0], rows))
        return tuple(found)

    def decode_chunk(
        self,
        terms: ImageTerms,
        points: Float[Tensor, "instances points 2"],
        labels: Int[Tensor, "instances points"],
        *,
        boxes: Float[Tensor, "instances 4"] | None = None,
        multimask: bool = False,
    ) -> MaskLogits:
        """Decode instances that have the same number of points.

        SAM 3's own masks have four pixels a cell of 14; they are resampled to the low-res frame.
        """
        masks = decode_sam2_instances(
            self.sam.prompt_encoder,
            self.sam.mask_decoder,
            terms,
            points,
            labels,
            boxes=boxes,
            multimask=multimask,
        )
        low_res = (self.side // 4, self.side // 4)
        logits = F.interpolate(masks.low_res_logits, low_res, mode="bilinear")
        return MaskLogits(logits, masks.iou_prediction)
