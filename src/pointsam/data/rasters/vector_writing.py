"""Writes shapes with their fields as GeoPackage, GeoJSON, Shapefile or FlatGeobuf."""

import os
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from errno import ENOSPC
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError

from pointsam.data.rasters.full_disk import MIN_FREE
from pointsam.data.rasters.vector_sources import MISREAD
from pointsam.errors import InputError, in_words

DRIVERS = {".gpkg": "GPKG", ".geojson": "GeoJSON", ".shp": "ESRI Shapefile", ".fgb": "FlatGeobuf"}

GPKG_OPTIONS = {"VERSION": "1.2"}
"""Older than the newest version of the format, of which released tools warn."""


def write_features(
    path: Path,
    shapes: np.ndarray,
    fields: Mapping[str, np.ndarray],
    *,
    kind: str,
    crs: str | None,
    layer: str,
) -> None:
    """Write shapes and their fields in the format of the path's ending.

    Args:
        path: that is written in place; callers give a temporary one.
        shapes: Shapely's.
        fields: by name, one value for each shape.
        kind: of the shapes, such as ``MultiPolygon``.
        crs: as WKT or a code; None for shapes without a coordinate system.
        layer: its name.

    Raises:
        OSError: the disk is full.
        InputError: the place cannot be written to.
    """
    with _plain(path) as plain, warnings.catch_warnings():
        # The polygons of a scene without a coordinate system have none.
        warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
        try:
            pyogrio.raw.write(
                str(plain),
                np.array(shapely.to_wkb(shapes), dtype=object),
                list(fields.values()),
                list(fields),
                geometry_type=kind,
                crs=crs,
                driver=DRIVERS[path.suffix.lower()],
                dataset_options=GPKG_OPTIONS if path.suffix.lower() == ".gpkg" else None,
                layer_options=_layer_options(path, shapes),
                layer=layer if plain == path or path.suffix.lower() != ".shp" else plain.stem,
            )
        except (DataSourceError, DataLayerError, FeatureError) as error:
            # On a full disk SQLite says that a table is missing.
            if plain.parent.is_dir() and shutil.disk_usage(plain.parent).free < MIN_FREE:
                raise OSError(ENOSPC, os.strerror(ENOSPC), str(path)) from error
            raise InputError(
                f"{path} cannot be written ({in_words(error)}): give a file of another name or "
                "folder."
            ) from error


def _layer_options(path: Path, shapes: np.ndarray) -> dict[str, str] | None:
    """Leave out the index of a FlatGeobuf with rows without a shape, which it cannot hold."""
    lacking = path.suffix.lower() == ".fgb" and bool(shapely.is_missing(shapes).any())
    return {"SPATIAL_INDEX": "NO"} if lacking else None


@contextmanager
def _plain(path: Path) -> Iterator[Path]:
    """Give a path that the library takes for a file; what is written there is moved to `path`.

    With some characters in it, the library takes a path for an address, or for another file.
    """
    whole = str(path.absolute())
    if not any(character in MISREAD or not character.isprintable() for character in whole):
        yield path
        return
    with TemporaryDirectory() as folder:
        yield Path(folder) / f"shapes{path.suffix}"
        for part in sorted(Path(folder).iterdir()):  # a Shapefile is several files
            shutil.move(part, path.with_suffix(part.suffix))
