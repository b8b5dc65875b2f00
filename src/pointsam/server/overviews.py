"""A scene shrunk, for the low zoom levels of the viewer."""

import numpy as np
import rasterio
from jaxtyping import UInt8

from pointsam.data.rasters.scene import Scene

OVERVIEW = 4096
"""Longest side of the overview that low zoom levels are cut from."""


def overview_shrink(size: tuple[int, int]) -> int:
    """Give the factor between a scene and its overview, a power of two."""
    shrink = 1
    while max(size) > OVERVIEW * shrink:
        shrink *= 2
    return shrink


def read_overview(scene: Scene) -> UInt8[np.ndarray, "_ _ 3"]:
    """Give a whole scene shrunk; GDAL averages, from the file's own overviews if any."""
    shrink = overview_shrink(scene.size)
    height, width = (-(-side // shrink) for side in scene.size)
    shape = (len(scene.bands), height, width)
    average = rasterio.enums.Resampling.average
    values = scene.dataset.read(scene.bands, out_shape=shape, resampling=average)
    known = scene.dataset.dataset_mask(out_shape=(height, width)) > 0
    if np.issubdtype(values.dtype, np.floating):
        known &= np.isfinite(values).all(axis=0)
    return scene.stretch.show(values, known)
