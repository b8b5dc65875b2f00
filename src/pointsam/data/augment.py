"""Weak view (flips image and points together) and strong view (changes colours alone)."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from pointsam.data.sample import Sample, TrainingSample
from pointsam.frames import LOW_RES_STRIDE, ModelFrame, mirrored
from pointsam.masks import AT_ONCE
from pointsam.randomness import addressed_generator

Picture = UInt8[np.ndarray, "height width 3"]

# OpenCV's own threads would only compete with torch's for the cores.
cv2.setNumThreads(1)


def training_sample(sample: Sample, *, seed: int, view: int) -> TrainingSample:
    """Give one of an image's views; the same seed and number give the same view.

    Args:
        sample: as loaded; with masks where the regime learns from them.
        seed: of the run.
        view: number of the view in the image's pool.
    """
    weak = weak_view(sample, addressed_generator(seed, "weak", sample.image_id, view))
    strong = strong_view(weak.pixels, addressed_generator(seed, "strong", sample.image_id, view))
    cover = None if weak.masks is None else low_res_cover(weak.masks, weak.frame)
    return TrainingSample(replace(weak, masks=None), strong, view, cover)


def weak_view(sample: Sample, generator: torch.Generator) -> Sample:
    """Flip image, points and masks along each axis, each with probability one half."""
    height, width = sample.frame.resized_size
    pixels, masks = sample.pixels, sample.masks
    across, down = (torch.rand(2, generator=generator) < 0.5).tolist()
    axes = [axis for axis, drawn in enumerate((across, down)) if drawn]
    pixels = pixels.flip([2 - axis for axis in axes])
    masks = None if masks is None else masks.flip([2 - axis for axis in axes])

    def flip(points: Tensor) -> Tensor:
        moved = points.clone()
        for axis in axes:
            moved[..., axis] = mirrored(points[..., axis], (width, height)[axis])
        return moved.clamp(min=0)

    return replace(sample, pixels=pixels, masks=masks, prompts=sample.prompts.moved(flip))


def strong_view(
    pixels: UInt8[Tensor, "3 height width"], generator: torch.Generator
) -> UInt8[Tensor, "3 height width"]:
    """Change the colours; every object stays where it is.

    Each change is made or not by a draw of its own, brightness and contrast nearly always.

    Source: the kinds of change are those of PointSAM's release; their ranges are ours.
    """
    picture = np.ascontiguousarray(pixels.permute(1, 2, 0).numpy())
    for chance, change in _CHANGES:
        draws = torch.rand(5, generator=generator).tolist()
        if draws[0] < chance:
            picture = change(picture, draws[1:])
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)


def low_res_cover(
    masks: Bool[Tensor, "instances height width"], frame: ModelFrame
) -> Float[Tensor, "instances rows cols"]:
    """Give the share of each low-res pixel that each mask of an image covers.

    Args:
        masks: in the image frame.
        frame: of the image.
    """
    height, width = frame.resized_size
    if not len(masks):
        side = frame.side // LOW_RES_STRIDE
        return torch.zeros(0, side, side)
    covers = []
    for part in masks[:, None].split(AT_ONCE):
        cover = F.interpolate(part.float(), (height, width), mode="bilinear", antialias=True)
        cover = F.pad(cover, (0, frame.side - width, 0, frame.side - height))
        covers.append(F.avg_pool2d(cover, LOW_RES_STRIDE)[:, 0])
    return torch.cat(covers)


def _brightness_contrast(picture: Picture, draws: list[float]) -> Picture:
    contrast, brightness = 0.7 + 0.6 * draws[0], 60 * (draws[1] - 0.5)
    mean = float(picture.mean())
    levels = (np.arange(256) - mean) * contrast + mean + brightness
    return _look_up(picture, levels)


def _posterize(picture: Picture, draws: list[float]) -> Picture:
    """Keep 4 to 7 bits of each channel."""
    dropped = 1 + int(4 * draws[0])
    return _look_up(picture, np.arange(256) >> dropped << dropped)


def _solarize(picture: Picture, draws: list[float]) -> Picture:
    """Invert the levels above a bound in the upper half."""
    levels = np.arange(256)
    return _look_up(picture, np.where(levels < 128 + 127 * draws[0], levels, 255 - levels))


def _equalize(picture: Picture, draws: list[float]) -> Picture:
    """Flatten each channel's histogram."""
    return np.stack([cv2.equalizeHist(picture[..., c]) for c in range(3)], axis=-1)


def _sharpen(picture: Picture, draws: list[float]) -> Picture:
    """Add the difference to a blurred image."""
    amount = 0.2 + 0.8 * draws[0]
    blurred = cv2.GaussianBlur(picture, (0, 0), 1.5)
    return np.asarray(cv2.addWeighted(picture, 1 + amount, blurred, -amount, 0))


def _shadow(picture: Picture, draws: list[float]) -> Picture:
    """Darken one side of a line through the image."""
    height, width = picture.shape[:2]
    y, x = np.ogrid[:height, :width]
    angle = 2 * np.pi * draws[0]
    distance = (x / width - draws[1]) * np.cos(angle) + (y / height - draws[2]) * np.sin(angle)
    light = np.where(distance > 0, 0.5 + 0.3 * draws[3], 1.0)
    return (picture * light[..., None]).astype(np.uint8)


def _look_up(picture: Picture, levels: np.ndarray) -> Picture:
    return np.asarray(cv2.LUT(picture, np.clip(levels, 0, 255).astype(np.uint8)))


_CHANGES: tuple[tuple[float, Callable[[Picture, list[float]], Picture]], ...] = (
    (0.2, _posterize),
    (0.2, _equalize),
    (0.2, _sharpen),
    (0.2, _solarize),
    (0.8, _brightness_contrast),
    (0.3, _shadow),
)
"""Chance and kind, in the order they are made."""
