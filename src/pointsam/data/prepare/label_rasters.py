"""Makes instances of label rasters, with outlines exact to the pixel."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from jaxtyping import Bool, Int
from PIL import UnidentifiedImageError
from rasterio import features
from rasterio.enums import ColorInterp
from scipy import ndimage

from pointsam.data.coco.masks import to_rle
from pointsam.data.rasters.images import bits_of_png, deeper_than_a_byte, opened
from pointsam.data.rasters.opening import head_of, open_raster, raster_kind
from pointsam.data.rasters.tiff_images import leaves_bands_out, of_whole_bytes
from pointsam.errors import InputError

Labels = Int[np.ndarray, "height width"]
"""A number a pixel; a colour is ``red * 65536 + green * 256 + blue``."""


@dataclass(frozen=True)
class LabelRule:
    """How the numbers of a label raster become instances."""

    each: Literal["component", "value"] = "component"
    """An instance is a connected component of a class (pixels that touch at a corner are
    connected), or all pixels of one value."""
    category: str = "object"
    """Of every instance, where `classes` says nothing."""
    classes: tuple[tuple[str, int], ...] = ()
    """Name and value of each class, for components; none: the one value there is."""
    background: int = 0
    ignored: tuple[int, ...] = ()
    """Values that are neither object nor background; read as background."""
    min_area: int = 1
    """Instances of fewer pixels are left out."""
    form: Literal["polygons", "rle"] = "polygons"


def read_labels(path: Path) -> Labels:
    """Read a label raster as numbers; the pixels of a palette are its indices.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: not an image, damaged, or values that are no whole numbers.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no label raster {path}.")
    values = _of_one_band(path)
    if values is None:
        values = _of_picture(path)
    if values.ndim == 3 and values.shape[2] == 3:
        return np.asarray(values.astype(np.int64) @ np.array([1 << 16, 1 << 8, 1]))
    if values.ndim != 2:
        raise InputError(f"{path} has {values.shape[2]} bands, expected 1 or 3 (RGB).")
    if np.issubdtype(values.dtype, np.floating) and not (np.mod(values, 1) == 0).all():
        raise InputError(f"{path} holds fractions or NaN, expected whole numbers as labels.")
    return values.astype(np.int64)


def _of_one_band(path: Path) -> np.ndarray | None:
    """Read a TIFF of one band as it is stored; None of other files.

    Pillow turns numbers over where 0 is shown as white, multiplies values of few bits, and does not
    read 64 bits. A picture in black and white alone holds no numbers, and is read as it is shown:
    the labels of WHU Building are such files, with 0 as white.
    """
    if raster_kind(path, head_of(path)) != "GTiff":
        return None
    with open_raster(path) as raster:
        shown = raster.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES"
        if raster.count > 1 or (shown and raster.tags(1, ns="IMAGE_STRUCTURE").get("NBITS") == "1"):
            return None
        return np.asarray(raster.read(1))


def _of_picture(path: Path) -> np.ndarray:
    """Read an image as numbers, or as colours of its last axis."""
    try:
        with opened(path) as image:
            if leaves_bands_out(image):
                return _of_bands(path)
            deep = deeper_than_a_byte(image, path)
            if deep and image.mode in ("RGB", "RGBA", "LA"):
                raise InputError(
                    f"{path} has {deep} pixels: give labels as 8-bit colours, or as numbers in "
                    "one band."
                )
            opaque = image.convert("RGB") if image.mode == "RGBA" else image
            values = np.array(opaque)
            # Pillow spreads grey of 2 and 4 bits over a byte.
            bits = bits_of_png(path) if image.format == "PNG" and image.mode == "L" else 8
            return values // (255 // (2**bits - 1)) if bits < 8 else values
    except UnidentifiedImageError as error:
        raise InputError(f"{path} is not a label raster that can be read.") from error
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is damaged ({error}): get it again.") from error


