"""Reads images that clients send: of limited size, recognised by content, not by name."""

import base64
import binascii
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from pointsam.data.rasters.georeference import Georeference
from pointsam.data.rasters.stretching import Stretch
from pointsam.data.rasters.windows import Window
from pointsam.errors import InputError
from pointsam.server.pictures import Pixels, find_pictures

MAX_PIXELS = 50_000_000
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""First bytes of a TIFF and of a BigTIFF."""


@dataclass(frozen=True, eq=False)
class SentImage:
    """An image as RGB, and its place on the map where it has one."""

    pixels: UInt8[np.ndarray, "height width 3"]
    georeference: Georeference | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]


def read_sent(content: bytes, *, trained: Stretch | None) -> SentImage:
    """Read an image from its bytes.

    Args:
        content: of the file.
        trained: stretch of the images that the adapter in use was trained on.

    Raises:
        InputError: no image, a damaged one, or one that is too large.
    """
    if content.startswith(_TIFF):
        with _as_file(content, ".tif") as path:  # read as scenes are, whatever its bands and depth
            return _read_file(path, trained)
    try:
        with Image.open(io.BytesIO(content), formats=("BMP", "JPEG", "PNG", "WEBP")) as image:
            _refuse_large(image.height, image.width)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("the image that was sent is no JPEG, PNG, BMP, WebP or TIFF.") from error
    with _as_file(content, ".image") as path:
        return _read_file(path, trained)


def read_data_uri(text: str, *, trained: Stretch | None) -> SentImage:
    """Read an image from a data URI or from base64; the URI's type and line breaks are ignored.

    Args:
        text: of the URI.
        trained: as in `read_sent`.

    Raises:
        InputError: as `read_sent`, or no base64.
    """
    _, comma, data = text.partition(",")
    try:
        content = base64.b64decode("".join((data if comma else text).split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InputError("the image is no data URI in base64.") from error
    return read_sent(content, trained=trained)


def _read_file(path: Path, trained: Stretch | None) -> SentImage:
    try:
        [picture] = find_pictures(path, trained=trained)
        if picture.fault is not None:
            raise InputError(picture.fault)
        height, width = picture.size
        _refuse_large(height, width)
        whole = Window(0, 0, width, height)
        pixels = np.ascontiguousarray(Pixels().read(picture, whole, shrink=1))
        return SentImage(pixels, picture.georeference)
    except InputError as error:
        # The client does not know the temporary file that its image was written to.
        raise InputError(str(error).replace(str(path), "the image")) from error


@contextmanager
def _as_file(content: bytes, ending: str) -> Iterator[Path]:
    with TemporaryDirectory(prefix="pointsam-") as folder:
        path = Path(folder) / f"sent{ending}"
        path.write_bytes(content)
        yield path


def _refuse_large(height: int, width: int) -> None:
    if height * width > MAX_PIXELS:
        raise InputError(
            f"the image has {width} x {height} px, more than {MAX_PIXELS // 10**6} million: send a "
            "part of it, or open it with 'pointsam click'."
        )
