"""A prompt encoder for graphs that other tools run: they pad and box by labels of points."""

from typing import Any

import torch
from torch import Tensor, nn

from pointsam.frames import to_edges


class PromptTokens(nn.Module):
    """A family's prompt encoder whose labels say what a point is, a padding point included."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder
        self.shared_embedding = encoder.shared_embedding
        self.no_mask_embed = encoder.no_mask_embed
        # four layers of one row each, or one of four rows
        kinds = [layer for layer in encoder.point_embed.modules() if _is_table(layer)]
        weights = torch.cat([layer.weight.detach() for layer in kinds])
        self.kinds = nn.Parameter(weights, requires_grad=False)

    def forward(
        self,
        *,
        input_points: Tensor,
        input_labels: Tensor,
        input_boxes: None,
        input_masks: None,
    ) -> tuple[Tensor, None]:
        """Embed points: 1 and 0 on and off the object, 2 and 3 a box's corners, -1 no point."""
        side = self.encoder.input_image_size
        placed = self.shared_embedding(to_edges(input_points), (side, side))
        kind = self.kinds[input_labels.clamp(min=0)]
        nothing = self.encoder.not_a_point_embed.weight
        return torch.where(input_labels[..., None] < 0, nothing, placed + kind), None


def _is_table(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Embedding)
