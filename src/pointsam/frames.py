"""Where a point or a pixel lies: in the image, model, embedding and low-res frames.

There are two ways of counting, and only this file converts between them. Points of this project are
counted from pixel *middles*: an integer is the index of a pixel, and the first pixel reaches from
-0.5 to 0.5. Maps, boxes and most tools count from pixel *edges*: there the first pixel reaches from
0 to 1.
"""

from dataclasses import dataclass
from math import floor
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

LOW_RES_STRIDE = 4
"""Pixels of the model frame under one pixel of the low-res mask logits."""

HALF_PIXEL = 0.5
"""From the edge of a pixel to its middle."""

Places = TypeVar("Places", float, np.ndarray, Tensor)
"""Coordinates along one axis or several, counted in pixels."""


def to_edges(places: Places) -> Places:
    """Count from pixel edges what was counted from pixel middles."""
    return places + HALF_PIXEL


def to_middles(places: Places) -> Places:
    """Count from pixel middles what was counted from pixel edges."""
    return places - HALF_PIXEL


def mirrored(places: Float[Tensor, "*shape"], side: int) -> Float[Tensor, "*shape"]:
    """Turn over an axis of so many pixels; places count from pixel middles before and after.

    The outer half of the last pixel would lie beyond zero; its places are put on the first middle.
    """
    return (side - 1 - places).clamp(min=0)


def pixel_middles(start: int, stop: int) -> Float[np.ndarray, " pixels"]:
    """Give the middles of the pixels from `start` to below `stop`, counted from pixel edges."""
    middles: Float[np.ndarray, " pixels"] = np.arange(start, stop) + HALF_PIXEL
    return middles


def nearest_pixel(places: Float[np.ndarray, "*shape"]) -> Int[np.ndarray, "*shape"]:
    """Give the index of the pixel under each place; the edge of two pixels is of the second."""
    return np.floor(places + HALF_PIXEL).astype(int)


def nearest_index(place: float) -> int:
    """Give the index of the pixel, cell or step under a place, as `nearest_pixel` does."""
    return floor(place + HALF_PIXEL)


def on_image(x: Any, y: Any, size: tuple[int, int]) -> Any:
    """Say whether points of the image frame lie on the image; NaN does not.

    The first pixel begins half a pixel before its middle. The last one is taken half a pixel
    beyond its end: tools that clip clicks to the image's sides write that place.

    Args:
        x: one number, or an array or a tensor of them.
        y: as many.
        size: height and width of the image in pixels.
    """
    height, width = size
    return (x >= -HALF_PIXEL) & (x < width) & (y >= -HALF_PIXEL) & (y < height)


def in_pixels(x: Any, y: Any, size: tuple[int, int]) -> Any:
    """Say whether points of the image frame lie on a pixel of the image; NaN does not.

    Unlike `on_image`, a place on the border of two neighbouring images belongs to one of them.
    """
    height, width = size
    across = (x >= -HALF_PIXEL) & (x < width - HALF_PIXEL)
    return across & (y >= -HALF_PIXEL) & (y < height - HALF_PIXEL)


def meets_image(box: tuple[float, float, float, float], size: tuple[int, int]) -> bool:
    """Say whether a part of a box ``(x0, y0, x1, y1)`` of the image frame is on the image.

    Boxes that only touch the image's border do not meet it.
    """
    height, width = size
    x0, y0, x1, y1 = box
    across = x0 < width - HALF_PIXEL and x1 > -HALF_PIXEL
    return across and y0 < height - HALF_PIXEL and y1 > -HALF_PIXEL


