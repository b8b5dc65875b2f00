"""Mask logits of the objects of a scene, and the owner of each pixel where objects overlap.

The decoder gives logits on a coarse grid. Only their positive part is stored, a few hundred bytes
for an object. They are resized to scene pixels when a mask is needed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, floor

import numpy as np
import shapely
import torch
from jaxtyping import Bool, Float, Int, UInt32
from scipy import ndimage

from pointsam.data.rasters.windows import Box, Window
from pointsam.frames import pixel_middles, to_middles
from pointsam.masks import PixelOwners, bounds_of, threshold

MAX_HELD = 2**26
"""Pixels of a scene whose owners are held at once: 256 MB."""

STRIP = 1024
"""Rows of scene pixels that are computed at once; bounds the memory of a huge object."""


@dataclass(frozen=True, eq=False)
class LogitMap:
    """Mask logits of one object over a part of the scene; below zero everywhere else."""

    logits: Float[np.ndarray, "rows cols"]
    """Cut to the positive logits and one ring around them."""
    corner: tuple[float, float]
    """``(x, y)`` of the first logit's outer corner, in the global grid."""
    scale: tuple[float, float]
    """Scene pixels under one logit, along x and along y."""

    @property
    def box(self) -> Box:
        """Scene pixels under the logits, also those that are covered in part."""
        (x, y), (across, down) = self.corner, self.scale
        rows, cols = self.logits.shape
        return floor(x), floor(y), ceil(x + cols * across), ceil(y + rows * down)

    def render(self, box: Box) -> Float[np.ndarray, "height width"]:
        """Interpolate the logits at the centres of the scene pixels of `box`, bilinearly.

        In a window as large as the model's input this equals ``ModelFrame.logits_to_image``. A
        pixel outside the logits gets minus infinity.
        """
        left, right, across = _taps(box[0], box[2], self.corner[0], self.scale[0], self.logits, 1)
        above, below, down = _taps(box[1], box[3], self.corner[1], self.scale[1], self.logits, 0)
        values = self.logits.astype(np.float32)
        rows = values[above] * (1 - down[:, None]) + values[below] * down[:, None]
        rendered: Float[np.ndarray, "height width"]
        rendered = rows[:, left] * (1 - across) + rows[:, right] * across
        x0, y0, x1, y1 = self.box
        rendered[(np.arange(box[1], box[3]) < y0) | (np.arange(box[1], box[3]) >= y1)] = -np.inf
        rendered[:, (np.arange(box[0], box[2]) < x0) | (np.arange(box[0], box[2]) >= x1)] = -np.inf
        return rendered

    def positive_part(self, box: Box) -> Box | None:
        """Bound the scene pixels of `box` that may be positive; None where none can be.

        Interpolation between logits that are not positive gives none that is, so most of an
        object's box need not be computed.
        """
        left, right, _ = _taps(box[0], box[2], self.corner[0], self.scale[0], self.logits, 1)
        above, below, _ = _taps(box[1], box[3], self.corner[1], self.scale[1], self.logits, 0)
        x, y = int(left[0]), int(above[0])
        inside = bounds_of(_positive(self.logits[y : below[-1] + 1, x : right[-1] + 1]))
        if inside is None:
            return None
        x0, x1 = _reached(left - x, right - x, inside[0], inside[2])
        y0, y1 = _reached(above - y, below - y, inside[1], inside[3])
        return box[0] + x0, box[1] + y0, box[0] + x1, box[1] + y1

    def mask(self, box: Box) -> Bool[np.ndarray, "height width"]:
        """Give the mask in the scene pixels of `box`."""
        return np.concatenate([_positive(self.render(strip)) for strip in strips_of(box)])


def crop_logits(
    low_res_logits: Float[np.ndarray, "rows cols"],
    window: Window,
    *,
    scale: tuple[float, float],
) -> LogitMap | None:
    """Cut one object's low-res logits to their positive part; None if none is positive.

    float16 keeps every sign, so the stored logits give the same mask.

    Args:
        low_res_logits: of the window, its padding included.
        window: that was segmented.
        scale: scene pixels under one logit, along x and along y.
    """
    box = bounds_of(_positive(low_res_logits))
    if box is None:
        return None
    x0, y0, x1, y1 = box
    x0, y0 = max(x0 - 1, 0), max(y0 - 1, 0)
    corner = (window.x + x0 * scale[0], window.y + y0 * scale[1])
    # Tiny positive numbers would round to zero, huge ones to infinity.
    kept = np.clip(low_res_logits[y0 : y1 + 1, x0 : x1 + 1], -6e4, 6e4)
    kept = np.where((kept > 0) & (kept < 1e-6), 1e-6, kept)
    return LogitMap(kept.astype(np.float16), corner, scale)


def clicked_part(
    mask: Bool[np.ndarray, "rows cols"], cells: Int[np.ndarray, "points 2"]
) -> Bool[np.ndarray, "rows cols"]:
    """Keep the connected parts of a mask that hold a clicked cell; all of it if none does.

    A small part far from the click says nothing about the size of the object.

    Args:
        mask: of one object.
        cells: ``(row, col)`` of its positive points, inside the mask's array.
    """
    parts, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    clicked = np.unique(parts[cells[:, 0], cells[:, 1]])
    clicked = clicked[clicked > 0]
    return np.isin(parts, clicked) if len(clicked) else mask


