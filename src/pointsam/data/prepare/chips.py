"""Cuts a scene and its polygons on the map into chips with COCO masks."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from rasterio import Affine, features
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.errors import RasterioIOError
from rasterio.windows import Window

from pointsam.data.clicks.values import text_of
from pointsam.data.coco.masks import mask_entry, to_rle
from pointsam.data.rasters.georeference import move_points
from pointsam.data.rasters.opening import open_raster
from pointsam.data.rasters.vector_files import EXPORT_LAYER, POLYGONS, read_features
from pointsam.errors import InputError, in_words

CLASS_FIELDS = ("class", "category")


@dataclass(frozen=True, eq=False)
class Outlined:
    """Polygons in the scene's pixels."""

    shapes: np.ndarray
    """Shapely polygons; x and y count from the outer corner of the first pixel."""
    categories: list[str]


def read_polygons(path: Path, scene: Path, *, category: str) -> Outlined:
    """Read polygons and bring them to the pixels of a scene.

    Args:
        path: GeoPackage, GeoJSON, Shapefile or another vector file.
        scene: raster; polygons of another coordinate system are moved to its.
        category: of polygons without a ``class`` or ``category``.

    Raises:
        FileNotFoundError: a file is missing.
        InputError: not polygons, or a scene without coordinate system.
    """
    if not scene.is_file():
        raise FileNotFoundError(f"no file {scene}.")
    features = read_features(path, kinds=POLYGONS, what="polygons", several=EXPORT_LAYER)
    shapes = shapely.transform(features.shapes, _Mover(path, features.crs, scene))
    # Some systems have no place for the other side of the earth.
    placed = np.isfinite(shapely.bounds(shapes)).all(axis=1)
    named = zip(features.column(*CLASS_FIELDS), placed.tolist(), strict=True)
    categories = [text_of(name) or category for name, there in named if there]
    return Outlined(shapely.make_valid(shapes[placed]), categories)


def cut_chips(
    scene: Path, outlined: Outlined, folder: Path, *, side: int, overlap: int, min_area: int = 1
) -> Iterator[Path]:
    """Write chips with their place on the map to ``images`` and ``masks.json``, chip by chip.

    An object that a chip's border cuts becomes an instance in each of its chips, with the part
    inside the chip. A pixel belongs to a polygon that covers its middle.

    Args:
        scene: raster; its bands and values are kept.
        outlined: polygons in the scene's pixels.
        folder: new or empty.
        side: of the chips, in pixels; a smaller scene is one chip.
        overlap: of neighbours, in pixels, smaller than `side`; the last ones overlap more.
        min_area: parts of fewer pixels are left out.

    Yields:
        The chips' paths.

    Raises:
        InputError: sides that cannot be, or a scene that cannot be read.
    """
    if not 0 <= overlap < side:
        raise InputError(f"chips of {side} px cannot overlap by {overlap} px.")
    (folder / "images").mkdir(parents=True)
    names = list(dict.fromkeys(outlined.categories)) or ["object"]
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    tree = shapely.STRtree(outlined.shapes)
    with open_raster(scene, typed=True) as raster:
        _refuse_elsewhere(scene, raster, tree)
        for window in _windows(raster.height, raster.width, side, side - overlap):
            path = folder / "images" / f"{scene.stem}_{window.row_off}_{window.col_off}.tif"
            _write_chip(scene, raster, window, path)
            size = {"height": window.height, "width": window.width}
            images.append({"id": len(images) + 1, "file_name": path.name, **size})
            left, top = window.col_off, window.row_off
            box = shapely.box(left, top, left + window.width, top + window.height)
            for index in sorted(tree.query(box, predicate="intersects").tolist()):
                mask = features.rasterize(
                    [outlined.shapes[index]],
                    out_shape=(window.height, window.width),
                    transform=Affine.translation(left, top),
                    dtype="uint8",
                ).astype(bool)
                if mask.sum() >= min_area:
                    category = names.index(outlined.categories[index]) + 1
                    annotations.append(
                        _annotation(mask, len(annotations) + 1, len(images), category)
                    )
            yield path
    categories = [{"id": number, "name": name} for number, name in enumerate(names, start=1)]
    content = {"images": images, "categories": categories, "annotations": annotations}
    (folder / "masks.json").write_text(json.dumps(content))


