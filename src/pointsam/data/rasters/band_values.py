"""The bands of a raster: which are colours, their units, and where they hold data."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import rasterio
from jaxtyping import Bool
from rasterio.enums import ColorInterp, MaskFlags
from rasterio.windows import Window

from pointsam.errors import InputError

_UNDECLARED = (-9999, -99999, -999, -32768, -32767, 65535)
"""Values that mean "no data" in many files, even if the file does not declare it."""

_BEYOND = 1e20
"""No sensor measures more, in any unit: CF's 1e20, NetCDF's 9.97e36 and the ends of a float32."""

Values = tuple[float, float, float]
"""One for each band that is shown."""

_OTHER_COLOURS = {
    *(ColorInterp.cyan, ColorInterp.magenta, ColorInterp.yellow, ColorInterp.black),
    *(ColorInterp.hue, ColorInterp.saturation, ColorInterp.lightness),
    *(ColorInterp.Y, ColorInterp.Cb, ColorInterp.Cr),
}
"""Parts of colours that are not red, green and blue."""

_PLAIN_SHARE = 0.002
"""Share of the pixels from which an undeclared no-data value is reported."""

_LOG = logging.getLogger("pointsam")


def kind_of(dtype: str) -> str:
    """Give the kind of a band's values for a stretch: their type, without its width."""
    if dtype == "uint8":
        return "bytes"
    return "whole numbers" if np.issubdtype(dtype, np.integer) else "fractions"


def natural_bands(raster: rasterio.DatasetReader) -> tuple[int, int, int]:
    """Give the bands that are shown by default.

    These are the bands that the file means as red, green and blue, or calls so; else the first
    three that are not alpha, or the first of them three times.
    """
    meanings = list(raster.colorinterp)
    meant = _one_each(meanings, (ColorInterp.red, ColorInterp.green, ColorInterp.blue))
    if meant is not None:
        return meant
    names = [_colour_of(name) for name in raster.descriptions]
    named = _one_each(names, ("red", "green", "blue")) or _one_each(names, ("r", "g", "b"))
    if named is not None:
        return named
    plain = plain_bands(raster) or [1]
    return (plain[0], plain[1], plain[2]) if len(plain) >= 3 else (plain[0],) * 3


def plain_bands(raster: rasterio.DatasetReader) -> list[int]:
    """List the bands, from 1, that are not alpha."""
    return [band for band in raster.indexes if raster.colorinterp[band - 1] != ColorInterp.alpha]


def _one_each(
    values: Sequence[object], wanted: tuple[object, object, object]
) -> tuple[int, int, int] | None:
    """Give the bands that have three values, if one band has each."""
    if any(values.count(value) != 1 for value in wanted):
        return None
    red, green, blue = (values.index(value) + 1 for value in wanted)
    return red, green, blue


def _colour_of(name: str | None) -> str:
    """Take the colour from a band's name: ``Red``, ``B4 - Red``, ``R``, not ``red edge``."""
    words = re.findall("[a-z]+", (name or "").lower())
    told = [word for word in words if word not in ("band", "nm")]
    return " ".join(told[1:] if len(told) > 1 and told[0] == "b" else told)


def natural_range(
    raster: rasterio.DatasetReader, bands: tuple[int, int, int]
) -> tuple[Values, Values] | None:
    """Give the values that are black and white in a file of bytes, or of a part of their bits.

    Both are in units, as `in_units` gives them: a declared scale moves them with the bytes.
    None where the values have no natural black and white.
    """
    if not bands_exist(raster, bands) or {raster.dtypes[band - 1] for band in bands} != {"uint8"}:
        return None
    if any(raster.colorinterp[band - 1] == ColorInterp.palette for band in bands):
        return (0, 0, 0), (255, 255, 255)  # its bits number colours, not brightness
    bits = {int(raster.tags(band, ns="IMAGE_STRUCTURE").get("NBITS", 8)) for band in bands}
    stored = np.array([0, 2 ** max(bits) - 1], dtype=np.uint8)
    # A negative scale makes the largest byte the darkest.
    ends = np.sort(in_units(raster, np.broadcast_to(stored, (3, 1, 2)), bands)[:, 0], axis=1)
    (r0, r1), (g0, g1), (b0, b1) = ends.tolist()
    return (r0, g0, b0), (r1, g1, b1)


def bands_exist(raster: rasterio.DatasetReader, bands: Sequence[int]) -> bool:
    """Say whether a file has these bands."""
    return all(1 <= band <= raster.count for band in bands)


def refuse_no_scale(path: Path, raster: rasterio.DatasetReader, bands: Sequence[int]) -> None:
    """Refuse a declared scale or offset that makes all values one, or none.

    Args:
        path: of the raster, for the message.
        raster: open.
        bands: that are shown, from 1; one that the file does not have is refused elsewhere.

    Raises:
        InputError: the message says how to put it right.
    """
    for band in set(bands) & set(raster.indexes):
        scale, offset = raster.scales[band - 1], raster.offsets[band - 1]
        if not (scale and np.isfinite([scale, offset]).all()):
            raise InputError(
                f"{path} declares a scale of {scale:g} and an offset of {offset:g} for band "
                f"{band}, which make no values of what is stored: put them right with "
                "gdal_edit.py -scale SCALE -offset OFFSET."
            )


