"""Finds the one stretch of a folder of images.

All images of a folder get the same stretch, so that a roof is equally bright in each of them, in
training and in prediction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import rasterio
from jaxtyping import Float

from pointsam.data.rasters.band_values import (
    in_units,
    kind_of,
    natural_bands,
    refuse_other_colours,
    undeclared_in,
)
from pointsam.data.rasters.opening import open_raster
from pointsam.data.rasters.stretching import (
    Stretch,
    check_bands,
    natural_stretch,
    plain_stretch,
    spread,
)
from pointsam.errors import InputError

_SAMPLES = 256
"""Side of the grid of pixels that is read of each image to find percentiles."""


def find_stretch(
    paths: Sequence[Path],
    *,
    bands: tuple[int, int, int] | None = None,
    percent: tuple[float, float] | None = None,
    values: tuple[float, float] | None = None,
) -> Stretch:
    """Choose one stretch for all images: percentiles of all their pixels.

    Args:
        paths: of rasters alike in bands and kind of values; at least one.
        bands: shown as red, green, blue; if not given, the first three, or the one there is.
        percent: share of the pixels, of all images together, that goes black, and share that
            does not go white; if not given, bytes stay as they are and of others it is 2 and 98.
        values: shown as black and white in all bands; then no percentiles are looked for.

    Raises:
        InputError: images that differ, a band they do not have, colour numbers, or no values.
    """
    if percent and not 0 <= percent[0] < percent[1] <= 100:
        raise InputError(f"percentiles lie in 0 to 100, got {percent[0]:g} and {percent[1]:g}.")
    samples: list[np.ndarray] = []
    first: _Shown | None = None
    for path in paths:
        # A mosaic ends in .vrt, which no listing of a folder takes: the user typed its name.
        with open_raster(path, typed=True) as raster:
            own = _shown_of(path, raster, bands)
            first = first or own
            _refuse_other_kind(own, first, ranges=percent is None and values is None)
            if values is None and (percent or own.usual is None):
                refuse_other_colours(path, raster)
                samples.append(_sample(path, raster, own.bands))
    if first is None:
        raise ValueError("there is no raster to find a stretch of.")
    kind = kind_of(first.dtype)
    if values is not None:
        return replace(plain_stretch(first.bands, *values), kind=kind)
    if not samples:
        return first.usual or replace(plain_stretch(first.bands, 0, 255), kind=kind)
    together = np.concatenate(samples, axis=1)
    if not together.size:
        raise InputError(f"{paths[0].parent}: no image holds a value that is known.")
    low, high = spread(together, percent or (2, 98))
    (r0, g0, b0), (r1, g1, b1) = low.tolist(), high.tolist()
    return Stretch(first.bands, (r0, g0, b0), (r1, g1, b1), kind)


@dataclass(frozen=True)
class _Shown:
    """What one image of a folder would be shown by, if it were alone."""

    path: Path
    count: int
    dtype: str
    bands: tuple[int, int, int]
    usual: Stretch | None
    """That of bytes; None of other values."""


def _shown_of(
    path: Path, raster: rasterio.DatasetReader, bands: tuple[int, int, int] | None
) -> _Shown:
    chosen = bands or natural_bands(raster)
    check_bands(path, raster, chosen)
    return _Shown(path, raster.count, raster.dtypes[0], chosen, natural_stretch(raster, chosen))


def _refuse_other_kind(own: _Shown, first: _Shown, *, ranges: bool) -> None:
    """Refuse an image that one stretch would show otherwise than the first one of its folder.

    Args:
        own: of the image.
        first: of the first one.
        ranges: the stretch is that of bytes as they are, so black and white must be the same.
    """
    if (own.count, own.dtype) != (first.count, first.dtype):
        raise InputError(
            f"{own.path} has {own.count} bands of {own.dtype}, {first.path} has {first.count} of "
            f"{first.dtype}: convert them in folders of one kind."
        )
    if own.bands != first.bands:
        raise InputError(
            f"{own.path} has red, green, blue in bands {_listed(own.bands)}, {first.path} in "
            f"{_listed(first.bands)}: convert them in folders of one order of bands."
        )
    if ranges and own.usual != first.usual:
        raise InputError(
            f"{own.path} may hold {_range(own.usual)}, {first.path} {_range(first.usual)}: convert "
            "them in folders of one range, or say which values are black and white with "
            "--stretch LOW,HIGH."
        )


def _range(usual: Stretch | None) -> str:
    return f"values from {usual.low[0]:g} to {usual.high[0]:g}" if usual else "any values"


def _listed(bands: tuple[int, int, int]) -> str:
    return ",".join(str(band) for band in bands)


def _sample(
    path: Path, raster: rasterio.DatasetReader, bands: tuple[int, int, int]
) -> Float[np.ndarray, "3 pixels"]:
    """Read known pixels on a grid, three values each, in units."""
    shape = (3, min(raster.height, _SAMPLES), min(raster.width, _SAMPLES))
    stored = raster.read(list(bands), out_shape=shape)
    mask = raster.read_masks(list(bands), out_shape=shape)
    known = (mask > 0).all(axis=0) & np.isfinite(stored).all(axis=0)
    known[known] = ~undeclared_in(stored[:, known], path).any(axis=0)
    return np.asarray(in_units(raster, stored[:, None, known], bands)[:, 0], dtype=np.float64)
