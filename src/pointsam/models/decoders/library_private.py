"""The private names of ``transformers`` that are called: here alone, each with its reason.

A version that renames one of them breaks this file; ``pyproject.toml`` bounds the version.
"""

from jaxtyping import Float
from torch import Tensor
from transformers.models.sam2.modeling_sam2 import Sam2HieraDetModel

from pointsam.models.decoders.library_types import PyramidMaskDecoder


def hiera_position(
    backbone: Sam2HieraDetModel, size: tuple[int, int]
) -> Float[Tensor, "1 rows cols channels"]:
    """Give the position of each token of a map: the library only makes it inside its forward.

    Args:
        backbone: of a SAM 2.
        size: of the map, rows and columns.
    """
    position: Tensor = backbone._get_pos_embed(size)
    return position


def stable_mask(
    decoder: PyramidMaskDecoder,
    logits: Float[Tensor, "instances masks rows cols"],
    iou_prediction: Float[Tensor, "instances masks"],
) -> tuple[Float[Tensor, "instances 1 rows cols"], Float[Tensor, "instances 1"]]:
    """Choose each instance's one mask by SAM 2's own rule, which has no public name."""
    chosen, rated = decoder._dynamic_multimask_via_stability(logits[None], iou_prediction[None])
    return chosen[0], rated[0]
