"""Leaves out clicks on pixels that are transparent or without data, by name, as on a scene."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from pointsam.data.clicks.twice import called
from pointsam.data.rasters.data_under_clicks import listed
from pointsam.data.rasters.images import (
    image_path,
    opened,
    orientation,
    read_transparent,
    turn_upright,
)
from pointsam.data.rasters.scene import Scene
from pointsam.data.rasters.tiff_images import known_in_tiff
from pointsam.data.records import ImageRecord, InstanceRecord
from pointsam.errors import reading
from pointsam.frames import nearest_pixel
from pointsam.prompts import POSITIVE


def without_transparent(record: ImageRecord, folder: Path) -> tuple[ImageRecord, list[str]]:
    """Leave out positive points on transparent pixels, and objects that have no others.

    No data that a TIFF declares, by a value or a mask, is transparent, too.

    Args:
        record: of an image that can be read and has the size it states.
        folder: of the image.

    Returns:
        The record, and a line for the objects that are left out, and one for those left with fewer
        points.

    Raises:
        InputError: the image cannot be read.
    """
    path = image_path(folder, record.file_name)
    shown = _shown(path) if record.instances else None
    if shown is None or shown.all():
        return record, []
    return _without(record, path, lambda x, y: _at(shown, x, y), why="it is transparent")


def without_blank(record: ImageRecord, scene: Scene) -> tuple[ImageRecord, list[str]]:
    """Leave out positive points where a scene has no data, as `without_transparent` does."""
    if not record.instances or not scene.may_lack_data:
        return record, []

    def has_data(x: float, y: float) -> bool:
        return bool(scene.known_at(scene.grid.from_image(np.array([[x, y]])))[0])

    return _without(record, scene.path, has_data, why="it has no data")


def _without(
    record: ImageRecord, path: Path, is_seen: Callable[[float, float], bool], *, why: str
) -> tuple[ImageRecord, list[str]]:
    """Leave out positive points that are not seen, and objects without others, by name."""
    kept: list[InstanceRecord] = []
    lost, fewer = [], []
    for instance in record.instances:
        points = tuple(p for p in instance.points if p[2] != POSITIVE or is_seen(*p[:2]))
        if len(points) == len(instance.points):
            kept.append(instance)
        elif any(label == POSITIVE for *_, label in points):
            kept.append(replace(instance, points=points))
            fewer.append(called(instance))
        else:
            lost.append(called(instance))
    lines = [f"{path}: {listed(lost)}, clicked where {why}"] if lost else []
    lines += [f"{path}: clicks of {listed(fewer)} where {why}"] if fewer else []
    return replace(record, instances=tuple(kept)), lines


def _shown(path: Path) -> Bool[np.ndarray, "height width"] | None:
    """Mark the pixels that are shown; None where the header says that all are."""
    with reading(path, what="an image"), opened(path) as image:
        clear, tiff = image.has_transparency_data, image.format == "TIFF"
    shown = read_transparent(path)[..., 3] > 0 if clear else None
    known = known_in_tiff(path) if tiff else None
    if known is None:
        return shown
    upright = turn_upright(known[..., None].astype(np.uint8), orientation(path))[..., 0] > 0
    return upright if shown is None else upright & shown


def _at(shown: np.ndarray, x: float, y: float) -> bool:
    row, col = np.clip(nearest_pixel(np.array([y, x])), 0, np.array(shown.shape) - 1)
    return bool(shown[row, col])
