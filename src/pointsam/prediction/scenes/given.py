"""Masks that were made elsewhere, as outputs of a scene."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from pointsam.data.rasters.scene import Scene
from pointsam.data.rasters.scene_points import SceneObject
from pointsam.data.rasters.windows import Box, Grid, Window, touches
from pointsam.masks import bounds_of
from pointsam.prediction.polygons import PolygonRules
from pointsam.prediction.scenes.geometry import reshaped
from pointsam.prediction.scenes.logit_maps import Overlaps, crop_logits
from pointsam.prediction.scenes.objects import BORDER_LOGITS, SceneMask
from pointsam.prediction.scenes.vectors import outline
from pointsam.prediction.scenes.writers import SceneOutput, write_scene


@dataclass(frozen=True, eq=False)
class GivenMask:
    """The mask of one object in the pixels of a window."""

    mask: Bool[np.ndarray, "height width"]
    window: Window
    shrink: int
    """Scene pixels under one of the mask's, along each side."""
    score: float
    trust: float
    """In [0, 1]: of two masks that claim a pixel, the more trusted one gets it."""


def scene_mask(index: int, given: GivenMask, grid: Grid) -> SceneMask:
    """Give a mask as a scene's outputs take it.

    Args:
        index: of the object.
        given: its mask.
        grid: of the scene.
    """
    strength = 1 + given.trust
    logits = np.where(given.mask, strength, -strength).astype(np.float32)
    scale = (float(given.shrink), float(given.shrink))
    kept = crop_logits(logits, given.window, scale=scale)
    bounds = bounds_of(given.mask)
    cut = bounds is not None and touches(
        _in_grid(bounds, given), given.window, grid, within=BORDER_LOGITS * given.shrink
    )
    side = max(given.window.width, given.window.height)
    return SceneMask(index, kept, given.score, side, cut)


def _in_grid(bounds: Box, given: GivenMask) -> Box:
    """Move the bounds of the mask to the global grid."""
    x, y, step = given.window.x, given.window.y, given.shrink
    x0, y0, x1, y1 = bounds
    return x + x0 * step, y + y0 * step, x + x1 * step, y + y1 * step


def write_masks(
    folder: Path,
    scene: Scene,
    objects: Sequence[SceneObject],
    masks: Sequence[SceneMask],
    *,
    formats: Sequence[str],
    rules: PolygonRules,
    told: Mapping[str, str],
    further: Mapping[str, np.ndarray],
) -> None:
    """Write the masks of a scene's objects, each pixel to one of them, in some formats.

    Args:
        folder: that exists.
        scene: open.
        objects: in the order of the scene.
        masks: one an object, in the same order.
        formats: of `FORMATS`.
        rules: for the polygons.
        told: of every polygon, by the name of a field.
        further: of each object, by the name of a field.
    """
    overlaps = Overlaps([mask.logits for mask in masks], within=scene.grid.box, exclusive=True)
    outlines = reshaped(outline(overlaps, len(objects), scene), rules, scene)
    output = SceneOutput(
        scene, objects, masks, overlaps, outlines, told, style=False, further=further
    )
    write_scene(folder, formats, output)
