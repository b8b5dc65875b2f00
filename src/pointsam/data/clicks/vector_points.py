"""Clicks from a vector file (GeoPackage, GeoJSON, Shapefile, ...) to points of one raster."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from jaxtyping import Float
from rasterio.crs import CRS

from pointsam.data.rasters.georeference import move_points
from pointsam.data.rasters.vector_files import POINTS, read_features
from pointsam.data.records import ImageRecord, InstanceRecord
from pointsam.errors import InputError
from pointsam.frames import to_middles
from pointsam.prompts import NEGATIVE, POSITIVE

ENDINGS = (".gpkg", ".geojson", ".shp", ".fgb", ".kml", ".gml")
"""Of vector files; a ``.json`` is a point file in COCO form."""

Affine = tuple[float, float, float, float, float, float]
"""``(a, b, c, d, e, f)``: map x = a col + b row + c, map y = d col + e row + f."""

_NO_PLACE: Affine = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
"""Transform of an image that is on no map."""

FAR_OFF = -1e9
"""Pixel of what has no place on a raster's map, such as the other side of the earth."""


def read_vector_points(
    path: Path,
    *,
    file_name: str,
    size: tuple[int, int],
    transform: Affine,
    crs: str | None,
) -> ImageRecord:
    """Read clicks and bring them to the image frame of a raster.

    Fields, all optional, names in any case: ``instance`` joins the points of one object; without
    it each positive point is its own. ``label`` is 1 on the object and 0 off it; a 0 that belongs
    to no instance serves all. ``class`` or ``category`` names the object. Ids are the instances'
    numbers or the features' ids, or count from 1 where those do not name each object once.

    Args:
        path: of the vector file.
        file_name: of the raster.
        size: of the raster, height and width in pixels.
        transform: of the raster, pixel corners to map.
        crs: of the raster, as WKT; points in another system are moved to it, points in none are
            taken to be in it.

    Returns:
        Points as ``(x, y)`` in pixels, those off the raster too; an integer is a pixel's middle.

    Raises:
        FileNotFoundError: no such file.
        InputError: not a vector file of points, labels other than 0 and 1, an instance without a
            positive point.
    """
    objects: dict[tuple[str, Any], list[_Click]] = {}
    background = []
    for number, click in enumerate(_read_clicks(path, transform=transform, crs=crs)):
        if click.owner is not None:
            objects.setdefault(("instance", click.owner), []).append(click)
        elif click.label == POSITIVE:
            objects["click", number] = [click]
        else:
            background.append((click.x, click.y))
    for (kind, name), clicks in objects.items():
        if not any(click.label == POSITIVE for click in clicks):
            raise InputError(f"{path}: {kind} {name} has no positive point (label 1).")
    instances = tuple(
        InstanceRecord(
            number, clicks[0].category, tuple((click.x, click.y, click.label) for click in clicks)
        )
        for number, clicks in zip(_ids(objects), objects.values(), strict=True)
    )
    return ImageRecord(1, file_name, size, instances, tuple(background))


@dataclass(frozen=True)
class _Click:
    """One point of the file, in the raster's image frame."""

    x: float
    y: float
    label: int
    owner: int | str | None
    feature: int
    category: str


def _read_clicks(path: Path, *, transform: Affine, crs: str | None) -> list[_Click]:
    """Read all points, those of a multi-point one by one."""
    features = read_features(path, kinds=POINTS, what="points")
    places, rows = shapely.get_coordinates(features.shapes, return_index=True)
    moved = _to_crs(places, features.crs, path, transform=transform, crs=crs)
    pixels = _to_pixels(moved, transform).tolist()
    labels, owners = features.column("label"), features.column("instance")
    categories = features.column("class", "category")
    return [
        _Click(
            x,
            y,
            _label(labels[row], path, features.ids[row]),
            _known(owners[row]),
            features.ids[row],
            _category(categories[row]),
        )
        for (x, y), row in zip(pixels, rows.tolist(), strict=True)
    ]


def _ids(objects: dict[tuple[str, Any], list[_Click]]) -> list[int]:
    """Name objects as the file does, where that names each once, or else from 1."""
    instances = [name for kind, name in objects if kind == "instance"]
    features = [clicks[0].feature for clicks in objects.values()]
    if len(instances) == len(objects) and all(isinstance(name, int) for name in instances):
        return instances
    if not instances and len(set(features)) == len(features):
        return features
    return list(range(1, len(objects) + 1))


def _known(value: Any) -> int | str | None:
    """Read a field that may be empty; whole numbers come as floats where a row is."""
    if value is None or value != value or value == "":
        return None
    whole = isinstance(value, float) and value.is_integer()
    return int(value) if whole or isinstance(value, int) else str(value)


def _category(value: Any) -> str:
    """Read a class, which may be a number, 0 too; a point without one is an object."""
    known = _known(value)
    return "object" if known is None else str(known)


def _label(value: Any, path: Path, feature: int) -> int:
    """Read a label; a point without one is on an object."""
    known = _known(value)
    if known is None:
        return POSITIVE
    if str(known) not in (str(POSITIVE), str(NEGATIVE)):
        raise InputError(f"{path}: feature {feature} has label {value}, expected 1 or 0.")
    return int(known)


def _to_crs(
    places: Float[np.ndarray, "points 2"],
    own: str | None,
    path: Path,
    *,
    transform: Affine,
    crs: str | None,
) -> Float[np.ndarray, "points 2"]:
    """Move points from their coordinate system to the raster's."""
    if own is None:
        return places
    source = CRS.from_user_input(own)
    if crs is None:
        _refuse_unplaced(places, source, transform, path)
        return places
    target = CRS.from_wkt(crs)
    return move_points(places, source, target, what=f"{path}: its points")


def _refuse_unplaced(
    places: Float[np.ndarray, "points 2"], source: CRS, transform: Affine, path: Path
) -> None:
    """Refuse places on earth for an image that has none.

    GeoJSON is in degrees whatever its numbers mean; numbers that no degree can be are pixels.
    """
    pixels = source.is_geographic and bool((np.abs(places) > (360, 90)).any())
    if transform == _NO_PLACE and len(places) and not pixels:
        x, y = places[0].tolist()
        raise InputError(
            f"{path}: its points, the first at ({x:.9g}, {y:.9g}), are places on earth, but the "
            "image has no coordinate system: give a georeferenced raster, or clicks in pixels "
            "(CSV or COCO)."
        )


def _to_pixels(
    places: Float[np.ndarray, "points 2"], transform: Affine
) -> Float[np.ndarray, "points 2"]:
    """Move map points to the image frame; those without a place on its map are far off it."""
    a, b, c, d, e, f = transform
    inverse = np.linalg.inv(np.array([[a, b], [d, e]]))
    placed = np.isfinite(places).all(axis=1, keepdims=True)
    pixels = to_middles((np.where(placed, places, 0) - (c, f)) @ inverse.T)
    return np.where(placed, pixels, FAR_OFF)