def clicked_extent(
    low_res_logits: Float[np.ndarray, "rows cols"],
    points: Float[np.ndarray, "points 2"],
    window: Window,
    *,
    scale: tuple[float, float],
) -> Box | None:
    """Bound the part of an object's mask that its positive points lie in, in the global grid.

    Args:
        low_res_logits: of the window.
        points: ``(x, y)``, positive, in the global grid.
        window: that was segmented.
        scale: scene pixels under one logit, along x and along y.
    """
    cells = np.floor((points - (window.x, window.y)) / scale).astype(int)[:, ::-1]
    cells = cells.clip(0, np.array(low_res_logits.shape) - 1)
    box = bounds_of(clicked_part(_positive(low_res_logits), cells))
    if box is None:
        return None
    return (
        floor(window.x + box[0] * scale[0]),
        floor(window.y + box[1] * scale[1]),
        ceil(window.x + box[2] * scale[0]),
        ceil(window.y + box[3] * scale[1]),
    )


class Overlaps:
    """Finds the objects of a scene that overlap, and gives each shared pixel one owner."""

    def __init__(self, maps: Sequence[LogitMap | None], *, within: Box, exclusive: bool) -> None:
        """Index the objects.

        Args:
            maps: one for each object; None where its mask is empty.
            within: the scene; masks end there.
            exclusive: False keeps every mask as it was decoded.
        """
        self.exclusive = exclusive
        self._within = within
        self._maps: dict[int, LogitMap] = {}
        self._boxes: dict[int, Box] = {}
        for index, logits in enumerate(maps):
            box = meet(logits.box, within) if logits is not None else None
            if logits is not None and box is not None:
                self._maps[index], self._boxes[index] = logits, box
        self._order = list(self._maps)
        self._tree = shapely.STRtree([shapely.box(*box) for box in self._boxes.values()])

    def box(self, index: int) -> Box | None:
        """Bound the pixels that an object can have; None where it has none."""
        return self._boxes.get(index)

    def mask(self, index: int) -> Bool[np.ndarray, "height width"]:
        """Give the pixels of ``box(index)`` that the object owns."""
        box = self._boxes[index]
        if not self.exclusive:
            return self._maps[index].mask(box)
        return np.concatenate([self.labels(strip) == index + 1 for strip in strips_of(box)])

    def labels(self, box: Box) -> UInt32[np.ndarray, "height width"]:
        """Give, for each pixel of `box`, one more than the number of its owner, or 0."""
        whole = self._whole
        if whole is not None and meet(box, self._within) == box:
            rows, cols = _inside(box, self._within)
            return whole[rows, cols]
        return self._claimed(box)

    @cached_property
    def _whole(self) -> UInt32[np.ndarray, "height width"] | None:
        """The owners of a scene that is small enough to be drawn once and held."""
        x0, y0, x1, y1 = self._within
        if (x1 - x0) * (y1 - y0) > MAX_HELD:
            return None
        owners = np.zeros((y1 - y0, x1 - x0), dtype=np.uint32)
        for y in range(y0, y1, STRIP // 2):
            for x in range(x0, x1, STRIP // 2):
                part = (x, y, min(x + STRIP // 2, x1), min(y + STRIP // 2, y1))
                owners[_inside(part, self._within)] = self._claimed(part)
        return owners

    def _claimed(self, box: Box) -> UInt32[np.ndarray, "height width"]:
        owners = PixelOwners((box[3] - box[1], box[2] - box[0]))
        near = self._tree.query(shapely.box(*box)).tolist()
        for index in sorted(self._order[place] for place in near):
            part = meet(self._boxes[index], box)
            # The boxes may share only an edge, or no pixel of the mask.
            part = part and self._maps[index].positive_part(part)
            if part is None:
                continue
            logits = torch.from_numpy(self._maps[index].render(part))
            owners.claim(logits, number=index + 1, part=_inside(part, box))
        return owners.labels.numpy().view(np.uint32)


def strips_of(box: Box) -> Iterator[Box]:
    """Cut a box into strips of at most STRIP rows."""
    x0, y0, x1, y1 = box
    for top in range(y0, y1, STRIP):
        yield x0, top, x1, min(top + STRIP, y1)


def _taps(
    start: int,
    stop: int,
    corner: float,
    scale: float,
    logits: Float[np.ndarray, "rows cols"],
    axis: int,
) -> tuple[Int[np.ndarray, " pixels"], Int[np.ndarray, " pixels"], Float[np.ndarray, " pixels"]]:
    """Give the indices of the two logits beside each pixel's centre, and the second's weight."""
    count = logits.shape[axis]
    middles = pixel_middles(start, stop) - corner
    place = to_middles(middles / scale).clip(0, count - 1)
    low = np.floor(place).astype(int)
    return low, np.minimum(low + 1, count - 1), (place - low).astype(np.float32)


def _reached(
    low: Int[np.ndarray, " pixels"], high: Int[np.ndarray, " pixels"], first: int, stop: int
) -> tuple[int, int]:
    """Give the range of pixels whose centre lies beside one of the logits `first` to `stop`."""
    touched = np.flatnonzero((high >= first) & (low < stop))
    return int(touched[0]), int(touched[-1]) + 1


def _positive(logits: Float[np.ndarray, "rows cols"]) -> Bool[np.ndarray, "rows cols"]:
    """Threshold logits with the package's rule."""
    return threshold(torch.from_numpy(logits)).numpy()


def meet(one: Box, other: Box) -> Box | None:
    """Give the intersection of two boxes."""
    x0, y0 = max(one[0], other[0]), max(one[1], other[1])
    x1, y1 = min(one[2], other[2]), min(one[3], other[3])
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def _inside(part: Box, box: Box) -> tuple[slice, slice]:
    """Give the rows and columns of `part` in an array that covers `box`."""
    return (
        slice(part[1] - box[1], part[3] - box[1]),
        slice(part[0] - box[0], part[2] - box[0]),
    )
