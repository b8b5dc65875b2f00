"""What a raster says of a stretch that is of other images: its kind of values, its colours."""

from collections.abc import Sequence
from pathlib import Path

import rasterio
from rasterio.enums import ColorInterp

from pointsam.data.rasters.band_values import bands_exist, kind_of, natural_bands, plain_bands
from pointsam.data.rasters.opening import open_raster
from pointsam.data.rasters.stretching import Stretch, other_kind
from pointsam.errors import InputError

_COLOURS = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
_NAMES = {"red", "green", "blue"}


def refuse_other_values(paths: Sequence[Path], stretch: Stretch) -> None:
    """Refuse images that the stretch of other ones would make all black or white.

    Args:
        paths: of the images; one without the bands of the stretch is refused where it is read.
        stretch: of other images.

    Raises:
        InputError: an image of another kind of values.
    """
    for path in paths:
        with open_raster(path) as raster:
            if not bands_exist(raster, stretch.bands):
                continue
            held = {kind_of(raster.dtypes[band - 1]) for band in stretch.bands}
        meant = other_kind(stretch, held)
        if meant is None:
            continue
        raise InputError(
            f"{path} holds {' and '.join(sorted(held))}, but is to be shown as images of {meant} "
            "were: give images of their kind, or say which values are black and white with "
            "--stretch LOW,HIGH in place of --like."
        )


def doubts_of_colours(paths: Sequence[Path], stretch: Stretch, *, remedy: str) -> list[str]:
    """Say which images name other bands as their colours than are shown; one line for all.

    The file of training need not have named its colours, so its bands may be meant all the same.

    Args:
        paths: of the images.
        stretch: of an adapter's training, or of other images.
        remedy: what to do where the file is right; ``{bands}`` stands for its colours.
    """
    found = []
    for path in paths:
        with open_raster(path, typed=True) as raster:
            own = named_bands(raster)
        # Bands that are no colours in the file are false colours, chosen by hand in training.
        meant = stretch.bands == (1, 2, 3) or set(own or ()) == set(stretch.bands)
        if own is not None and own != stretch.bands and meant:
            found.append((path, own))
    if not found:
        return []
    path, own = found[0]
    more = f" (and {len(found) - 1} more files)" if len(found) > 1 else ""
    bands = _listed(own)
    return [
        f"{path}{more} names bands {bands} as red, green, blue, but bands {_listed(stretch.bands)} "
        f"are shown so, as in training: {remedy.format(bands=bands)}"
    ]


def doubts_of_order(paths: Sequence[Path]) -> list[str]:
    """Say which images of many bands do not tell which of them are colours; one line for all.

    Some satellites store blue first, some red, and some a band that is no colour.

    Args:
        paths: of the images, whose first three bands are shown.
    """
    found = []
    for path in paths:
        with open_raster(path, typed=True) as raster:
            names = [raster.descriptions[band - 1] or f"{band}" for band in plain_bands(raster)]
            if len(names) > 3 and named_bands(raster) is None:
                found.append((path, names))
    if not found:
        return []
    path, names = found[0]
    more = f" (and {len(found) - 1} more files)" if len(found) > 1 else ""
    return [
        f"{path}{more} calls none of its {len(names)} bands red, green or blue: its first three "
        f"({', '.join(names[:3])}) are shown so; say which are with --bands R,G,B"
    ]


def named_bands(raster: rasterio.DatasetReader) -> tuple[int, int, int] | None:
    """Give the bands that a raster names as red, green and blue; None where it names none."""
    bands = natural_bands(raster)
    meanings = raster.colorinterp
    if len({*bands}) < 3:
        return None
    plain = plain_bands(raster)
    names = {(name or "").strip().lower() for name in raster.descriptions}
    if list(bands) != plain[:3] or {*_COLOURS} <= {*meanings} or names >= _NAMES:
        return bands
    return None


def _listed(bands: tuple[int, int, int]) -> str:
    return ",".join(str(band) for band in bands)
