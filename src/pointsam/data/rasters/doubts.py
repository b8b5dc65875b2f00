"""What a raster and a stretch say of each other, before anything is made of them.

Few small windows are looked at: a scene of any size takes as long.
"""

from contextlib import suppress
from pathlib import Path

import numpy as np
from rasterio.windows import Window

from pointsam.data.rasters.band_values import in_units, known_pixels
from pointsam.data.rasters.georeference import pixel_metres, read_georeference
from pointsam.data.rasters.images import list_images
from pointsam.data.rasters.scene import Scene
from pointsam.errors import InputError

_SIDE = 64
"""Of a window that is looked at, in pixels."""

_ACROSS = 5
"""Windows along each side."""

_FLAT = 26
"""Steps of brightness, of 255, that most values of a scene must be apart to be told."""

_MIN_SIDE = 512
"""Of a scene whose corners are looked at: chips and photographs have subjects in theirs."""

_LOOKED_AT = 20
"""Images of a folder whose ground size is read."""

_GROUND_RATIO = 1.5
"""How much larger or smaller than in training things may look."""


def doubt_of_stretch(scene: Scene) -> str | None:
    """Say where a scene's values lie together in the dark or the bright end of its stretch."""
    found = [part[:, known] for part, known in _samples(scene)]
    values = np.concatenate(found, axis=1) if found else np.zeros((3, 0))
    if not values.size:
        return None
    low, high = np.percentile(values, (2, 98), axis=1)
    floor, ceiling = np.array(scene.stretch.low), np.array(scene.stretch.high)
    shown = ((np.stack([low, high]) - floor) * 255 / (ceiling - floor)).clip(0, 255)
    if ((shown[1] - shown[0]) >= _FLAT).any() or (low == high).all():
        return None
    return (
        f"{scene.path}: most of its values lie from {low.min():g} to {high.max():g}, and by the "
        f"stretch from {floor.min():g} to {ceiling.max():g} they are shown as "
        f"{round(shown[0].min())} to {round(shown[1].max())} of 255: are they of another depth "
        "than those of training? Say which are black and white with --stretch LOW,HIGH"
    )


def doubt_of_collar(scene: Scene) -> str | None:
    """Say where corners of a scene hold one value alone, which no value for no data explains."""
    height, width = scene.size
    if min(height, width) < _MIN_SIDE:
        return None
    corners = [(x, y) for x in (0, width - _SIDE) for y in (0, height - _SIDE)]
    held = []
    for x, y in corners:
        values, known = _window(scene, x, y)
        first = values[:, :1, :1]
        if known.all() and (values == first).all():
            held.append(tuple(first.ravel().tolist()))
    value = max(held, key=held.count, default=None)
    middle, _ = _window(scene, (width - _SIDE) // 2, (height - _SIDE) // 2)
    if value is None or held.count(value) < 2 or (middle == middle[:, :1, :1]).all():
        return None
    numbers = ", ".join(f"{number:g}" for number in dict.fromkeys(value))
    return (
        f"{scene.path}: {held.count(value)} of its corners hold nothing but {numbers}, which looks "
        "like no data that the file does not declare; masks reach into it, and clicks there "
        f"count. Declare it: gdal_edit.py -a_nodata {value[0]:g} FILE"
    )


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


def doubts_of_scene(scene: Scene, *, trained: bool) -> list[str]:
    """List the doubts about a scene, one line each.

    Args:
        scene: open.
        trained: its stretch is that of an adapter's training, and not the user's.
    """
    found = [doubt_of_collar(scene), doubt_of_stretch(scene) if trained else None]
    return [line for line in found if line is not None]


def doubts_of_ground(folder: Path, *, side: int, trained: float) -> list[str]:
    """Say which images of a folder, shown whole, are of another ground size than in training.

    Args:
        folder: of images; those on no map are left out.
        side: of the model's input, in pixels.
        trained: metres on the ground of one pixel of the model in training.
    """
    lines = []
    for path in list_images(folder)[:_LOOKED_AT]:
        place = None
        with suppress(InputError):  # what cannot be read is said where it is read
            place = read_georeference(path)
        metres = None if place is None else pixel_metres(place.transform, place.size, place.crs)
        if place is not None and metres is not None:
            lines.append(doubt_of_ground(str(path), metres * max(place.size) / side, trained))
    found = [line for line in lines if line is not None]
    if len(found) > 1:
        return [f"{len(found)} of {len(lines)} images that were looked at; {found[0]}"]
    return found


def _samples(scene: Scene) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read small windows on a grid: values in units, and where they are known."""
    height, width = scene.size
    xs = np.linspace(0, max(0, width - _SIDE), _ACROSS, dtype=int).tolist()
    ys = np.linspace(0, max(0, height - _SIDE), _ACROSS, dtype=int).tolist()
    places = dict.fromkeys((x, y) for x in xs for y in ys)
    return [_window(scene, x, y) for x, y in places]


def _window(scene: Scene, x: int, y: int) -> tuple[np.ndarray, np.ndarray]:
    height, width = scene.size
    window = Window(x, y, min(_SIDE, width - x), min(_SIDE, height - y))
    values = scene.dataset.read(scene.bands, window=window)
    known = known_pixels(scene.dataset, values, window, scene.bands)
    return in_units(scene.dataset, values, scene.bands), known
