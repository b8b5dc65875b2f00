"""The place of an image on the map, and conversions between coordinate systems."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from jaxtyping import Float
from rasterio._err import CPLE_BaseError
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.warp import transform as transform_points

from pointsam.data.rasters.earth import carries_epsg_code, on_earth
from pointsam.data.rasters.opening import open_raster, refuse_control_points
from pointsam.errors import InputError
from pointsam.frames import to_edges

DEGREES = "EPSG:4326"

GDAL_ERRORS = (RasterioError, CPLE_BaseError)
"""All that rasterio raises for an error of GDAL; some reach its callers as they are."""


@dataclass(frozen=True)
class Georeference:
    """Of one raster."""

    transform: tuple[float, float, float, float, float, float]
    """Pixel corners to map coordinates."""
    crs: str
    """As WKT."""
    size: tuple[int, int]
    """Height and width in pixels."""


def read_georeference(path: Path) -> Georeference | None:
    """Read where a raster lies; None where it has no coordinate system.

    Raises:
        InputError: not a raster that can be read.
    """
    with open_raster(path) as dataset:
        refuse_control_points(path, dataset)
        if dataset.crs is None:
            return None
        a, b, c, d, e, f = dataset.transform[:6]
        size = (dataset.height, dataset.width)
        return Georeference((a, b, c, d, e, f), dataset.crs.to_wkt(), size)


def move_points(
    points: Float[np.ndarray, "points 2"], source: CRS, target: CRS, *, what: str
) -> Float[np.ndarray, "points 2"]:
    """Move map points from one coordinate system to another.

    Args:
        points: ``(x, y)``.
        source: their system.
        target: another.
        what: the points are, for the message.

    Returns:
        The points; infinity for a place that the other system does not have.

    Raises:
        InputError: no way from one system to the other, or numbers that `source` cannot hold.
    """
    if source == target or not len(points):
        return points
    try:
        moved = transform_points(source, target, *points.T.tolist())
    except GDAL_ERRORS as error:
        x, y = points[0].tolist()
        raise InputError(
            f"{what}, the first at ({x:.9g}, {y:.9g}), cannot be moved from {_name(source)} to "
            f"{_name(target)}: do both files say the right coordinate system?"
        ) from error
    return np.stack([np.array(values) for values in moved], axis=1)


def _name(system: CRS) -> str:
    """Give the code of a system, or else the start of its description."""
    authority = system.to_authority()
    return ":".join(authority) if authority else f"{system.to_wkt()[:40]}..."


def pixels_to_degrees(
    points: Float[np.ndarray, "points 2"], georeference: Georeference
) -> Float[np.ndarray, "points 2"]:
    """Move points of the image frame to longitude and latitude."""
    a, b, c, d, e, f = georeference.transform
    places = to_edges(points) @ np.array([[a, d], [b, e]]) + np.array([c, f])
    degrees = CRS.from_user_input(DEGREES)
    return move_points(places, CRS.from_wkt(georeference.crs), degrees, what="the image's points")


def to_map(
    points: Float[np.ndarray, "points 2"],
    transform: tuple[float, float, float, float, float, float],
) -> Float[np.ndarray, "points 2"]:
    """Move points from pixel edges of the file to its map."""
    a, b, c, d, e, f = transform
    columns, rows = points[:, 0], points[:, 1]
    return np.stack([a * columns + b * rows + c, d * columns + e * rows + f], axis=1)


def with_a_code(shapes: np.ndarray, crs: str | None) -> tuple[np.ndarray, str | None]:
    """Convert shapes to degrees where their system is on earth, but carries no EPSG code.

    GeoJSON names coordinate systems by their codes alone.

    Args:
        shapes: Shapely's, in map coordinates.
        crs: of the map, as WKT.
    """
    system = None if crs is None else CRS.from_wkt(crs)
    if system is None or carries_epsg_code(system) or not on_earth(system):
        return shapes, crs
    degrees = CRS.from_user_input(DEGREES)
    moved = shapely.transform(
        shapes, lambda points: move_points(points, system, degrees, what="the scene's polygons")
    )
    return moved, DEGREES


def ground_areas(polygons: np.ndarray, crs: str | None) -> Float[np.ndarray, " objects"]:
    """Measure polygons in square metres on the ellipsoid.

    They are projected by Lambert's azimuthal equal-area projection around their middle, since map
    units need not be metres on the ground: in Web Mercator at 60 degrees north they are half.
    """
    return _measured(polygons, crs, shapely.area)


def ground_perimeters(polygons: np.ndarray, crs: str | None) -> Float[np.ndarray, " objects"]:
    """Measure the length of polygons' rings in metres, as `ground_areas` measures areas."""
    return _measured(polygons, crs, shapely.length)


def _measured(
    polygons: np.ndarray, crs: str | None, measure: Callable[[np.ndarray], np.ndarray]
) -> Float[np.ndarray, " objects"]:
    """Measure polygons on the ground; NaN where they have no place on earth."""
    system = CRS.from_wkt(crs) if crs else None
    if system is None or not on_earth(system):
        return np.full(len(polygons), np.nan)
    bounds = shapely.total_bounds(polygons) if len(polygons) else np.full(4, np.nan)
    if not np.isfinite(bounds).all():
        return np.zeros(len(polygons))  # all empty
    middle = np.array([[(bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2]])
    degrees = CRS.from_user_input(DEGREES)
    longitude, latitude = move_points(middle, system, degrees, what="the scene")[0].tolist()
    if not (math.isfinite(longitude) and abs(latitude) <= 90):
        return np.full(len(polygons), np.nan)  # metres in a file that declares degrees
    flat = f"+proj=laea +lat_0={latitude} +lon_0={longitude} +datum=WGS84 +units=m"
    moved = shapely.transform(
        polygons,
        lambda points: np.stack(transform_points(system, flat, *points.T), axis=1),
    )
    return measure(moved)


def pixel_metres(
    transform: tuple[float, float, float, float, float, float],
    size: tuple[int, int],
    crs: str | None,
) -> float | None:
    """Measure the side of a raster's middle pixel on the ground; None without a place on a map.

    Args:
        transform: pixel corners to map.
        size: height and width in pixels.
        crs: as WKT.
    """
    x, y = size[1] // 2, size[0] // 2
    corners = np.array([[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1]], dtype=float)
    [area] = ground_areas(np.array([shapely.Polygon(to_map(corners, transform))]), crs)
    return float(np.sqrt(area)) if np.isfinite(area) and area > 0 else None
