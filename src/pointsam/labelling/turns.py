"""The image rotated by 90 degrees, where the model gives other masks of the same objects."""

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from pointsam.frames import mirrored
from pointsam.prompts import Prompts


def turned_image(image: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "width height 3"]:
    """Turn an image counter-clockwise by 90 degrees."""
    return np.ascontiguousarray(np.rot90(image))


def turned_clicks(prompts: Prompts, width: int) -> Prompts:
    """Move clicks to where their pixels are in the turned image.

    Args:
        prompts: in the frame of an image as it is.
        width: of that image, in pixels of that frame.
    """

    def move(points: Float[Tensor, "*clicks 2"]) -> Float[Tensor, "*clicks 2"]:
        x, y = points.unbind(-1)
        return torch.stack([y, mirrored(x, width)], dim=-1)

    return prompts.moved(move)


def turned_back(
    masks: Bool[np.ndarray, "*masks width height"],
) -> Bool[np.ndarray, "*masks height width"]:
    """Turn masks of a turned image to the image as it is."""
    return np.rot90(masks, -1, axes=(-2, -1))
