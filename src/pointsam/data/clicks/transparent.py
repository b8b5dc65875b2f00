"""Leaves out clicks on transparent pixels of an image, by name, as on a scene without data."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from pointsam.data.clicks.twice import called
from pointsam.data.rasters.data_under_clicks import listed
from pointsam.data.rasters.images import image_path, opened, read_transparent
from pointsam.data.records import ImageRecord, InstanceRecord
from pointsam.errors import reading
from pointsam.frames import nearest_pixel
from pointsam.prompts import POSITIVE


def without_transparent(record: ImageRecord, folder: Path) -> tuple[ImageRecord, list[str]]:
    """Leave out positive points on transparent pixels, and objects that have no others.

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
    if not record.instances or not _may_be_transparent(path):
        return record, []
    shown = read_transparent(path)[..., 3] > 0
    if shown.all():
        return record, []
    kept: list[InstanceRecord] = []
    lost, fewer = [], []
    for instance in record.instances:
        points = tuple(p for p in instance.points if p[2] != POSITIVE or _at(shown, *p[:2]))
        if len(points) == len(instance.points):
            kept.append(instance)
        elif any(label == POSITIVE for *_, label in points):
            kept.append(replace(instance, points=points))
            fewer.append(called(instance))
        else:
            lost.append(called(instance))
    lines = [f"{path}: {listed(lost)}, clicked where it is transparent"] if lost else []
    lines += [f"{path}: clicks of {listed(fewer)} where it is transparent"] if fewer else []
    return replace(record, instances=tuple(kept)), lines


def _may_be_transparent(path: Path) -> bool:
    """Say whether an image holds how transparent its pixels are, told from its header."""
    with reading(path, what="an image"), opened(path) as image:
        return image.has_transparency_data


def _at(shown: np.ndarray, x: float, y: float) -> bool:
    row, col = np.clip(nearest_pixel(np.array([y, x])), 0, np.array(shown.shape) - 1)
    return bool(shown[row, col])
