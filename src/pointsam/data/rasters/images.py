"""Reads images as 8-bit RGB; an image that cannot be read raises an error."""

import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from pointsam.data.rasters.no_raster import refuse_device, what_instead
from pointsam.data.rasters.opening import head_of, open_raster, raster_kind, within
from pointsam.data.rasters.tiff_images import named_colours
from pointsam.errors import DAMAGED, InputError, in_words
from pointsam.files import list_files

# Aerial images are larger than Pillow's limit against decompression attacks.
Image.MAX_IMAGE_PIXELS = None

MAX_PIXELS = 2**28
"""Most pixels of an image that is read as a whole; a larger one is a scene, or damaged."""

ENDINGS = (".bmp", ".img", ".jp2", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""Of image files, in any case."""

_FORMATS = ("BMP", "GIF", "JPEG", "JPEG2000", "PNG", "TIFF", "WEBP")
"""Of Pillow; of each, the header says how many bits a value has."""

_EIGHT_BIT = {"1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr"}

_ORIENTATION = 0x0112
"""Tag of EXIF; above 4, rows are shown as columns."""

_WIDTH, _HEIGHT, _BITS, _KIND = 256, 257, 258, 339
"""Tags of TIFF: sides, bits a value, and whether values are unsigned numbers (1)."""

_PACKING, _NOT_UNPACKED = 259, (34887, 50001)
"""Tag of TIFF for how values are packed, and LERC and WebP there."""

_PNG_DEPTH = 24
"""Byte of a PNG file that says how many bits a value has (PNG specification, "IHDR")."""


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """Open an image file; a fault raises an error, without a warning of Pillow before."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        with Image.open(path, formats=_FORMATS) as image:
            yield image


def deeper_than_a_byte(image: Image.Image, path: Path) -> str | None:
    """Name the kind of values that do not fit 8 bits; None where they do.

    Pillow opens 16-bit colour as 8-bit, with the upper 8 bits of each value.
    """
    if image.mode not in _EIGHT_BIT:
        return image.mode
    bits, signed = 8, False
    if isinstance(image, TiffImageFile):
        bits, signed = max(image.tag_v2.get(_BITS, (1,))), max(image.tag_v2.get(_KIND, (1,))) > 1
    elif image.format == "JPEG2000":
        with open_raster(path) as raster:
            bits = 8 if set(raster.dtypes) == {"uint8"} else 16
    elif image.format == "PNG":
        bits = bits_of_png(path)
    if bits > 8:
        return f"{bits}-bit {image.mode}"
    return f"signed {image.mode}" if signed else None


def bits_of_png(path: Path) -> int:
    """Give how many bits a value of a PNG file has."""
    with path.open("rb") as stream:
        return stream.read(_PNG_DEPTH + 1)[_PNG_DEPTH]


def read_image(path: Path) -> UInt8[np.ndarray, "height width 3"]:
    """Read an image as RGB, turned as EXIF says, TIFF bands by their meanings; alpha is dropped.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: not an image, truncated, or of a kind whose values 8 bits cannot hold.
    """
    return np.array(_read_upright(path).convert("RGB"))


def read_transparent(path: Path) -> UInt8[np.ndarray, "height width 4"]:
    """Read an image as `read_image` does, with its alpha: 0 where a pixel is transparent.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: as `read_image`.
    """
    return np.array(_read_upright(path))


def can_be_shown(path: Path) -> bool:
    """Say whether `read_image` takes the kind of image, told from its header."""
    try:
        with opened(path) as image:
            return deeper_than_a_byte(image, path) is None
    except DAMAGED:
        return False


def is_image(path: Path) -> bool:
    """Say whether a file is an image or a raster, told from its first bytes."""
    return raster_kind(path, head_of(path)) is not None


def orientation(path: Path) -> int:
    """Give the orientation that EXIF states, 1 to 8; 1, upright, where none is known."""
    try:
        with opened(path) as image:
            return _turn_of(image)
    except DAMAGED:
        return 1


def turn_upright(
    pixels: UInt8[np.ndarray, "rows cols bands"], orientation: int
) -> UInt8[np.ndarray, "height width bands"]:
    """Turn and mirror stored pixels into the orientation in which they are shown."""
    if orientation > 4:
        pixels = pixels.transpose(1, 0, 2)
    # Source: EXIF 2.32, tag Orientation: where the first row and the first column are shown.
    upside_down, mirrored = orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7)
    return np.ascontiguousarray(pixels[:: -1 if upside_down else 1, :: -1 if mirrored else 1])


def find_image(folder: Path, name: str) -> str | None:
    """Find a file of a folder by a name that another system may write differently.

    Accents as one character or two, backslashes, and ``%20`` of links name the same file.

    Returns:
        The name as the folder has it; None where there is none, or where it lies outside.
    """
    slashed = name.replace("\\", "/")
    forms = [name, slashed, unquote(slashed)]
    forms += [unicodedata.normalize(form, one) for one in forms for form in ("NFC", "NFD")]
    for form in dict.fromkeys(forms):
        path = PurePosixPath(form)
        outside = path.is_absolute() or ".." in path.parts
        if not outside and (folder / path).is_file():
            return path.as_posix()
    return None


