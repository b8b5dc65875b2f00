"""Scenes for the benchmark, written strip by strip: drawn ones, and mosaics of real images."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import rasterio
from rasterio.windows import Window

from pointsam.data.coco.annotations import read_coco
from pointsam.data.coco.masks import rasterise
from pointsam.data.rasters.images import read_image

STRIP = 512
PROFILE = {
    "driver": "GTiff",
    "count": 3,
    "dtype": "uint8",
    "crs": "EPSG:32631",
    "nodata": 0,
    "tiled": True,
    "blockxsize": 512,
    "blockysize": 512,
    "compress": "deflate",
    "bigtiff": "if_safer",
}


@dataclass
class Objects:
    """What stands in a scene: polygons to draw, or images to lay out, and a point for each."""

    points: list
    """``(x, y)`` at pixel edges."""
    categories: list
    polygons: list
    """Corners and colour of each drawn object."""
    images: list
    """``(x, y, path)`` of each image that is laid out."""


def draw_objects(size, count, *, seed):
    """Boxes and discs of 20 to 160 px, one in forty of 700 to 1800 px, one a cell of a grid."""
    random = np.random.default_rng(seed)
    cells = int(np.ceil(np.sqrt(count * 1.3)))
    step = size / cells
    chosen = random.permutation(cells * cells)[:count]
    found = Objects([], [], [], [])
    for number, cell in enumerate(sorted(chosen.tolist())):
        centre = np.array([cell % cells + 0.5, cell // cells + 0.5]) * step
        centre += random.uniform(-0.15, 0.15, 2) * step
        long = random.uniform(700, 1800) if number % 40 == 39 else random.uniform(20, 160)
        short = long * random.uniform(0.2, 1) if number % 40 != 39 else random.uniform(30, 60)
        colour = random.integers(90, 256, 3)
        if number % 3 == 0:
            corners = cv2.ellipse2Poly((0, 0), (int(short / 2), int(short / 2)), 0, 0, 360, 10)
        else:
            box = ((0.0, 0.0), (long, short), random.uniform(0, 180))
            corners = cv2.boxPoints(box)
        found.polygons.append((np.asarray(corners, dtype=float) + centre, colour))
        found.points.append(tuple(centre.tolist()))
        found.categories.append("disc" if number % 3 == 0 else "box")
    return found


def mosaic(folder, annotations, *, size):
    """Real images beside each other, row after row, and a point inside each of their masks."""
    found = Objects([], [], [], [])
    x = y = tallest = 0
    for record in read_coco(annotations).images:
        height, width = record.size
        if x + width > size:
            x, y, tallest = 0, y + tallest, 0
        if y + height > size:
            break
        found.images.append((x, y, folder / record.file_name))
        for instance in record.instances:
            found.points.append(_inside(rasterise(instance.segmentation, record.size), x, y))
            found.categories.append(instance.category)
        x, tallest = x + width, max(tallest, height)
    return found


def write_scene(path, objects, *, size, transform, seed):
    """Write ground with texture, then the objects; zeros are kept for "no data"."""
    random = np.random.default_rng(seed + 1)
    coarse = random.integers(40, 80, (size // 64 + 2, size // 64 + 2)).astype(np.float32)
    with rasterio.open(path, "w", height=size, width=size, transform=transform, **PROFILE) as out:
        for top in range(0, size, STRIP):
            rows = min(STRIP, size - top)
            x = np.tile((np.arange(size, dtype=np.float32) / 64)[None], (rows, 1))
            y = np.tile((np.arange(top, top + rows, dtype=np.float32) / 64)[:, None], (1, size))
            ground = cv2.remap(coarse, x, y, cv2.INTER_LINEAR)[..., None] * (0.9, 1.1, 0.8)
            strip = np.ascontiguousarray(ground.astype(np.int16))
            for corners, colour in objects.polygons:
                if corners[:, 1].min() < top + rows and corners[:, 1].max() >= top:
                    moved = np.round((corners - (0.5, top + 0.5)) * 16).astype(np.int32)
                    cv2.fillPoly(strip, [moved], colour.tolist(), shift=4)
            strip += random.normal(0, 6, strip.shape).astype(np.int16)
            strip = strip.clip(1, 255).astype(np.uint8)
            for left, above, image in objects.images:
                _lay(strip, image, left, above - top)
            out.write(strip.transpose(2, 0, 1), window=Window(0, top, size, rows))


def write_padded(scene: Path, path: Path, *, pad, transform):
    """Copy a scene with empty columns on the left and rows above."""
    left, above = pad
    with rasterio.open(scene) as source:
        height, width = source.height + above, source.width + left
        with rasterio.open(
            path, "w", height=height, width=width, transform=transform, **PROFILE
        ) as out:
            for top in range(0, source.height, STRIP):
                rows = min(STRIP, source.height - top)
                strip = source.read(window=Window(0, top, source.width, rows))
                out.write(strip, window=Window(left, above + top, source.width, rows))


def _inside(mask, x, y):
    """Give the pixel of a mask that lies deepest, moved into the scene."""
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    row, column = np.unravel_index(depth.argmax(), mask.shape)
    return float(x + column + 0.5), float(y + row + 0.5)


def _lay(strip, path, left, above):
    """Put the part of an image that falls into a strip in its place."""
    if above >= len(strip):
        return
    pixels = read_image(path).clip(1, 255)
    rows = slice(max(0, above), min(len(strip), above + len(pixels)))
    if rows.start < rows.stop:
        part = pixels[rows.start - above : rows.stop - above]
        strip[rows, left : left + pixels.shape[1]] = part