def _refuse_elsewhere(scene: Path, raster: rasterio.DatasetReader, tree: shapely.STRtree) -> None:
    """Refuse polygons none of which is on the scene, since all chips would be background."""
    whole = shapely.box(0, 0, raster.width, raster.height)
    if len(tree) and not len(tree.query(whole, predicate="intersects")):
        raise InputError(
            f"none of the {len(tree)} polygons lies on {scene}: are they of this scene, and does "
            "their file say the right coordinate system?"
        )


class _Mover:
    """Moves map points of a vector file to the pixels of a scene."""

    def __init__(self, path: Path, crs: str | None, scene: Path) -> None:
        with open_raster(scene, typed=True) as raster:
            if raster.crs is None:
                raise InputError(f"{scene} has no coordinate system: {path} cannot be laid on it.")
            self.what = f"{path}: its polygons"
            self.target = raster.crs
            self.inverse = ~raster.transform
        # Polygons that say nothing are taken to be in the scene's system.
        self.source = CRS.from_user_input(crs) if crs else self.target

    def __call__(self, points: np.ndarray) -> np.ndarray:
        x, y = move_points(points, self.source, self.target, what=self.what).T
        a, b, c, d, e, f = self.inverse[:6]
        return np.stack([a * x + b * y + c, d * x + e * y + f], axis=1)


def _windows(height: int, width: int, side: int, step: int) -> list[Window]:
    """Cover a scene; the last row and column are moved in, so that all chips are of one size."""

    def starts(length: int) -> list[int]:
        last = max(length - side, 0)
        return [*range(0, last, step), last]

    return [
        Window(left, top, min(side, width), min(side, height))
        for top in starts(height)
        for left in starts(width)
    ]


def _write_chip(scene: Path, raster: rasterio.DatasetReader, window: Window, path: Path) -> None:
    """Write a part of a scene with all that decides how its values are shown."""
    dtype = np.result_type(*raster.dtypes)
    try:
        values = raster.read(window=window, out_dtype=dtype)
        seen = raster.dataset_mask(window=window) if _has_mask(raster) else None
    except RasterioIOError as error:
        raise InputError(f"{scene} is damaged ({in_words(error)}): get it again.") from error
    profile = {key: raster.profile[key] for key in ("count", "crs", "nodata")}
    place = {"height": window.height, "width": window.width}
    place["transform"] = raster.window_transform(window)
    # A mask in a file of its own would not go where the chip is moved to.
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            path, "w", driver="GTiff", compress="deflate", dtype=dtype, **_packing(raster),
            **profile, **place,
        ) as out,
    ):  # fmt: skip
        out.write(values)
        out.colorinterp = raster.colorinterp
        out.descriptions, out.units = raster.descriptions, raster.units
        out.scales, out.offsets = raster.scales, raster.offsets
        if seen is not None:
            out.write_mask(seen)
        if ColorInterp.palette in raster.colorinterp:
            out.write_colormap(1, raster.colormap(1))


def _has_mask(raster: rasterio.DatasetReader) -> bool:
    """Say whether a mask of its own, beside no-data and alpha, tells which pixels are known."""
    return all(flags == [MaskFlags.per_dataset] for flags in raster.mask_flag_enums)


def _packing(raster: rasterio.DatasetReader) -> dict[str, str]:
    """Give the bits of a value, and whether the least one is white."""
    bits = raster.tags(1, ns="IMAGE_STRUCTURE").get("NBITS")
    white = raster.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES"
    return ({"NBITS": bits} if bits else {}) | ({"PHOTOMETRIC": "MINISWHITE"} if white else {})


def _annotation(mask: np.ndarray, number: int, image: int, category: int) -> dict[str, Any]:
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "iscrowd": 0,
        **mask_entry(to_rle(mask)),
    }
