"""Outlines of a scene's objects, traced from one raster in which every pixel has one owner.

The raster is made block by block: each object is drawn once in each block that it overlaps, and
one pass traces all objects of a block. Time and memory grow with the pixels, not with the number
of objects that overlap.
"""

import numpy as np
import shapely
from jaxtyping import Float, UInt32

from pointsam.data.rasters.windows import Box
from pointsam.prediction.tracing import traced

Owners = UInt32[np.ndarray, "rows cols"]
"""One more than the number of each pixel's owner; 0 where there is none."""


class OwnerTracer:
    """Takes the owner raster block by block, and gives the outline of every object."""

    def __init__(self, count: int) -> None:
        self._parts: list[list[shapely.Polygon]] = [[] for _ in range(count)]
        self._blocks = np.zeros(count, dtype=np.int64)
        self.area_px = np.zeros(count)

    def add(self, block: Box, owners: Owners) -> None:
        """Trace one block.

        Args:
            block: in the global grid.
            owners: of its pixels.
        """
        numbers, counts = np.unique(owners[owners > 0], return_counts=True)
        self.area_px[numbers - 1] += counts
        self._blocks[numbers - 1] += 1
        for index, polygon in traced(owners.astype(np.int32), corner=block[:2]):
            self._parts[index - 1].append(polygon)

    def shapes(self) -> np.ndarray:
        """Give the multi-polygon of every object in the global grid; empty where it has none."""
        shapes = np.empty(len(self._parts), dtype=object)
        for index, parts in enumerate(self._parts):
            shapes[index] = (
                shapely.MultiPolygon(parts) if self._blocks[index] < 2 else joined(parts)
            )
        return shapes


def joined(parts: list[shapely.Polygon]) -> shapely.MultiPolygon:
    """Join the parts of one object in several blocks, without corners on the blocks' borders."""
    whole = shapely.union_all(parts)
    return shapely.MultiPolygon([_plain(part) for part in shapely.get_parts(whole)])


def _plain(polygon: shapely.Polygon) -> shapely.Polygon:
    """Remove corners at which an outline does not turn."""
    rings = [polygon.exterior, *polygon.interiors]
    outer, *holes = (_corners(shapely.get_coordinates(ring)[:-1]) for ring in rings)
    return shapely.Polygon(outer, holes)


def _corners(ring: Float[np.ndarray, "places 2"]) -> Float[np.ndarray, "corners 2"]:
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    turns = before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]
    corners: Float[np.ndarray, "corners 2"] = ring[turns]
    return corners
