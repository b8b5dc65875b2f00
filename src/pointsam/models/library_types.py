"""The library's modules that one piece of our code serves, whatever family they are of."""

from transformers.models.sam.modeling_sam import (
    SamAttention,
    SamMaskDecoder,
    SamPositionalEmbedding,
    SamPromptEncoder,
    SamVisionEncoder,
)
from transformers.models.sam2.modeling_sam2 import (
    Sam2Attention,
    Sam2MaskDecoder,
    Sam2PositionalEmbedding,
    Sam2PromptEncoder,
)
from transformers.models.sam_hq.modeling_sam_hq import (
    SamHQAttention,
    SamHQMaskDecoder,
    SamHQPositionalEmbedding,
    SamHQPromptEncoder,
    SamHQVisionEncoder,
)

Attention = SamAttention | SamHQAttention | Sam2Attention
MaskDecoder = SamMaskDecoder | SamHQMaskDecoder | Sam2MaskDecoder
PositionEncoder = SamPositionalEmbedding | SamHQPositionalEmbedding | Sam2PositionalEmbedding
PromptEncoder = SamPromptEncoder | SamHQPromptEncoder | Sam2PromptEncoder
PlainVit = SamVisionEncoder | SamHQVisionEncoder
