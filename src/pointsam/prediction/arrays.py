"""What callers of the Python library give as arrays, lists, tensors or pictures: checked, once."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from pointsam.errors import InputError, in_words
from pointsam.frames import on_image
from pointsam.prompts import PADDING, POSITIVE, Prompts, refuse_odd_box

Given = Any
"""An array, or what numpy makes one of: a list of rows, a tensor, a PIL image."""

Transform = tuple[float, float, float, float, float, float]
"""Pixel corners to map coordinates, as rasterio's."""

_NO_NUMBERS = "cmMV"
"""Kinds of arrays that numpy would turn into numbers, though they are none: dates, for example."""


def pixels_of(image: Given) -> UInt8[np.ndarray, "height width 3"]:
    """Give an image as RGB bytes.

    Raises:
        InputError: anything else; an image of floats in [0, 1] would be black.
    """
    if isinstance(image, Tensor):
        image = image.detach().cpu()
    odd = f" of mode {image.mode}" if isinstance(image, Image.Image) else ""
    try:
        pixels = np.asarray(image)
    except (ValueError, TypeError) as error:
        raise InputError(f"the image is no array of pixels ({in_words(error)}).") from error
    if pixels.dtype.kind not in "buif":
        raise InputError(
            f"the image is a {type(image).__name__}, expected its pixels: open a file with "
            "numpy.asarray(PIL.Image.open(path))."
        )
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise InputError(
            f"the image is {pixels.dtype} of shape {pixels.shape}{odd}, expected uint8 of shape "
            "(height, width, 3), red first: scale values to 0..255 and keep three bands."
        )
    return pixels


def prompts_of(
    points: Given | None, labels: Given | None, boxes: Given | None, *, size: tuple[int, int]
) -> Prompts:
    """Give points and boxes as prompts of an image.

    Args:
        points: one ``(x, y)`` an instance, or a row of them.
        labels: one a point; all positive if None.
        boxes: one an instance.
        size: height and width of the image in pixels.

    Raises:
        InputError: no numbers, other shapes or labels, or what lies off the image.
    """
    corners = None if boxes is None else _corners(boxes, size)
    if points is not None:
        prompts = _clicks(points, labels, size=size)
        if corners is not None and len(corners) != len(prompts):
            raise InputError(f"{len(corners)} boxes for {len(prompts)} rows of points.")
        return prompts.with_boxes(corners)
    if labels is not None:
        raise InputError("labels without points: give the points that they are of.")
    if corners is None:
        raise InputError("no points and no boxes: there is nothing to segment.")
    return Prompts.from_boxes(corners)


def transform_of(given: Given) -> Transform:
    """Give the first six numbers of a transform; rasterio's Affine has nine.

    Raises:
        InputError: other numbers.
    """
    numbers = _numbers(given, "the transform").ravel()
    whole = numbers.size == 6 or (numbers.size == 9 and numbers[6:].tolist() == [0, 0, 1])
    if not whole or not np.isfinite(numbers).all():
        raise InputError(
            f"the transform is {numbers.tolist()}, expected rasterio's: six numbers (a, b, c, d, "
            "e, f), or an Affine."
        )
    a, b, c, d, e, f = numbers[:6].tolist()
    return a, b, c, d, e, f


def _numbers(given: Given, what: str) -> Float[np.ndarray, "*shape"]:
    """Convert to numbers, whole ones too.

    Raises:
        InputError: texts that are no numbers, or rows of several lengths.
    """
    if isinstance(given, Tensor):
        given = given.detach().cpu().double()
    try:
        found = np.asarray(given)
        if found.dtype.kind in _NO_NUMBERS:
            raise TypeError(f"{found.dtype} is no kind of number")
        numbers: Float[np.ndarray, "*shape"] = found.astype(np.float64)
    except (ValueError, TypeError) as error:
        raise InputError(f"{what} are no array of numbers ({in_words(error)}).") from error
    return numbers


def _corners(boxes: Given, size: tuple[int, int]) -> Float[Tensor, "boxes 4"]:
    corners = _numbers(boxes, "boxes")
    if corners.shape in ((4,), (0,)):
        corners = corners.reshape(-1, 4)
    if corners.ndim != 2 or corners.shape[1] != 4:
        raise InputError(
            f"boxes are {corners.shape}, expected (boxes, 4): (x0, y0, x1, y1) in each row."
        )
    for x0, y0, x1, y1 in corners.tolist():
        refuse_odd_box((x0, y0, x1, y1), size)
    return torch.from_numpy(corners.astype(np.float32))


def _clicks(points: Given, labels: Given | None, *, size: tuple[int, int]) -> Prompts:
    rows = _numbers(points, "points")
    if rows.ndim == 2:
        rows = rows[:, None]
    if rows.ndim != 3 or rows.shape[2] != 2:
        raise InputError(
            f"points are {np.shape(points)}, expected (instances, 2) or (instances, points, 2)."
        )
    kinds = _kinds(labels, rows.shape[:2])
    without = np.flatnonzero(~(kinds == POSITIVE).any(axis=1)).tolist()
    if without:
        raise InputError(f"instance {without[0]} has no positive point.")
    height, width = size
    off = ~on_image(rows[..., 0], rows[..., 1], size) & (kinds != PADDING)
    if off.any():
        first = rows[off][0].tolist()
        raise InputError(f"point {first} (x, y) is off the image, which is {width} x {height} px.")
    # The place of a padding point is not read, but must be a number.
    read = np.where((kinds == PADDING)[..., None], 0, rows)
    return Prompts(
        torch.from_numpy(read.astype(np.float32)).clamp(min=0),
        torch.from_numpy(kinds.astype(np.int64)),
    )


def _kinds(labels: Given | None, shape: tuple[int, ...]) -> Float[np.ndarray, "instances points"]:
    """Check labels before they become whole numbers."""
    if labels is None:
        return np.full(shape, float(POSITIVE))
    kinds = _numbers(labels, "labels")
    if kinds.shape != shape:
        raise InputError(
            f"labels are {kinds.shape}, points {shape}: give one label a point, instances by "
            "points."
        )
    if not np.isin(kinds, (POSITIVE, 0, PADDING)).all():
        raise InputError(f"labels are 1, 0 or -1, got {np.unique(kinds).tolist()}.")
    return kinds