@dataclass(frozen=True)
class ModelFrame:
    """How one image sits in SAM's square input: one resize, then zeros right and below.

    Points are ``(x, y)``: x grows right, y grows down, and an integer is the index of a
    pixel, as in SAM, which adds the half pixel itself.
    """

    image_size: tuple[int, int]
    """Height and width of the image as it was read, in pixels."""
    side: int = 1024
    """Side of the model's input, in pixels."""
    stride: int = 16
    """Pixels of the model's input under one cell of the image embedding."""

    def __post_init__(self) -> None:
        if min(self.image_size) < 1 or self.side < 1:
            raise ValueError(f"image {self.image_size} and side {self.side} must be at least 1 px.")

    @property
    def resized_size(self) -> tuple[int, int]:
        """Height and width of the image in the model frame: its longest side fills the input.

        Source: segment_anything, utils/transforms.py, ``get_preprocess_shape``.
        """
        height, width = self.image_size
        scale = self.side / max(height, width)
        rounded = (int(length * scale + HALF_PIXEL) for length in (height, width))
        rows, columns = (max(1, length) for length in rounded)
        return rows, columns

    @property
    def scale_xy(self) -> tuple[float, float]:
        """Model pixels per image pixel, along x and along y."""
        height, width = self.resized_size
        return width / self.image_size[1], height / self.image_size[0]

    def to_model(self, points: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch 2"]:
        """Move ``(x, y)`` points of the image frame to the model frame."""
        return points * points.new_tensor(self.scale_xy)

    def clamped(self, points: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch 2"]:
        """Put points of the image frame that are on the outer half of a border pixel inside."""
        height, width = self.image_size
        last = points.new_tensor([width - HALF_PIXEL, height - HALF_PIXEL])
        return points.clamp(min=torch.zeros_like(last), max=last)

    def to_image(self, points: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch 2"]:
        """Move ``(x, y)`` points of the model frame back to the image frame."""
        return points / points.new_tensor(self.scale_xy)

    def to_cell(self, points: Float[Tensor, "*batch 2"]) -> Int[Tensor, "*batch 2"]:
        """Name the embedding cell, as ``(row, col)``, under each point of the model frame.

        Raises:
            ValueError: a point lies outside the model's input.
        """
        outside = (points < 0) | (points >= self.side)
        if outside.any():
            first = points[outside.any(-1)][0].tolist()
            raise ValueError(
                f"point {first} (x, y) is outside the {self.side} px model frame; "
                "were image-frame points passed without to_model()?"
            )
        return (points / self.stride).floor().long().flip(-1)

    def resize(
        self, image: UInt8[np.ndarray, "height width 3"]
    ) -> UInt8[np.ndarray, "rows cols 3"]:
        """Give the image at its size in the model frame, without the padding.

        Pillow's bilinear filter, which averages over the source pixels when it shrinks.
        """
        if image.shape[:2] != self.image_size:
            raise ValueError(f"image is {image.shape[:2]}, its frame says {self.image_size} px.")
        height, width = self.resized_size
        if self.resized_size == self.image_size:
            return image
        resized = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(resized)

    def pixels(self, image: UInt8[np.ndarray, "height width 3"]) -> UInt8[Tensor, "3 rows cols"]:
        """Give the image as the encoder takes it: at its size in the model frame, unpadded."""
        return torch.from_numpy(self.resize(image).copy()).permute(2, 0, 1)

    def low_res_valid(self) -> Bool[Tensor, "rows cols"]:
        """Mark the low-res pixels whose centre is on the image, not on the padding."""
        height, width = self.resized_size
        centre = torch.arange(self.side // LOW_RES_STRIDE) * LOW_RES_STRIDE + LOW_RES_STRIDE / 2
        return (centre < height)[:, None] & (centre < width)[None, :]

    def logits_to_image(
        self, low_res_logits: Float[Tensor, "instances rows cols"]
    ) -> Float[Tensor, "instances height width"]:
        """Bring low-res mask logits to the image frame: up to the input, crop, to the image.

        Source: segment_anything, modeling/sam.py, ``postprocess_masks``.
        """
        if not len(low_res_logits):
            return low_res_logits.new_zeros((0, *self.image_size))
        height, width = self.resized_size
        logits = F.interpolate(
            low_res_logits[:, None].float(), (self.side, self.side), mode="bilinear"
        )
        logits = logits[..., :height, :width]
        if self.resized_size != self.image_size:
            logits = F.interpolate(logits, self.image_size, mode="bilinear")
        return logits.squeeze(1)
