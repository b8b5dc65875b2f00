"""A mask of one object, kept as the part of the image that holds it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from jaxtyping import Bool, UInt8
from pycocotools import mask as coco_mask

from pointsam.data.coco.masks import rasterise, to_rle
from pointsam.frames import nearest_index
from pointsam.masks import bounds_of
from pointsam.prediction.tracing import trace


@dataclass(frozen=True, eq=False)
class MaskCrop:
    """The smallest part of an image that holds every pixel of a mask, eight pixels a byte.

    A server holds the masks of all images: a byte a pixel would be a megabyte a large object.
    """

    x: int
    y: int
    """Column and row of its first pixel in the image."""
    size: tuple[int, int]
    """Height and width; may be ``(0, 0)``."""
    _bits: UInt8[np.ndarray, "height _"]

    @classmethod
    def of(cls, pixels: Bool[np.ndarray, "height width"], *, x: int, y: int) -> "MaskCrop":
        """Keep a mask that is cut already; its first pixel is at ``(x, y)`` of the image."""
        height, width = pixels.shape
        return cls(x, y, (height, width), np.packbits(pixels, axis=1))

    @property
    def pixels(self) -> Bool[np.ndarray, "height width"]:
        """The part of the mask, anew at each call."""
        return self._rows(0, self.size[0])

    @classmethod
    def cut(cls, mask: Bool[np.ndarray, "height width"], *, x: int = 0, y: int = 0) -> "MaskCrop":
        """Cut a mask out of a window whose first pixel is at ``(x, y)`` of the image."""
        left, top, right, bottom = bounds_of(mask) or (0, 0, 0, 0)
        return cls.of(mask[top:bottom, left:right], x=x + left, y=y + top)

    @classmethod
    def from_plain(cls, form: dict[str, Any]) -> "MaskCrop":
        """Give the mask that `plain` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is no such mask.
        """
        height, width = (int(side) for side in form["size"])
        if not height or not width:
            return cls.of(np.zeros((0, 0), dtype=bool), x=int(form["x"]), y=int(form["y"]))
        pixels = rasterise({"size": [height, width], "counts": form["counts"]}, (height, width))
        return cls.of(pixels, x=int(form["x"]), y=int(form["y"]))

    @cached_property
    def area(self) -> int:
        """Pixels."""
        return int(np.count_nonzero(self.pixels))

    @property
    def box(self) -> tuple[int, int, int, int]:
        """``(x0, y0, x1, y1)`` in pixel edges of the image."""
        height, width = self.size
        return self.x, self.y, self.x + width, self.y + height

    def plain(self) -> dict[str, Any]:
        """Give the mask as values of JSON."""
        return {"x": self.x, "y": self.y, **self._rle}

    def holds(self, point: tuple[float, float]) -> bool:
        """Say whether the pixel under a point ``(x, y)`` of the image frame is in the mask."""
        column, row = nearest_index(point[0]) - self.x, nearest_index(point[1]) - self.y
        height, width = self.size
        if not (0 <= row < height and 0 <= column < width):
            return False
        return bool(self._bits[row, column // 8] >> (7 - column % 8) & 1)

    def shared(self, other: "MaskCrop") -> int:
        """Count the pixels that are in both masks."""
        x0, y0 = max(self.x, other.x), max(self.y, other.y)
        x1, y1 = min(self.box[2], other.box[2]), min(self.box[3], other.box[3])
        if x0 >= x1 or y0 >= y1:
            return 0
        mine = self._rows(y0 - self.y, y1 - self.y)[:, x0 - self.x : x1 - self.x]
        theirs = other._rows(y0 - other.y, y1 - other.y)[:, x0 - other.x : x1 - other.x]
        return int(np.count_nonzero(mine & theirs))

    def iou(self, other: "MaskCrop") -> float:
        """Give the IoU of two masks as `masks.iou_of_areas` does: 0 where both are empty."""
        both = self.shared(other)
        return both / max(1, self.area + other.area - both)

    def outline(self) -> shapely.MultiPolygon:
        """Give its outline along pixel edges; the image's first pixel spans 0 to 1."""
        return trace(self.pixels, corner=(self.x, self.y))

    def rings(self) -> list[list[int]]:
        """Give every ring of the outline as ``[x0, y0, x1, y1, ...]``, holes among them."""
        rings: list[list[int]] = []
        for part in self.outline().geoms:
            for ring in (part.exterior, *part.interiors):
                corners = shapely.get_coordinates(ring)[:-1]
                rings.append(corners.astype(int).flatten().tolist())
        return rings

    def image_rle(self, size: tuple[int, int]) -> dict[str, Any]:
        """Give COCO's compressed RLE of the whole image, without drawing the whole image."""
        height, width = size
        counts: list[int] = []
        end = 0
        for start, length in self._runs(height):
            if counts and start == end:
                counts[-1] += length
            else:
                counts += [start - end, length]
            end = start + length
        if end < height * width:
            counts.append(height * width - end)
        runs = coco_mask.frPyObjects({"size": [height, width], "counts": counts}, height, width)
        return {"size": [height, width], "counts": runs["counts"].decode("ascii")}

    @cached_property
    def _rle(self) -> dict[str, Any]:
        # An image is saved whole at every click: the masks that stay are not packed again.
        return to_rle(self.pixels)

    def _rows(self, top: int, bottom: int) -> Bool[np.ndarray, "rows width"]:
        return np.unpackbits(self._bits[top:bottom], axis=1, count=self.size[1]).view(bool)

    def _runs(self, height: int) -> list[tuple[int, int]]:
        """List starts and lengths of the mask's runs, counted down the image's columns."""
        padded = np.zeros((self.size[0] + 2, self.size[1]), dtype=np.int8)
        padded[1:-1] = self.pixels
        step = np.diff(padded, axis=0)
        columns, starts = np.nonzero(step.T == 1)
        _, ends = np.nonzero(step.T == -1)
        first = (columns + self.x) * height + self.y + starts
        return list(zip(first.tolist(), (ends - starts).tolist(), strict=True))
