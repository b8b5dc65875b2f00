"""The library's modules that one piece of our code serves, whatever family they are of."""

from transformers.models.sam.modeling_sam import (
    SamAttention,
    SamMaskDecoder,
    SamPositionalEmbedding,
    SamPromptEncoder,
    SamVisionAttention,
    SamVisionEncoder,
    SamVisionLayer,
)
from transformers.models.sam2.modeling_sam2 import (
    Sam2Attention,
    Sam2MaskDecoder,
    Sam2PositionalEmbedding,
    Sam2PromptEncoder,
)
from transformers.models.sam3_tracker.modeling_sam3_tracker import (
    Sam3TrackerAttention,
    Sam3TrackerMaskDecoder,
    Sam3TrackerPositionalEmbedding,
    Sam3TrackerPromptEncoder,
)
from transformers.models.sam_hq.modeling_sam_hq import (
    SamHQAttention,
    SamHQMaskDecoder,
    SamHQPositionalEmbedding,
    SamHQPromptEncoder,
    SamHQVisionAttention,
    SamHQVisionEncoder,
    SamHQVisionLayer,
)

from pointsam.models.decoders.prompt_tokens import PromptTokens

Attention = SamAttention | SamHQAttention | Sam2Attention | Sam3TrackerAttention
PyramidMaskDecoder = Sam2MaskDecoder | Sam3TrackerMaskDecoder
"""Of the families whose decoder reads finer maps, too."""
MaskDecoder = SamMaskDecoder | SamHQMaskDecoder | PyramidMaskDecoder
PositionEncoder = (
    SamPositionalEmbedding
    | SamHQPositionalEmbedding
    | Sam2PositionalEmbedding
    | Sam3TrackerPositionalEmbedding
)
PromptEncoder = (
    SamPromptEncoder
    | SamHQPromptEncoder
    | Sam2PromptEncoder
    | Sam3TrackerPromptEncoder
    | PromptTokens
)
PlainVit = SamVisionEncoder | SamHQVisionEncoder
PlainVitLayer = SamVisionLayer | SamHQVisionLayer
PlainVitAttention = SamVisionAttention | SamHQVisionAttention