def same_name(one: str, other: str) -> bool:
    """Say whether two names are of one file, written as `find_image` knows them."""
    return plain_name(one) == plain_name(other)


def plain_name(name: str) -> str:
    """Normalise a name: one form of accents, no escapes of addresses, no folders."""
    return unicodedata.normalize("NFC", unquote(name).replace("\\", "/")).rpartition("/")[2]


def image_path(folder: Path, name: str) -> Path:
    """Give the path of an image of a folder; its name may be written as by `find_image`.

    Raises:
        InputError: the name leads out of the folder.
    """
    return within(folder, find_image(folder, name) or name)


def list_images(folder: Path) -> list[Path]:
    """List the image files of a folder by name; sub-folders are not searched.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no image folder {folder}.")
    return list_files(folder, ENDINGS)


def image_size(path: Path) -> tuple[int, int]:
    """Give height and width as `read_image` would, from the header alone.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: not an image.
    """
    if not path.is_file():
        raise FileNotFoundError(why_missing(path))
    try:
        with opened(path) as image:
            # Some versions of Pillow have swapped the sides of a TIFF already.
            tags = image.tag_v2 if isinstance(image, TiffImageFile) else {}
            width, height = tags.get(_WIDTH, image.width), tags.get(_HEIGHT, image.height)
            lying = _turn_of(image) > 4
    except DAMAGED as error:
        raise _fault(path, error) from error
    return (width, height) if lying else (height, width)


def _turn_of(image: Image.Image) -> int:
    """Give the orientation of an open image."""
    large = image.width * image.height > MAX_PIXELS
    if image.format == "PNG" and large and "exif" not in image.info:
        return 1  # Pillow decodes a whole PNG to look for EXIF behind its pixels
    return int(image.getexif().get(_ORIENTATION, 1))


def _read_upright(path: Path) -> Image.Image:
    """Read an image as RGBA, as it is shown."""
    if not path.is_file():
        raise FileNotFoundError(why_missing(path))
    try:
        with opened(path) as image:
            _refuse_large(image, path)
            _refuse_packed(image, path)
            deep = deeper_than_a_byte(image, path)
            if deep is not None:
                raise InputError(
                    f"{path} has {deep} pixels, expected 8-bit grey or colour: "
                    "make 8-bit images with 'pointsam data images'."
                )
            named = named_colours(path, image)
            if named is not None:
                return Image.fromarray(turn_upright(named, _turn_of(image)))
            # Pillow warns if a palette with alpha is not converted to RGBA first.
            return ImageOps.exif_transpose(image).convert("RGBA")
    except InputError:
        raise
    except DAMAGED as error:
        raise _fault(path, error) from error


def _fault(path: Path, error: Exception) -> InputError:
    """Give the error for a file that Pillow does not read."""
    if isinstance(error, UnidentifiedImageError):
        told = "is not an image that can be read; "
        if is_image(path):
            told += "rasters of many bands are made 8-bit RGB by 'pointsam data images'"
        else:
            told += "other formats are made a GeoTIFF by gdal_translate"
            told = what_instead(path, head_of(path)) or told
        return InputError(f"{path} {told}.")
    if ("decoder" in str(error) and "not available" in str(error)) or _gdal_reads(path):
        return InputError(
            f"{path} is packed in a way that is not read here ({in_words(error)}): "
            "write it anew with 'pointsam data images'."
        )
    return InputError(f"{path} is damaged ({in_words(error)}): get it again, or leave it out.")


def _gdal_reads(path: Path) -> bool:
    """Say whether GDAL unpacks the whole of a TIFF, which Pillow does not."""
    if raster_kind(path, head_of(path)) != "GTiff":
        return False
    try:
        with open_raster(path) as raster:
            return raster.width * raster.height <= MAX_PIXELS and bool(raster.read(1).size)
    except InputError:
        return False


def _refuse_packed(image: Image.Image, path: Path) -> None:
    """Refuse what Pillow's library for TIFF grumbles about on its own before it fails."""
    if isinstance(image, TiffImageFile) and image.tag_v2.get(_PACKING) in _NOT_UNPACKED:
        raise InputError(
            f"{path} is packed in a way that is not read here: write it anew with "
            "'pointsam data images'."
        )


def _refuse_large(image: Image.Image, path: Path) -> None:
    """Refuse a size that is too large, by the header, before memory is taken for it."""
    if image.width * image.height > MAX_PIXELS:
        raise InputError(
            f"{path} says it has {image.width} x {image.height} px; read as a whole, an image has "
            f"at most {MAX_PIXELS} px: use it as a scene, or cut it."
        )


def why_missing(path: Path) -> str:
    """Give the error for a missing image, which names a file of similar name."""
    if path.is_dir():
        return f"no image {path}: it is a folder; give a file, such as a GeoTIFF."
    refuse_device(path)
    if path.is_symlink():
        return f"no image {path}: it is a link to {path.readlink()}, which is not there."
    names = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    alike = [name for name in names if name.lower() == path.name.lower()]
    if alike:
        return f"no image {path}: there is {alike[0]}, upper and lower case differ."
    if other := next((name for name in names if same_name(name, path.name)), None):
        return f"no image {path}: there is {other}, whose name is written otherwise; use that name."
    return f"no image {path}: check the image folder and the file name."
