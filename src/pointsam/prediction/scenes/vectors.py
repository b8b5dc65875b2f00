"""Writes the masks of a scene: polygons with attributes, and a raster of instance numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import rasterio
import shapely
from jaxtyping import Float
from rasterio.shutil import copy as copy_raster

from pointsam.data.rasters.georeference import (
    ground_areas,
    ground_perimeters,
    to_map,
    with_a_code,
)
from pointsam.data.rasters.opening import CACHE_BYTES
from pointsam.data.rasters.raster_writing import writing_raster
from pointsam.data.rasters.scene import Scene
from pointsam.data.rasters.scene_points import SceneObject
from pointsam.data.rasters.vector_writing import write_features
from pointsam.data.rasters.windows import Box, Grid
from pointsam.files import replacing
from pointsam.prediction.scenes.logit_maps import Overlaps, meet
from pointsam.prediction.scenes.objects import SceneMask
from pointsam.prediction.scenes.outlines import OwnerTracer
from pointsam.prediction.tracing import trace

LAYER = "instances"
BLOCK = 512
"""Side of the tiles of the instance raster, in pixels."""
SHAPEFILE_DIGITS = 18
"""Characters of a whole number that a Shapefile does not round."""


@dataclass(frozen=True, eq=False)
class Outlines:
    """One row for each object: its polygon and its attributes."""

    polygons: np.ndarray
    """Shapely multi-polygons in map coordinates, along pixel edges; empty where the mask is."""
    area_px: Float[np.ndarray, " objects"]
    area_m2: Float[np.ndarray, " objects"]
    """On the ground, corrected for the projection; NaN without a coordinate system."""


def outline(overlaps: Overlaps, count: int, scene: Scene) -> Outlines:
    """Turn the masks of all objects into polygons on the map."""
    tracer = OwnerTracer(count)
    if overlaps.exclusive:
        for block in _blocks(scene.grid):
            tracer.add(block, overlaps.labels(block))
        pixels, area_px = tracer.shapes(), tracer.area_px
    else:
        pixels, area_px = _decoded(overlaps, count)
    corner = np.array([scene.grid.x, scene.grid.y])
    polygons = shapely.transform(pixels, lambda points: to_map(points - corner, scene.transform))
    return Outlines(polygons, area_px, ground_areas(polygons, scene.crs))


def _decoded(overlaps: Overlaps, count: int) -> tuple[np.ndarray, Float[np.ndarray, " objects"]]:
    """Outline masks as they were decoded, each by itself."""
    shapes, area_px = np.empty(count, dtype=object), np.zeros(count)
    for index in range(count):
        box = overlaps.box(index)
        mask = np.zeros((0, 0), dtype=bool) if box is None else overlaps.mask(index)
        area_px[index] = mask.sum()
        shapes[index] = trace(mask, corner=box[:2]) if box else shapely.MultiPolygon()
    return shapes, area_px


def write_polygons(
    path: Path,
    outlines: Outlines,
    objects: Sequence[SceneObject],
    masks: Sequence[SceneMask],
    *,
    crs: str | None,
    told: Mapping[str, str] | None = None,
    further: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Write one feature an object, as GeoPackage, GeoJSON or Shapefile after the file's ending.

    Fields: instance (its number in the raster), point_id, point_key (a name that is no number),
    class, score, area_m2, perim_m, area_px, window (side of the window it was seen in, in pixels),
    cut (1 where it may go on beyond), what is known `further` of each, and what is `told` of all:
    scene, model, adapter, version.

    GeoJSON names coordinate systems by their EPSG code, so polygons in one without are written in
    degrees there. A Shapefile has ids that are too long for its numbers as text.
    """
    keys = np.array([o.key or None for o in objects], dtype=object)
    ids = np.array([o.id for o in objects], dtype=np.int64)
    if path.suffix == ".shp" and any(len(str(o.id)) > SHAPEFILE_DIGITS for o in objects):
        ids = np.array([str(o.id) for o in objects], dtype=object)
    fields = {
        "instance": np.array([o.index + 1 for o in objects], dtype=np.int64),
        "point_id": ids,
        **({"point_key": keys} if any(keys) else {}),
        "class": np.array([o.category for o in objects], dtype=object),
        "score": np.array([m.score for m in masks], dtype=np.float64).round(4),
        "area_m2": outlines.area_m2.round(3),
        "perim_m": ground_perimeters(outlines.polygons, crs).round(2),
        "area_px": outlines.area_px,
        "window": np.array([m.window for m in masks], dtype=np.int32),
        "cut": np.array([m.cut for m in masks], dtype=np.int32),
        **(further or {}),
    } | {name: np.full(len(objects), text, dtype=object) for name, text in (told or {}).items()}
    geometry = outlines.polygons.copy()
    if path.suffix == ".geojson":
        geometry, crs = with_a_code(geometry, crs)
    geometry[shapely.is_empty(geometry)] = None
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        temporary = Path(folder) / path.name
        layer = LAYER if path.suffix == ".gpkg" else path.stem
        write_features(temporary, geometry, fields, kind="MultiPolygon", crs=crs, layer=layer)
        for written in sorted(Path(folder).iterdir()):  # a Shapefile is several files
            written.replace(path.parent / written.name)


