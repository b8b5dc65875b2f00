"""The smallest rectangle around points, at any angle."""

import numpy as np
import shapely
from jaxtyping import Float

from pointsam.data.prepare.oriented_boxes import Corners


def minimum_area_rectangle(points: Float[np.ndarray, "points 2"]) -> Corners:
    """Find the rectangle of least area around points.

    Where an upright rectangle is as small as a turned one, the upright one is given.

    Args:
        points: not all on one line.

    Returns:
        Corners, clockwise in an image, where y grows down; the first side is the longest.
    """
    around = shapely.MultiPoint(points)
    turned, upright = shapely.oriented_envelope(around), shapely.envelope(around)
    ties = shapely.area(upright) <= shapely.area(turned) * (1 + 1e-9)
    # Counter-clockwise in mathematics, where y grows up, is clockwise where it grows down.
    ring = shapely.orient_polygons(upright if ties else turned)
    corners: Corners = shapely.get_coordinates(ring)[:4]
    # The first corner is fixed: the upper left one, or the start of its longer side.
    corners = np.roll(corners, -int(np.lexsort((corners[:, 0], corners[:, 1]))[0]), axis=0)
    first, second = np.linalg.norm(np.diff(corners[:3], axis=0), axis=1)
    return corners if first >= second * (1 - 1e-9) else np.roll(corners, -1, axis=0)
