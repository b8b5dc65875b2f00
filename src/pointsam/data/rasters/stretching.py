"""Converts images of any depth and number of bands to 8-bit RGB, by a stretch."""

import json
from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from rasterio.windows import Window

from pointsam.data.rasters.band_values import (
    in_units,
    known_pixels,
    natural_bands,
    natural_range,
    refuse_no_scale,
    refuse_other_colours,
)
from pointsam.data.rasters.images import can_be_shown, orientation, read_transparent, turn_upright
from pointsam.data.rasters.opening import open_raster
from pointsam.errors import DAMAGED, InputError, in_words
from pointsam.files import replacing
from pointsam.texts import read_json

NO_DATA = (124, 116, 104)
"""Colour of pixels without data: SAM's mean colour, which is zero in its input."""

FILE_NAME = "stretch.json"
_STRIP = 1024
"""Rows converted at once."""


@dataclass(frozen=True)
class Stretch:
    """Which bands are shown, and which of their values are black and white."""

    bands: tuple[int, int, int]
    """Numbers, from 1, of the bands shown as red, green and blue."""
    low: tuple[float, float, float]
    """Values shown as 0."""
    high: tuple[float, float, float]
    """Values shown as 255."""
    kind: str | None = field(default=None, compare=False)
    """Kind of the values (`kind_of`); None where it was not checked."""

    def __post_init__(self) -> None:
        pairs = zip(self.low, self.high, strict=True)
        if not all(np.isfinite(pair).all() and pair[0] < pair[1] for pair in pairs):
            raise InputError(f"a stretch from {self.low} to {self.high} shows nothing.")

    def show(
        self, values: np.ndarray, known: Bool[np.ndarray, "rows cols"]
    ) -> UInt8[np.ndarray, "rows cols 3"]:
        """Turn values of the three bands, first axis, to RGB; NO_DATA where they are not known."""
        if values.dtype == np.uint8 and self == plain_stretch(self.bands, 0, 255):
            shown: np.ndarray = np.moveaxis(values, 0, -1).copy()
            shown[~known] = NO_DATA
            return shown
        low, high = (np.array(v, dtype=np.float64)[:, None, None] for v in (self.low, self.high))
        scaled = (np.where(known, values, 0.0) - low) * (255 / (high - low))
        shown = np.moveaxis(np.rint(scaled.clip(0, 255)).astype(np.uint8), 0, -1).copy()
        shown[~known] = NO_DATA
        return shown


def plain_stretch(bands: tuple[int, int, int], low: float, high: float) -> Stretch:
    """Give the same values black and white in all bands."""
    return Stretch(bands, (low,) * 3, (high,) * 3)


def natural_stretch(raster: rasterio.DatasetReader, bands: tuple[int, int, int]) -> Stretch | None:
    """Give the stretch that shows bytes as they are; None where values have no natural black."""
    ends = natural_range(raster, bands)
    return None if ends is None else Stretch(bands, *ends, kind="bytes")


def write_stretch(stretch: Stretch, path: Path) -> None:
    """Save a stretch, so that later images are shown alike."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(plain_form(stretch), indent=1))


def read_stretch(path: Path) -> Stretch:
    """Load a saved stretch.

    Raises:
        FileNotFoundError: no such file.
        InputError: not a stretch.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no stretch {path}: give the {FILE_NAME} of converted images.")
    try:
        return stretch_from(read_json(path))
    except InputError:
        raise
    except DAMAGED as error:
        raise InputError(f"{path} is not a stretch ({in_words(error)}).") from error


def plain_form(stretch: Stretch) -> dict[str, list[int | float] | str]:
    """Give a stretch as lists and words, for YAML and JSON."""
    form = {name: value for name, value in asdict(stretch).items() if value is not None}
    return {name: v if isinstance(v, str) else list(v) for name, v in form.items()}


def other_kind(stretch: Stretch, held: Set[str]) -> str | None:
    """Name the values that a stretch is for, where those at hand are of another kind.

    Args:
        stretch: of other images.
        held: kinds of the values at hand, as `kind_of` names them.
    """
    plain = stretch == plain_stretch(stretch.bands, 0, 255)
    if stretch.kind is not None:
        fits = held == {stretch.kind}
    else:  # an older file names no kind: bytes are recognised by their values
        fits = (held == {"bytes"}) == plain or (held == {"bytes"} and max(stretch.high) <= 255)
    if fits:
        return None
    return stretch.kind or ("bytes" if plain else f"values up to {max(stretch.high):g}")


