"""What a raster and a stretch say of each other, before anything is made of them.

Few small windows are looked at: a scene of any size takes as long.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL.TiffImagePlugin import TiffImageFile

from pointsam.data.rasters.band_values import (
    as_written,
    plain_undeclared,
    usual_no_data,
)
from pointsam.data.rasters.data_under_clicks import listed
from pointsam.data.rasters.georeference import pixel_metres, read_georeference
from pointsam.data.rasters.images import list_images, opened
from pointsam.data.rasters.looking import LOOKED_AT, SIDE, in_one_line, samples, window_of
from pointsam.data.rasters.opening import open_raster
from pointsam.data.rasters.scene import Scene
from pointsam.data.rasters.scene_points import ScenePoints
from pointsam.data.rasters.value_doubts import doubt_of_alpha, doubt_of_stretch
from pointsam.errors import DAMAGED, InputError

_MIN_SIDE = 512
"""Of a scene whose corners may hold any value: chips and photographs have subjects in theirs, and
only a usual value for no data is pointed out there."""

_MIN_CORNER = 12
"""Pixels along the side of a corner."""

_ANIMATED = ("PNG", "WEBP")
"""Formats, beside TIFF, whose further pictures are as much an image as the first.

A JPEG of a drone or phone may hold previews and depths behind its picture (MPO).
"""

_GROUND_RATIO = 1.5
"""How much larger or smaller than in training things may look."""


def doubt_of_collar(scene: Scene, points: ScenePoints | None = None) -> str | None:
    """Say where corners of a scene hold one value alone, which no value for no data explains.

    Args:
        scene: open.
        points: clicks on it; those on this value are named.
    """
    found = _collar(scene)
    if found is None:
        return None
    corners, value = found
    numbers = ", ".join(as_written(number) for number in dict.fromkeys(value))
    return (
        f"{scene.path}: {corners} of its corners hold nothing but {numbers}, which looks "
        "like no data that the file does not declare; masks reach into it, and clicks there "
        f"count{_clicked_on(scene, points, value)}. Declare it: gdal_edit.py -a_nodata "
        f"{as_written(value[0])} FILE"
    )


def doubt_of_undeclared(scene: Scene, points: ScenePoints | None = None) -> str | None:
    """Say where a scene holds a usual value for no data, which it does not declare."""
    found = [part[:, known] for part, known in samples(scene, units=False)]
    values = np.concatenate(found, axis=1) if found else np.zeros((3, 0))
    value = plain_undeclared(values)
    if value is None:
        return None
    return (
        f"{scene.path} holds {as_written(value)}, a usual value for no data, which it does not "
        f"declare; masks reach into it, and clicks there count"
        f"{_clicked_on(scene, points, (value,) * len(scene.bands))}. Declare it: gdal_edit.py "
        f"-a_nodata {as_written(value)} FILE"
    )


def _collar(scene: Scene) -> tuple[int, tuple[float, ...]] | None:
    """Give how many corners hold one value alone, and this value of each band."""
    height, width = scene.size
    side = min(SIDE, min(height, width) // 8)
    if side < _MIN_CORNER:
        return None
    held = []
    for x, y in [(x, y) for x in (0, width - side) for y in (0, height - side)]:
        values, known = window_of(scene, x, y, side=side, units=False)
        first = values[:, :1, :1]
        if known.all() and (values == first).all():
            held.append(tuple(first.ravel().tolist()))
    value = max(held, key=held.count, default=None)
    if value is None or held.count(value) < 2:
        return None
    if min(height, width) < _MIN_SIDE and not all(_usual(scene, number) for number in value):
        return None
    middle, _ = window_of(scene, (width - side) // 2, (height - side) // 2, side=side)
    return None if (middle == middle[:, :1, :1]).all() else (held.count(value), value)


def _usual(scene: Scene, value: float) -> bool:
    """Say whether a value often stands for no data: 0, white of bytes, or a usual number."""
    kinds = {scene.dataset.dtypes[band - 1] for band in scene.bands}
    usual = any(usual_no_data(value, kind) for kind in kinds)
    return value == 0 or usual or (kinds == {"uint8"} and value == 255)


def _clicked_on(scene: Scene, points: ScenePoints | None, value: Sequence[float]) -> str:
    """Name the objects that are clicked where the scene has a value."""
    if points is None:
        return ""
    wanted = np.array(value, dtype=float)
    names = [
        one.name
        for one in points.objects
        if (scene.values_at(one.positives).astype(float) == wanted).all(axis=1).any()
    ]
    return f" ({listed(names)} {'is' if len(names) == 1 else 'are'} clicked there)" if names else ""


def doubt_of_ground(name: str, metres: float, trained: float) -> str | None:
    """Say where things look much larger or smaller than in training.

    Args:
        name: of the image or scene.
        metres: on the ground, of one pixel of the model.
        trained: the same in training.
    """
    ratio = metres / trained
    if 1 / _GROUND_RATIO <= ratio <= _GROUND_RATIO:
        return None
    return (
        f"{name}: a pixel of the model is {metres:.3g} m on the ground, and was {trained:.3g} m in "
        "training: objects look "
        + (f"{ratio:.2g} times smaller" if ratio > 1 else f"{1 / ratio:.2g} times larger")
        + " than those that were learned; give images of about that ground size, or a scene"
    )


def doubt_of_pages(scene: Scene) -> str | None:
    """Say where a file holds several pictures, of which one is read."""
    return _told_pages(scene.path, len(scene.dataset.subdatasets))


def doubts_of_pages(paths: Sequence[Path]) -> list[str]:
    """Say which images hold several pictures, of which one is read; one line for all."""
    lines = [line for path in paths if (line := _told_pages(path, _count_pages(path)))]
    if len(lines) < 2:
        return lines
    return [f"{len(lines)} of {len(paths)} images hold several pictures; {lines[0]}"]


def _count_pages(path: Path) -> int:
    """Count the pictures of an image file; overviews and masks of a TIFF are none of their own."""
    try:
        with opened(path) as image:
            if not isinstance(image, TiffImageFile):
                return int(getattr(image, "n_frames", 1)) if image.format in _ANIMATED else 1
        with open_raster(path) as raster:
            return max(1, len(raster.subdatasets))
    except (InputError, *DAMAGED):
        return 1


def _told_pages(path: Path, pages: int) -> str | None:
    if pages < 2:
        return None
    told = f"{path} holds {pages} pictures, and the first is read: write the one that is meant to "
    if path.suffix.lower() not in (".tif", ".tiff"):
        return f"{told}a file of its own"
    return f"{told}a file of its own, with gdal_translate GTIFF_DIR:2:{path} OUT.tif for the second"


def doubts_of_scene(
    scene: Scene, *, trained: bool | None, points: ScenePoints | None = None
) -> list[str]:
    """List the doubts about a scene, one line each.

    Args:
        scene: open.
        trained: its stretch is that of an adapter's training, and not found in this scene; None
            where nothing will be shown by it.
        points: clicks on it; those on what looks like no data are named.
    """
    collar = doubt_of_collar(scene, points)
    found = [doubt_of_pages(scene), doubt_of_alpha(scene), collar]
    if collar is None:
        found.append(doubt_of_undeclared(scene, points))
    found.append(None if trained is None else doubt_of_stretch(scene, trained=trained))
    return [line for line in found if line is not None]


def doubts_of_ground(folder: Path, *, side: int, trained: float) -> list[str]:
    """Say which images of a folder, shown whole, are of another ground size than in training.

    Args:
        folder: of images; those on no map are left out.
        side: of the model's input, in pixels.
        trained: metres on the ground of one pixel of the model in training.
    """
    lines = []
    for path in list_images(folder)[:LOOKED_AT]:
        place = None
        with suppress(InputError):  # what cannot be read is said where it is read
            place = read_georeference(path)
        metres = None if place is None else pixel_metres(place.transform, place.size, place.crs)
        if place is not None and metres is not None:
            lines.append(doubt_of_ground(str(path), metres * max(place.size) / side, trained))
    return in_one_line(lines)
