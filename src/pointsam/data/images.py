"""Images from disk, as 8-bit RGB; what cannot be read is said, never guessed."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from pointsam.errors import InputError

# Aerial images are larger than the size at which Pillow suspects an attack.
Image.MAX_IMAGE_PIXELS = None

ENDINGS = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""Of image files, in any case."""

_ORIENTATION = 0x0112
"""Tag of EXIF; above 4, rows are shown as columns."""

_EIGHT_BIT = {"1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr"}


def read_image(path: Path) -> UInt8[np.ndarray, "height width 3"]:
    """Read an image as RGB, turned as its EXIF orientation says; alpha is dropped.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: not an image, truncated, or of a kind whose values 8 bits cannot hold.
    """
    if not path.is_file():
        raise FileNotFoundError(_why_missing(path))
    try:
        with Image.open(path) as image:
            if image.mode not in _EIGHT_BIT:
                raise InputError(
                    f"{path} has {image.mode} pixels, expected 8-bit grey or colour: "
                    "make 8-bit images with 'pointsam data images'."
                )
            upright = ImageOps.exif_transpose(image)
            # By way of RGBA: straight from a palette with alpha, Pillow warns.
            return np.array(upright.convert("RGBA").convert("RGB"))
    except UnidentifiedImageError as error:
        raise InputError(
            f"{path} is not an image that can be read; rasters of many bands are made 8-bit RGB "
            "by 'pointsam data images'."
        ) from error
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is damaged ({error}): get it again, or use --skip-broken.") from (
            error
        )


def can_be_shown(path: Path) -> bool:
    """Say whether `read_image` takes the kind of image, told from its header."""
    try:
        with Image.open(path) as image:
            return image.mode in _EIGHT_BIT
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return False


def list_images(folder: Path) -> list[Path]:
    """List the image files of a folder by name; sub-folders are not searched.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no image folder {folder}.")
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)


def image_size(path: Path) -> tuple[int, int]:
    """Give height and width as `read_image` would, from the header alone.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: not an image.
    """
    if not path.is_file():
        raise FileNotFoundError(_why_missing(path))
    try:
        with Image.open(path) as image:
            width, height = image.size
            lying = image.getexif().get(_ORIENTATION, 1) > 4
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{path} is not an image that can be read.") from error
    return (width, height) if lying else (height, width)


def _why_missing(path: Path) -> str:
    names = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    alike = [name for name in names if name != path.name and name.lower() == path.name.lower()]
    if alike:
        return f"no image {path}: there is {alike[0]}, upper and lower case differ."
    return f"no image {path}: check the image folder and the file name."
