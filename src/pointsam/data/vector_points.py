"""Clicks from a vector file (GeoPackage, GeoJSON, Shapefile, ...) to points of one raster."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from jaxtyping import Float
from pyogrio.errors import DataLayerError, DataSourceError
from rasterio.crs import CRS
from rasterio.warp import transform as transform_points

from pointsam.data.records import ImageRecord, InstanceRecord
from pointsam.errors import InputError
from pointsam.prompts import NEGATIVE, POSITIVE

ENDINGS = (".gpkg", ".geojson", ".shp", ".fgb", ".kml", ".gml")
"""Of vector files; a ``.json`` is a point file in COCO form."""

Affine = tuple[float, float, float, float, float, float]
"""``(a, b, c, d, e, f)``: map x = a col + b row + c, map y = d col + e row + f."""

POINT, MULTIPOINT = 0, 4
"""Shapely's numbers of the two kinds."""


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
    if not path.is_file():
        raise FileNotFoundError(f"no point file {path}.")
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
    try:
        meta, ids, geometry, columns = pyogrio.raw.read(path, return_fids=True)
    except (DataLayerError, DataSourceError) as error:
        raise InputError(f"{path} is no vector file of points: {error}.") from error
    shapes = shapely.from_wkb(geometry if geometry is not None else np.array([], dtype=object))
    kinds = set(shapely.get_type_id(shapes[~shapely.is_missing(shapes)]).tolist())
    if geometry is None or not kinds <= {POINT, MULTIPOINT}:
        raise InputError(f"{path} holds {meta['geometry_type']} shapes, expected points.")
    places, rows = shapely.get_coordinates(shapes, return_index=True)
    pixels = _to_pixels(_to_crs(places, meta["crs"], crs), transform).tolist()

    names = [name.lower() for name in meta["fields"]]
    fields = {name: column.tolist() for name, column in zip(names, columns, strict=True)}
    nothing = [None] * len(ids)
    labels = fields.get("label", nothing)
    owners = fields.get("instance", nothing)
    categories = fields.get("class", fields.get("category", nothing))
    return [
        _Click(
            x,
            y,
            _label(labels[row], path, int(ids[row])),
            _known(owners[row]),
            int(ids[row]),
            str(_known(categories[row]) or "object"),
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


def _label(value: Any, path: Path, feature: int) -> int:
    """Read a label; a point without one is on an object."""
    known = _known(value)
    if known is None:
        return POSITIVE
    if str(known) not in (str(POSITIVE), str(NEGATIVE)):
        raise InputError(f"{path}: feature {feature} has label {value}, expected 1 or 0.")
    return int(known)


def _to_crs(
    places: Float[np.ndarray, "points 2"], own: str | None, crs: str | None
) -> Float[np.ndarray, "points 2"]:
    """Move points from their coordinate system to the raster's."""
    if own is None or crs is None or not len(places):
        return places
    source, target = CRS.from_user_input(own), CRS.from_wkt(crs)
    if source == target:
        return places
    return np.stack(transform_points(source, target, *places.T), axis=1)


def _to_pixels(
    places: Float[np.ndarray, "points 2"], transform: Affine
) -> Float[np.ndarray, "points 2"]:
    """Move map points to the image frame."""
    a, b, c, d, e, f = transform
    inverse = np.linalg.inv(np.array([[a, b], [d, e]]))
    return (places - (c, f)) @ inverse.T - 0.5
