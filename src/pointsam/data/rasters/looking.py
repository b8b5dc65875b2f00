"""Reads small windows of a scene, from which all of it is judged; one of any size takes as long."""

from collections.abc import Sequence

import numpy as np
from rasterio.windows import Window

from pointsam.data.rasters.band_values import in_units
from pointsam.data.rasters.scene import Scene

SIDE = 64
"""Of a window that is looked at, in pixels; in a corner at most an eighth of the scene."""

_ACROSS = 5
"""Windows along each side."""

LOOKED_AT = 20
"""Images of a folder that are looked at."""


def in_one_line(doubts: Sequence[str | None]) -> list[str]:
    """Give the first doubt of the images that were looked at, and how many of them have one."""
    found = [line for line in doubts if line is not None]
    if len(found) > 1:
        return [f"{len(found)} of {len(doubts)} images that were looked at; {found[0]}"]
    return found


def samples(scene: Scene, *, units: bool = True) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read small windows on a grid: values, in units or as stored, and where they are known."""
    return [window_of(scene, x, y, units=units) for x, y in places(scene)]


def places(scene: Scene) -> list[tuple[int, int]]:
    """Give the first column and row of small windows on a grid."""
    height, width = scene.size
    xs = np.linspace(0, max(0, width - SIDE), _ACROSS, dtype=int).tolist()
    ys = np.linspace(0, max(0, height - SIDE), _ACROSS, dtype=int).tolist()
    return list(dict.fromkeys((x, y) for x in xs for y in ys))


def window_of(
    scene: Scene, x: int, y: int, *, side: int = SIDE, units: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Read one window: values, in units or as stored, and where they are known."""
    height, width = scene.size
    window = Window(x, y, min(side, width - x), min(side, height - y))
    values, known = scene.stored(window)
    return (in_units(scene.dataset, values, scene.bands) if units else values), known
