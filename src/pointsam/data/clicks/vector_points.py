"""Reads clicks from vector files: GeoPackage, GeoJSON, Shapefile, KML, GPX and others."""

from pathlib import Path
from typing import Any

import numpy as np
import shapely

from pointsam.data.clicks.asked import Asked
from pointsam.data.clicks.columns import known_columns, not_read
from pointsam.data.clicks.content import Content
from pointsam.data.clicks.gather import Click
from pointsam.data.clicks.map_points import MapPoints, read_map_points
from pointsam.data.clicks.values import category_of, label_of, owner_of, text_of
from pointsam.data.rasters.vector_files import POINTS, Features, read_features
from pointsam.data.rasters.vector_sources import vector_kind
from pointsam.data.records import Dataset

FIELDS = ("image", "label", "class", "instance")
"""Fields that are read, in any case of letters and under the other names of such columns."""

_OF_GPX = "ogr_"
"""Begins the names of fields that GDAL and QGIS wrote as extensions of GPX."""

_DISPLAY = {"tessellate", "extrude", "visibility"}
"""Fields of every KML file, which say how a map shows a point."""

ENDINGS = (".gpkg", ".geojson", ".shp", ".fgb", ".kml", ".gml", ".gpx", ".zip")
"""Endings of vector files, for files whose content is not recognised."""


def holds_vector(content: Content) -> bool:
    """Say whether a file begins as a vector file does."""
    if content.is_folder:
        return False
    if content.looks_like_json:
        return content.is_geojson
    return vector_kind(content.path) is not None


def looks_like_vector(path: Path) -> bool:
    """Say whether a file is a vector file, by its content or else by its ending."""
    if not path.is_file():
        return path.suffix.lower() in ENDINGS
    content = Content(path)
    return holds_vector(content) or (path.suffix.lower() in ENDINGS and not content.looks_like_json)


def read_vector(content: Content, asked: Asked) -> Dataset:
    """Read clicks and put them on the georeferenced images that they lie on.

    Fields, all optional, names in any case: ``instance`` joins the points of one object; without
    it each positive point is its own. ``label`` is 1 on the object and 0 off it; a 0 that belongs
    to no instance serves all. ``class`` or ``category`` names the object, and ``image`` the image,
    where several lie over each other. Ids are the instances' numbers or the features' ids, or
    count from 1 where those do not name each object once.

    Raises:
        FileNotFoundError: no such file or folder.
        InputError: not a vector file of points, several layers that could be meant, labels other
            than 0 and 1, or no image with clicks on it.
    """
    asked.needed(content)
    key = ("map points", asked.layer)
    if key not in content.kept:
        content.kept[key] = read_places(content, asked.layer)
    return read_map_points(content.kept[key], asked)


def read_places(content: Content, layer: str | None) -> MapPoints:
    """Read all points, those of a multi-point one by one."""
    path = content.path
    features = read_features(path, kinds=POINTS, what="points", layer=layer)
    places, rows = shapely.get_coordinates(features.shapes, return_index=True)
    values, notes = _columns(path, features)
    clicks = []
    for row in rows.tolist():
        place = f"{path}: feature {features.ids[row]}"
        clicks.append(
            Click(
                text_of(values["image"][row]) or "",
                0.0,
                0.0,
                label_of(values["label"][row], place),
                category_of(values["class"][row]),
                owner_of(values["instance"][row], place),
                place,
                number=features.ids[row],
            )
        )
    return MapPoints(path, np.asarray(places, dtype=float), features.crs, clicks, notes)


def _columns(path: Path, features: Features) -> tuple[dict[str, list[Any]], list[str]]:
    """Give the values of the fields that are read, and a note on others that hold something."""
    given = list(features.fields)
    known = known_columns(path, [n.lower().removeprefix(_OF_GPX) for n in given], images=False)
    read = {name: [None] * len(features.shapes) for name in FIELDS}
    read |= {
        name: features.fields[field].tolist()
        for field, name in zip(given, known, strict=True)
        if name in FIELDS
    }
    others = [
        field
        for field, name in zip(given, known, strict=True)
        if name not in {*FIELDS, *_DISPLAY}
        and any(text_of(value) is not None for value in features.fields[field].tolist())
    ]
    return read, not_read(path, others)