def key_entry(stretch: Stretch | None) -> dict[str, str]:
    """Give the entry for a stretch in the key of a run; none where no stretch is known.

    The files of a scene do not say how it is shown, so their hashes alone name no pixels.
    """
    if stretch is None:
        return {}
    shown = {"bands": stretch.bands, "low": stretch.low, "high": stretch.high}
    return {"bands or stretch": json.dumps(shown)}


def stretch_from(content: Mapping[str, Any]) -> Stretch:
    """Give the stretch that `plain_form` made lists of.

    Raises:
        KeyError, TypeError, ValueError: it is no such form.
        InputError: it shows nothing.
    """
    red, green, blue = (int(band) for band in content["bands"])
    low, high = ((float(a), float(b), float(c)) for a, b, c in (content["low"], content["high"]))
    return Stretch((red, green, blue), low, high, content.get("kind"))


def spread(values: np.ndarray, percent: tuple[float, float]) -> Float[np.ndarray, "2 *bands"]:
    """Give two percentiles along the last axis, the second above the first.

    For a band with one value, the second is the next number above it.
    """
    low, high = np.percentile(values, percent, axis=-1)
    return np.stack([low, np.maximum(high, np.nextafter(np.float32(low), np.float32(np.inf)))])


def convert_image(path: Path, output: Path, stretch: Stretch) -> None:
    """Write an image as 8-bit RGB: a TIFF, with its place on the map, or a PNG.

    Args:
        path: of the image.
        output: ends in ``.tif``, ``.tiff`` or ``.png``.
        stretch: of its folder.

    Raises:
        InputError: damaged, or without the bands.
    """
    with open_raster(path) as raster:
        natural = natural_bands(raster)
        plain = stretch == plain_stretch(natural, 0, 255)
        of_raster = raster.crs or (raster.driver == "GTiff" and raster.nodata is not None)
        as_stored = natural in ((1, 2, 3), (1, 1, 1))
        if plain and as_stored and not of_raster and can_be_shown(path):
            # Palettes, CMYK and turned photographs are pictures: their bands are not RGB.
            seen = read_transparent(path)
            seen[seen[..., 3] == 0, :3] = NO_DATA
            Image.fromarray(seen[..., :3].copy()).save(output)
            return
        check_bands(path, raster, stretch.bands)
        refuse_other_colours(path, raster)
        placed = raster.crs is not None or not raster.transform.is_identity
        turn = 1 if placed else orientation(path)
        if output.suffix.lower() == ".png" or turn > 1:
            whole = Window(0, 0, raster.width, raster.height)
            shown = turn_upright(_shown(raster, whole, stretch), turn)
            Image.fromarray(shown).save(output)
            return
        profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "photometric": "RGB"}
        profile |= {"height": raster.height, "width": raster.width, "compress": "deflate"}
        place = {"transform": raster.transform, "crs": raster.crs} if placed else {}
        with rasterio.open(output, "w", **profile, **place) as out:
            for top in range(0, raster.height, _STRIP):
                rows = min(_STRIP, raster.height - top)
                window = Window(0, top, raster.width, rows)
                out.write(np.moveaxis(_shown(raster, window, stretch), -1, 0), window=window)


def check_bands(path: Path, raster: rasterio.DatasetReader, bands: tuple[int, int, int]) -> None:
    """Refuse bands that a raster does not have, and values that cannot be shown.

    Raises:
        InputError: with the bands that are missing, or what to write first.
    """
    missing = sorted({band for band in bands if not 1 <= band <= raster.count})
    if missing:
        raise InputError(f"{path} has {raster.count} bands, not {missing}; they count from 1.")
    if any(np.issubdtype(raster.dtypes[band - 1], np.complexfloating) for band in bands):
        raise InputError(f"{path} holds complex numbers: write their amplitude first.")
    refuse_no_scale(path, raster, bands)


def _shown(
    raster: rasterio.DatasetReader, window: Window, stretch: Stretch
) -> UInt8[np.ndarray, "rows cols 3"]:
    values = raster.read(list(stretch.bands), window=window)
    known = known_pixels(raster, values, window, stretch.bands)
    return stretch.show(in_units(raster, values, stretch.bands), known)
