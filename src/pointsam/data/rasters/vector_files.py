"""Vector files (GeoPackage, GeoJSON, Shapefile, ...) as shapes and columns."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError

from pointsam.data.rasters.vector_sources import vector_source
from pointsam.errors import InputError, in_words, reading

POINTS = (shapely.GeometryType.POINT, shapely.GeometryType.MULTIPOINT)
POLYGONS = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)

READ_ERRORS = (DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError)
"""Errors that pyogrio raises for a damaged file."""

_LOG = logging.getLogger("pointsam")

EXPORT_LAYER = "export one to a file of its own, with ogr2ogr one.gpkg FILE LAYER."
"""Advice of commands that have no ``--layer``."""

_UNDECLARED = "ISO-8859-1"
"""What texts of a Shapefile are taken to be in that does not say it."""

_EXACT = 2.0**53
"""Real numbers from here on are not next to each other: two ids may become one."""

_FARTHEST = 1e12
"""No coordinate of a map is larger, whatever its unit."""


@dataclass(frozen=True, eq=False)
class Features:
    """The features of a vector file, one row each, without those that have no shape."""

    shapes: np.ndarray
    """Shapely shapes in map coordinates, none of them missing or empty."""
    ids: list[int]
    """As the file numbers its features."""
    fields: dict[str, np.ndarray]
    """Columns by name."""
    crs: str | None
    """Coordinate system; None where the file does not say."""
    path: Path
    """Of the file, for messages."""

    def column(self, *names: str) -> list[Any]:
        """Give the values of the first of these fields, in any case; None where there is none.

        Raises:
            InputError: the field is there twice, or its fractions hold numbers too large for them.
        """
        written: dict[str, list[str]] = {}
        for name in self.fields:
            written.setdefault(name.lower(), []).append(name)
        found = next((written[name] for name in names if name in written), None)
        if found is None:
            return [None] * len(self.shapes)
        if len(found) > 1:
            raise InputError(
                f"{self.path} has the fields {', '.join(found)}, expected one of them: rename or "
                "delete the others."
            )
        values = self.fields[found[0]]
        if np.issubdtype(values.dtype, np.floating) and (np.abs(values) >= _EXACT).any():
            raise InputError(
                f"{self.path}: its field {found[0]} is of real numbers, in which numbers of more "
                "than 15 digits run together: write it as whole numbers or as text."
            )
        return list(values.tolist())


def read_features(
    path: Path,
    *,
    kinds: tuple[shapely.GeometryType, ...],
    what: str,
    layer: str | None = None,
    several: str = "say which with --layer NAME.",
) -> Features:
    """Read a vector file whose shapes are all of some kinds.

    Args:
        path: any format GDAL reads.
        kinds: of shapes.
        what: they are called in messages.
        layer: that is read; if not given, the only one that holds such shapes.
        several: what the user can do where several layers hold them.

    Raises:
        FileNotFoundError: no such file.
        InputError: not a vector file, other shapes, several layers, or places off any map.
    """
    with reading(path, what=f"a vector file of {what}"), _telling(path):
        try:
            with vector_source(path, what=what) as source:
                chosen = _chosen_layer(source, path, kinds, what, layer, several)
                meta, ids, geometry, columns = pyogrio.raw.read(
                    source, layer=chosen, return_fids=True
                )
                none: np.ndarray = np.array([], dtype=object)
                shapes = shapely.from_wkb(none if geometry is None else geometry)
        except (*READ_ERRORS, shapely.errors.ShapelyError) as error:
            # What follows a semicolon is GDAL's advice on its own drivers.
            reason = in_words(error).partition(";")[0].rstrip(".")
            raise InputError(f"{path} is no vector file of {what} ({reason}).") from error
        except UnboundLocalError as error:  # pyogrio's, where it has no text of the system
            raise InputError(
                f"{path} names its coordinate system in letters that are not UTF-8: save it again."
            ) from error
    there = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    if not set(shapely.get_type_id(shapes[there]).tolist()) <= set(kinds):
        held = ", ".join(sorted({shape.geom_type for shape in shapes[there]}))
        raise InputError(f"{path} holds shapes of kind {held}, expected {what}.")
    kept = np.flatnonzero(there)
    _refuse_far(path, shapes[kept], ids[kept])
    fields = dict(zip(meta["fields"], (column[kept] for column in columns), strict=True))
    if meta["encoding"] == _UNDECLARED:
        fields = _in_utf8(fields)
    if len(kept) < len(shapes):
        lost = len(shapes) - len(kept)
        _LOG.warning("%s: left out: %d features without a place", path, lost)
    return Features(shapes[kept], ids[kept].tolist(), fields, _known_crs(meta["crs"]), path)


def _in_utf8(fields: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Read texts as UTF-8 that were taken for Latin-1, if all of them can be.

    A Shapefile without a .cpg does not say what its texts are in. Letters of Latin-1 that happen to
    be UTF-8 throughout are no words of any language.
    """

    def again(text: Any) -> Any:
        return text.encode("latin-1").decode() if isinstance(text, str) else text

    try:
        return {
            again(name): np.array([again(value) for value in values], dtype=object)
            if values.dtype == object
            else values
            for name, values in fields.items()
        }
    except UnicodeError:
        return fields


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    """Log what GDAL warns of while it reads a file, such as features whose shape is lost."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for text in dict.fromkeys(" ".join(str(warning.message).split()) for warning in caught):
        _LOG.warning("%s: %s", path, text)


def _chosen_layer(
    name: str,
    path: Path,
    kinds: tuple[shapely.GeometryType, ...],
    what: str,
    layer: str | None,
    several: str,
) -> str | None:
    """Choose the layer that was asked for, or the only one that holds shapes of some kinds."""
    there = [(str(one), str(kind)) for one, kind in pyogrio.list_layers(name)]
    names = [one for one, _ in there]
    if layer is not None:
        if layer not in names:
            raise InputError(f"{path} has no layer {layer}: it has {', '.join(names) or 'none'}.")
        return layer
    if len(names) < 2:
        return names[0] if names else None
    fitting = [one for one, kind in there if _may_hold(name, one, kind, kinds)]
    if len(fitting) > 1:
        raise InputError(
            f"{path} has {len(fitting)} layers of {what}, {', '.join(fitting)}: {several}"
        )
    if not fitting:
        listed = ", ".join(f"{one} ({kind})" for one, kind in there)
        raise InputError(f"{path} has no layer of {what}: it holds {listed}.")
    return fitting[0]


def _may_hold(name: str, layer: str, kind: str, kinds: tuple[shapely.GeometryType, ...]) -> bool:
    """Say whether a layer has features of some kinds, by its header or by its features."""
    words = {"point" if k in POINTS else "polygon" for k in kinds}
    if kind == "None":
        return False
    if kind != "Unknown" and not any(word in kind.lower() for word in words):
        return False
    if pyogrio.read_info(name, layer=layer, force_feature_count=True)["features"] == 0:
        return False
    if kind != "Unknown":
        return True
    geometry = pyogrio.raw.read(name, layer=layer, columns=[])[2]
    found = shapely.get_type_id(shapely.from_wkb(geometry))
    return bool(set(found[found >= 0].tolist()) & set(kinds))


def _known_crs(crs: str | None) -> str | None:
    """Give a coordinate system; None for the ones that say that it is not defined."""
    if crs is None or "Undefined" in crs.partition("[")[2].partition(",")[0]:
        return None
    return crs


def _refuse_far(path: Path, shapes: np.ndarray, ids: np.ndarray) -> None:
    places, rows = shapely.get_coordinates(shapes, return_index=True)
    far = ~(np.abs(places) < _FARTHEST).all(axis=1)  # NaN too
    if far.any():
        first = int(np.flatnonzero(far)[0])
        x, y = places[first].tolist()
        raise InputError(
            f"{path}: feature {ids[rows[first]]} lies at ({x:.9g}, {y:.9g}), which is on no map: "
            "put it right, or take it out."
        )
