"""Applies the rules for polygons to a scene's outlines, in metres on the ground."""

from dataclasses import replace

import numpy as np
import shapely
from rasterio.crs import CRS

from pointsam.data.rasters.earth import on_earth
from pointsam.data.rasters.georeference import DEGREES, ground_areas, move_points, to_map
from pointsam.data.rasters.scene import Scene
from pointsam.prediction.polygons import PolygonRules, joined, shaped
from pointsam.prediction.scenes.vectors import Outlines


def reshaped(outlines: Outlines, rules: PolygonRules, scene: Scene) -> Outlines:
    """Apply rules to all outlines, and measure their areas on the ground again.

    ``area_px`` stays that of the mask. Lengths are metres on the ground, pixels where the scene
    has no place on earth.
    """
    if rules.idle:
        return outlines
    transform = scene.transform
    across, down = pixel_sides(scene)
    sides = np.array([across, down])
    flat = shapely.transform(outlines.polygons, lambda points: _to_pixels(points, scene) * sides)
    pixel = float(np.sqrt(across * down))
    found = shaped(flat, rules, pixel=pixel)
    moved = shapely.transform(found, lambda points: to_map(points / sides, transform))
    # Rounding may let parts that touch in a corner share an edge of some nanometres.
    polygons = np.array([joined(list(shape.geoms)) for shape in moved], dtype=object)
    return replace(outlines, polygons=polygons, area_m2=ground_areas(polygons, scene.crs))


def pixel_sides(scene: Scene) -> tuple[float, float]:
    """Measure the sides of the scene's middle pixel in metres, along x and y; 1 without a place."""
    system = CRS.from_wkt(scene.crs) if scene.crs else None
    if system is None or not on_earth(system):
        return 1.0, 1.0
    height, width = scene.size
    x, y = width // 2, height // 2
    corners = np.array([[x, y], [x + 1, y], [x, y + 1]], dtype=float)
    places = to_map(corners, scene.transform)
    degrees = CRS.from_user_input(DEGREES)
    [[longitude, latitude]] = move_points(places[:1], system, degrees, what="the scene").tolist()
    if not (np.isfinite(longitude) and abs(latitude) <= 90):
        return 1.0, 1.0
    flat = CRS.from_string(f"+proj=laea +lat_0={latitude} +lon_0={longitude} +datum=WGS84 +units=m")
    origin, right, below = move_points(places, system, flat, what="the scene")
    return float(np.hypot(*(right - origin))), float(np.hypot(*(below - origin)))


def _to_pixels(points: np.ndarray, scene: Scene) -> np.ndarray:
    """Move map points to pixel edges of the file."""
    a, b, c, d, e, f = scene.transform
    moved: np.ndarray = np.linalg.solve(np.array([[a, b], [d, e]]), (points - [c, f]).T).T
    return moved