def in_units(
    raster: rasterio.DatasetReader, values: np.ndarray, bands: Sequence[int]
) -> np.ndarray:
    """Apply the scale and offset that a file declares for its bands, first axis; often none."""
    scales = np.array([raster.scales[band - 1] for band in bands])[:, None, None]
    offsets = np.array([raster.offsets[band - 1] for band in bands])[:, None, None]
    if (scales == 1).all() and (offsets == 0).all():
        return values
    scaled: np.ndarray = values * scales + offsets
    return scaled


def undeclared_in(values: np.ndarray, path: Path) -> Bool[np.ndarray, "*shape"]:
    """Mark usual, undeclared no-data values, which must not decide black and white; warn of them.

    Args:
        values: known ones, as they are stored: a scale would hide what they mean.
        path: of the file, for the message.
    """
    marked: Bool[np.ndarray, "*shape"] = np.zeros(values.shape, dtype=bool)
    while (value := plain_undeclared(values[~marked])) is not None:
        held = values == np.asarray(value, dtype=values.dtype)
        marked |= held
        _LOG.warning(
            "%s: %.1f %% of its values are %s, a usual value for no data, which the file does not "
            "declare; they do not count for black and white. Declare it: gdal_edit.py -a_nodata %s",
            path, 100 * held.mean(), as_written(value), as_written(value),
        )  # fmt: skip
    return marked


def plain_undeclared(values: np.ndarray) -> float | None:
    """Give a usual no-data value that is the lowest or highest of values, and not rare in them.

    A measured value rarely is the lowest or highest one and common.
    """
    for end in (values.min(), values.max()) if values.size else ():
        if usual_no_data(end.item(), values.dtype) and (values == end).mean() >= _PLAIN_SHARE:
            return float(end)
    return None


def usual_no_data(value: float, dtype: np.dtype | str) -> bool:
    """Say whether a value often stands for no data: a usual number, or the end of a type.

    The ends of a byte are black and white, which many pixels are.
    """
    if value in _UNDECLARED or abs(value) >= _BEYOND:
        return True
    if not np.issubdtype(dtype, np.integer) or np.dtype(dtype).itemsize == 1:
        return False
    return value in (np.iinfo(dtype).min, np.iinfo(dtype).max) and value != 0


def as_written(value: float) -> str:
    """Write a stored value so that it is read as the same one again, in few digits."""
    short = f"{value:g}"
    if float(short) == value:
        return short
    if float(value).is_integer() and abs(value) < _BEYOND:
        return str(int(value))
    # The digits that tell a float32 from its neighbours are fewer than those of a float64.
    fits = abs(value) <= float(np.finfo(np.float32).max) and float(np.float32(value)) == value
    return str(np.float32(value)) if fits else repr(float(value))


def known_pixels(
    raster: rasterio.DatasetReader, values: np.ndarray, window: Window, bands: Sequence[int]
) -> Bool[np.ndarray, "rows cols"]:
    """Mark the pixels that hold data, as GDAL does: in any band, and no NaN in those shown.

    Args:
        raster: open.
        values: of `bands` in `window`, first axis bands.
        window: of the file.
        bands: that are shown, from 1.
    """
    known: Bool[np.ndarray, "rows cols"] = np.ones(values.shape[1:], dtype=bool)
    flags = (raster.mask_flag_enums[band - 1] for band in bands)
    if any(MaskFlags.all_valid not in flag for flag in flags):
        known &= raster.dataset_mask(window=window) > 0
    if np.issubdtype(values.dtype, np.floating):
        known &= np.isfinite(values).all(axis=0)
    return known


def refuse_other_colours(
    path: Path, raster: rasterio.DatasetReader, bands: Sequence[int] | None = None
) -> None:
    """Refuse bands whose values are no brightness: numbers of a palette, or a negative.

    Args:
        path: of the raster, for the message.
        raster: open.
        bands: that are shown, from 1; all of them if not given.

    Raises:
        InputError: the message says how to convert the file.
    """
    meanings = [raster.colorinterp[band - 1] for band in bands or raster.indexes]
    other = [meaning.name for meaning in meanings if meaning in _OTHER_COLOURS]
    if other:
        raise InputError(
            f"{path} holds {', '.join(dict.fromkeys(other))}, expected red, green, blue: "
            "convert its colours to RGB first."
        )
    if ColorInterp.palette in meanings:
        raise InputError(
            f"{path} holds colour numbers, not colours: "
            "write RGB first with gdal_translate -expand rgb."
        )
    if raster.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES":
        raise InputError(
            f"{path} is a negative (0 is white): turn it over first, "
            "with gdal_translate -scale LOW HIGH HIGH LOW."
        )
