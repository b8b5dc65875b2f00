"""What a scene's values look like by its stretch, and its alpha."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from rasterio.windows import Window

from pointsam.data.rasters.looking import LOOKED_AT, SIDE, in_one_line, places, samples
from pointsam.data.rasters.scene import Scene, open_scene
from pointsam.data.rasters.stretching import Stretch
from pointsam.errors import InputError

_FLAT = 26
"""Steps of brightness, of 255, that most values of a scene must be apart to be told."""

_NO_ALPHA = 0.5
"""Share of the pixels of an alpha band, neither clear nor full, from which it looks like none."""


def doubt_of_stretch(scene: Scene, *, trained: bool) -> str | None:
    """Say where a scene's values lie together in the dark or the bright end of its stretch.

    Args:
        scene: open.
        trained: the stretch is that of an adapter's training, and not found in this scene.
    """
    found = [part[:, known] for part, known in samples(scene)]
    values = np.concatenate(found, axis=1) if found else np.zeros((3, 0))
    if not values.size:
        return None
    low, high = np.percentile(values, (2, 98), axis=1)
    floor, ceiling = np.array(scene.stretch.low), np.array(scene.stretch.high)
    shown = ((np.stack([low, high]) - floor) * 255 / (ceiling - floor)).clip(0, 255)
    if ((shown[1] - shown[0]) >= _FLAT).any() or (low == high).all():
        return None
    scaled = any((scene.dataset.scales[n - 1], scene.dataset.offsets[n - 1]) != (1, 0)
                 for n in scene.bands)  # fmt: skip
    told = ", by the scale and offset that it declares," if scaled else ""
    ask = ": are they of another depth than those of training? Say" if trained else ": say"
    return (
        f"{scene.path}: most of its values lie{told} from {low.min():g} to {high.max():g}, and by "
        f"the stretch from {floor.min():g} to {ceiling.max():g} they are shown as "
        f"{round(shown[0].min())} to {round(shown[1].max())} of 255{ask} which are black and "
        "white with --stretch LOW,HIGH"
    )


def doubts_of_values(paths: Sequence[Path], stretch: Stretch) -> list[str]:
    """Say which images of a folder a stretch shows nearly black or white; one line for all.

    Args:
        paths: of the images; the first few are looked at.
        stretch: that they are shown by, and that was not found in them.
    """
    lines = []
    for path in paths[:LOOKED_AT]:
        with suppress(InputError), open_scene(path, stretch=stretch) as scene:
            lines.append(doubt_of_stretch(scene, trained=False))
    return in_one_line(lines)


def doubt_of_alpha(scene: Scene) -> str | None:
    """Say where a band that is declared as alpha holds brightness, as near infrared does.

    Of four bands of bytes, many writers declare the fourth as alpha unless they are told.
    """
    alphas = [n for n in scene.dataset.indexes if scene.dataset.colorinterp[n - 1].name == "alpha"]
    if not alphas or alphas[0] in scene.bands:
        return None
    height, width = scene.size
    parts = [Window(x, y, min(SIDE, width - x), min(SIDE, height - y)) for x, y in places(scene)]
    values = np.concatenate([scene.dataset.read(alphas[0], window=part).ravel() for part in parts])
    between = (values > values.min()) & (values < values.max())
    if between.mean() < _NO_ALPHA:
        return None
    return (
        f"{scene.path}: band {alphas[0]} is declared as alpha, but holds many values, as near "
        "infrared does; where it is 0 counts as no data. If it is no alpha: gdal_edit.py "
        f"-colorinterp_{alphas[0]} undefined FILE"
    )
