"""Masks as polygons along their pixels' edges."""

from collections.abc import Iterator

import numpy as np
import shapely
from jaxtyping import Bool, Shaped
from rasterio import features


def trace(
    mask: Bool[np.ndarray, "height width"], *, corner: tuple[int, int] = (0, 0)
) -> shapely.MultiPolygon:
    """Outline a mask along its pixels' edges; parts that touch at a corner only are two.

    Args:
        mask: of one object; may have holes, several parts, or nothing.
        corner: ``(x, y)`` of its first pixel's outer corner.
    """
    if not mask.any():
        return shapely.MultiPolygon()
    return shapely.MultiPolygon([part for _, part in traced(mask.astype(np.uint8), corner=corner)])


def traced(
    numbers: Shaped[np.ndarray, "rows cols"], *, corner: tuple[int, int]
) -> Iterator[tuple[int, shapely.Polygon]]:
    """Outline every connected area of one number, except 0, in one pass."""
    offset = np.array(corner)
    for shape, number in features.shapes(numbers, mask=numbers > 0, connectivity=4):
        outer, *holes = (np.array(ring) + offset for ring in shape["coordinates"])
        yield int(number), shapely.Polygon(outer, holes)