def write_labels(
    path: Path, overlaps: Overlaps, scene: Scene, *, classes: Sequence[str] | None = None
) -> None:
    """Write the instance numbers of all pixels, 0 where there is none, as a tiled GeoTIFF (COG).

    Block by block: its memory does not grow with the scene.

    Args:
        path: of the new file.
        overlaps: gives the owner of each pixel.
        scene: whose grid the file has.
        classes: of all objects; then the file holds the number of each pixel's class, from 1 in
            the order of the alphabet, and its tags name them.

    Raises:
        OSError: the disk is full.
        InputError: the file cannot be written for another reason.
    """
    names = sorted(set(classes or ()))
    number = np.array([0, *(names.index(name) + 1 for name in classes or ())], dtype=np.uint32)
    with (
        replacing(path) as final,
        TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder,
        rasterio.Env(GDAL_CACHEMAX=CACHE_BYTES),
        writing_raster(path),
    ):
        plain = Path(folder) / path.name
        with rasterio.open(plain, "w", **_profile(scene)) as out:
            out.update_tags(**{f"CLASS_{place}": name for place, name in enumerate(names, 1)})
            for block in _blocks(scene.grid):
                labels = overlaps.labels(block)
                labels = labels if classes is None else number[labels]
                if labels.any():
                    x, y = block[0] - scene.grid.x, block[1] - scene.grid.y
                    where = rasterio.windows.Window(x, y, labels.shape[1], labels.shape[0])
                    out.write(labels, 1, window=where)
        copy_raster(
            plain,
            final,
            driver="COG",
            compress="deflate",
            overview_resampling="nearest",
            blocksize=BLOCK,
            bigtiff="if_safer",
        )


def _profile(scene: Scene) -> dict[str, Any]:
    """Describe a tiled raster of numbers over a scene."""
    height, width = scene.size
    return {
        "driver": "GTiff",
        "count": 1,
        "dtype": "uint32",
        "height": height,
        "width": width,
        "nodata": 0,
        "transform": scene.dataset.transform,
        "crs": scene.dataset.crs,
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "compress": "deflate",
        "sparse_ok": True,
        "bigtiff": "if_safer",
    }


def _blocks(grid: Grid) -> list[Box]:
    """Cut the scene into the tiles of the instance raster."""
    x0, y0, x1, y1 = grid.box
    blocks = (
        meet((x, y, x + BLOCK, y + BLOCK), grid.box)
        for y in range(y0, y1, BLOCK)
        for x in range(x0, x1, BLOCK)
    )
    return [block for block in blocks if block is not None]