def _of_bands(path: Path) -> np.ndarray:
    """Read the colours of a TIFF of which Pillow would see the first band alone.

    Raises:
        InputError: other bands than red, green, blue and alpha, or other values than bytes.
    """
    with open_raster(path) as raster:
        plain = [n for n in raster.indexes if raster.colorinterp[n - 1] != ColorInterp.alpha]
        if len(plain) != 3:
            raise InputError(f"{path} has {raster.count} bands, expected 1 or 3 (RGB).")
        if not of_whole_bytes(raster):
            raise InputError(
                f"{path} has colours of {raster.dtypes[0]}, not of 8 bits: give labels as 8-bit "
                "colours, or as numbers in one band."
            )
        return np.moveaxis(raster.read(plain), 0, -1)


def find_instances(labels: Labels, rule: LabelRule) -> list[dict[str, Any]]:
    """Give ``category``, ``segmentation``, ``area`` and ``bbox`` of each instance, as in COCO.

    Raises:
        ValueError: a value that no class has.
    """
    numbered, categories = _number(labels, rule)
    boxes = ndimage.find_objects(numbered)
    areas = np.bincount(numbered.ravel(), minlength=len(categories) + 1)[1:].tolist()
    outlined = outlines(numbered) if rule.form == "polygons" else {}
    instances = []
    for number, (category, area, box) in enumerate(
        zip(categories, areas, boxes, strict=True), start=1
    ):
        if area < rule.min_area:
            continue
        rows, cols = box
        polygons = outlined.get(number)
        instances.append(
            {
                "category": category,
                "segmentation": polygons if polygons else to_rle(numbered == number),
                "area": area,
                "bbox": [cols.start, rows.start, cols.stop - cols.start, rows.stop - rows.start],
            }
        )
    return instances


def outlines(numbered: Int[np.ndarray, "height width"]) -> dict[int, list[list[float]]]:
    """Give each number's polygons, along the pixels' edges; 0 has none.

    Every 4-connected part is one polygon. COCO has no holes, so the path goes from the outline to
    a hole, around it and back the same way. Drawn by the even-odd rule, as COCO's library does,
    the polygons give the same pixels again.
    """
    found: dict[int, list[list[float]]] = {}
    image = numbered.astype(np.int32)
    for shape, number in features.shapes(image, mask=image > 0, connectivity=4):
        rings = shape["coordinates"]
        found.setdefault(int(number), []).append(
            [number for corner in _one_path(rings) for number in corner]
        )
    return found


def _one_path(rings: list[list[tuple[float, float]]]) -> Iterator[tuple[float, float]]:
    """Give one path: the outline, then from its first corner to each hole, around and back."""
    outer, *holes = rings
    start_x, start_y = outer[0]
    yield from outer[:-1] if not holes else outer
    for hole in holes:
        turn = (start_x, hole[0][1])  # along the axes, so that both ways cross the same pixels
        yield turn
        yield from hole
        yield turn
        yield (start_x, start_y)


def _number(labels: Labels, rule: LabelRule) -> tuple[Int[np.ndarray, "height width"], list[str]]:
    """Number the instances from 1, and name the category of each."""
    off = [rule.background, *rule.ignored]
    values = [value for value in np.unique(labels).tolist() if value not in off]
    if rule.each == "value":
        numbered = np.zeros(labels.shape, dtype=np.int32)
        for number, value in enumerate(values, start=1):
            numbered[labels == value] = number
        return numbered, [rule.category] * len(values)
    classes = rule.classes or tuple((rule.category, value) for value in values[:1])
    unknown = sorted(set(values) - {value for _, value in classes})
    if unknown:
        known = ", ".join(f"{name}={value}" for name, value in classes)
        raise ValueError(f"holds the values {unknown[:5]} beside {known}: which class are they?")
    numbered = np.zeros(labels.shape, dtype=np.int32)
    categories: list[str] = []
    for name, value in classes:
        count, components = _components(labels == value)
        numbered += np.where(components > 0, components + len(categories), 0)
        categories += [name] * count
    return numbered, categories


def _components(
    mask: Bool[np.ndarray, "height width"],
) -> tuple[int, Int[np.ndarray, "height width"]]:
    count, components = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return count - 1, np.asarray(components, dtype=np.int32)
