"""Tells an image from another that came to lie under its name."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass

from rasterio.errors import RasterioError
from rasterio.windows import Window

from pointsam.data.rasters.opening import open_raster
from pointsam.errors import InputError
from pointsam.files import sha256_of
from pointsam.server.pictures import Picture

_FILE, _MIDDLE = "file", "middle"
"""What was hashed; hashes of different things are not compared."""
_SIDE = 1024
"""Most pixels of a side of a raster's middle that are hashed."""


@dataclass(frozen=True)
class ImageMark:
    """What an image was when it was clicked."""

    size: tuple[int, int] | None = None
    """Height and width in pixels; None where an older version saved the clicks."""
    content: str | None = None
    """What was hashed, and its SHA-256; None where nobody knows."""


def mark_of(picture: Picture) -> ImageMark:
    """Give the mark of an image; one that cannot be read now has no hash."""
    return ImageMark(picture.size, _content(picture))


def difference(mark: ImageMark, picture: Picture) -> str | None:
    """Say how an image differs from the one of a mark; None where it is the same."""
    if not picture.size[0]:
        return "cannot be read"
    if mark.size is not None and mark.size != picture.size:
        return f"is {_sides(picture.size)} and was {_sides(mark.size)} when it was clicked"
    if mark.content is None:
        return None
    content = _content(picture)
    if content is None:
        return "cannot be read"
    of_one_kind = content.split()[0] == mark.content.split()[0]
    if of_one_kind and content != mark.content:
        return "has another content than when it was clicked"
    return None


def _content(picture: Picture) -> str | None:
    """Hash a picture's file, or the middle of a raster, whose file changes with its overviews."""
    with suppress(OSError, InputError, RasterioError):
        if picture.stretch is None:
            return f"{_FILE} {sha256_of(picture.path)}"
        return f"{_MIDDLE} {_hash_of_middle(picture)}"
    return None


def _hash_of_middle(picture: Picture) -> str:
    """Hash the values of the first band in the middle of a raster, as they are stored."""
    rows, columns = (min(side, _SIDE) for side in picture.size)
    top, left = (picture.size[0] - rows) // 2, (picture.size[1] - columns) // 2
    with open_raster(picture.path, typed=True) as raster:
        values = raster.read(1, window=Window(left, top, columns, rows))
    return hashlib.sha256(values.tobytes()).hexdigest()


def _sides(size: tuple[int, int]) -> str:
    height, width = size
    return f"{width} x {height} px"
