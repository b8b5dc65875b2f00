"""Draws oriented boxes around the polygons of a map."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import shapely
from rasterio.crs import CRS

from pointsam.data.prepare.oriented_boxes import Corners
from pointsam.data.rasters.vector_files import EXPORT_LAYER, POLYGONS, read_features
from pointsam.data.rasters.vector_writing import write_features
from pointsam.errors import InputError
from pointsam.files import refuse_existing_file, replacing
from pointsam.prediction.rectangles import minimum_area_rectangle

NEAREST_POLE = 89.9
"""Degrees; beyond, a degree of longitude is no length to measure with."""


def write_boxes_of(polygons: Path, path: Path) -> int:
    """Draw the smallest rectangle around each polygon of a file; write them with its fields.

    Its angles are right on the ground where the file has degrees, and else on the map.

    Args:
        polygons: of a scene, as `predict` writes them, or any vector file of polygons.
        path: of the new GeoPackage.

    Returns:
        The number of boxes; features without a shape have none and are left out.

    Raises:
        InputError: no vector file of polygons, or `path` exists.
    """
    refuse_existing_file(path)
    found = read_features(polygons, kinds=POLYGONS, what="polygons", several=EXPORT_LAYER)
    flat = np.flatnonzero(shapely.area(shapely.convex_hull(found.shapes)) == 0)
    if len(flat):
        raise InputError(f"{polygons}: feature {found.ids[flat[0]]} has no area.")
    degrees = found.crs is not None and CRS.from_user_input(found.crs).is_geographic
    corners = [_box_around(shape, degrees=degrees) for shape in found.shapes]
    boxes = shapely.polygons(np.stack(corners)) if corners else np.array([], dtype=object)
    with replacing(path) as temporary:
        temporary.unlink()  # GDAL makes a file, but does not fill an empty one
        write_features(
            temporary, boxes, _storable(found.fields), kind="Polygon", crs=found.crs, layer="boxes"
        )
    return len(boxes)


def _box_around(shape: shapely.Geometry, *, degrees: bool) -> Corners:
    """Give the corners of the smallest rectangle, on the map; of degrees, as the ground has them.

    A degree of longitude is shorter than one of latitude by the cosine of the latitude.
    """
    points = shapely.get_coordinates(shape)
    sides = np.ones(2)
    if degrees:
        latitude = (points[:, 1].min() + points[:, 1].max()) / 2
        sides[0] = np.cos(np.radians(np.clip(latitude, -NEAREST_POLE, NEAREST_POLE)))
    corners: Corners = minimum_area_rectangle(points * sides) / sides
    return corners


def _storable(fields: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Rename fields that a GeoPackage refuses: its own two names, and doubles."""
    kept: dict[str, np.ndarray] = {}
    taken = {"fid", "geom"}
    for name, values in fields.items():
        free, number = name, 1
        while free.lower() in taken:
            number += 1
            free = f"{name}_{number}"
        taken.add(free.lower())
        kept[free] = values
    return kept
