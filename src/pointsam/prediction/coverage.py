"""Outlines of one raster as a coverage: neighbours share the corners of their common edges."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from itertools import pairwise

import numpy as np
import shapely


def noded(shapes: np.ndarray) -> np.ndarray:
    """Add to each edge the corners of other outlines that lie on it.

    A corner where a neighbour ends lies on the middle of an edge. Without it there, the two sides
    of a common edge are simplified differently.

    Args:
        shapes: multi-polygons whose edges lie along the axes.
    """
    columns: dict[float, list[float]] = defaultdict(list)
    rows: dict[float, list[float]] = defaultdict(list)
    for x, y in np.unique(shapely.get_coordinates(shapes), axis=0).tolist():
        columns[x].append(y)
        rows[y].append(x)
    for line in rows.values():
        line.sort()

    def with_corners(ring: shapely.LinearRing) -> list[tuple[float, float]]:
        corners = shapely.get_coordinates(ring).tolist()
        found: list[tuple[float, float]] = []
        for (x, y), (to_x, to_y) in pairwise(corners):
            found.append((x, y))
            if x == to_x:
                found += [(x, other) for other in _between(columns[x], y, to_y)]
            elif y == to_y:
                found += [(other, y) for other in _between(rows[y], x, to_x)]
        return found

    changed = np.empty(len(shapes), dtype=object)
    for index, shape in enumerate(shapes):
        changed[index] = shapely.MultiPolygon(
            [
                shapely.Polygon(with_corners(part.exterior), [*map(with_corners, part.interiors)])
                for part in shapely.get_parts(shape)
            ]
        )
    return changed


def _between(places: list[float], start: float, end: float) -> list[float]:
    """Give the sorted places between two, without these, in the direction from start to end."""
    low, high = min(start, end), max(start, end)
    inside = places[bisect_right(places, low) : bisect_left(places, high)]
    return inside if start < end else inside[::-1]


def holes_of_others(shapes: np.ndarray) -> list[set[int]]:
    """Number the holes of each shape in which another shape lies.

    Holes are counted over the parts of a shape, in order.

    Args:
        shapes: multi-polygons that do not overlap.
    """
    tree = shapely.STRtree(shapes)
    found: list[set[int]] = []
    for index, shape in enumerate(shapes):
        rings = [ring for part in shapely.get_parts(shape) for ring in part.interiors]
        holes = [shapely.Polygon(ring) for ring in rings]
        filled = set()
        for number, hole in enumerate(holes):
            near = tree.query(hole, predicate="intersects")
            others = shapes[near[near != index]]
            if (shapely.area(shapely.intersection(others, hole)) > 0).any():
                filled.add(number)
        found.append(filled)
    return found
