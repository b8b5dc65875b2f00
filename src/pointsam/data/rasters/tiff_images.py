"""What GDAL knows of a TIFF that is read as an image, and Pillow does not.

A TIFF may name the meanings of its bands, and say where it holds no data, in tags and files of
GDAL. It may also store each band by itself, of which Pillow often sees the first alone. A scene
follows all this, so an image of a folder must, too: a model that is trained on the folder has to
see the colours that it will see on the scene.
"""

from contextlib import suppress
from pathlib import Path

import numpy as np
import rasterio
from jaxtyping import Bool, UInt8
from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile
from rasterio.enums import MaskFlags

from pointsam.data.rasters.band_values import natural_bands
from pointsam.data.rasters.opening import open_raster
from pointsam.errors import InputError

_SAMPLES, _PLANAR = 277, 284
"""Tags of TIFF: how many bands there are, and whether each is stored by itself (2)."""


def named_colours(path: Path, image: Image.Image) -> UInt8[np.ndarray, "rows cols 4"] | None:
    """Give a TIFF of bytes as RGBA, as it is stored, by the meanings of its bands.

    None where Pillow sees them: the first three bands are red, green and blue, or the only one is
    grey; and where the file is no TIFF.

    Args:
        path: of the file.
        image: the same, opened by Pillow.

    Raises:
        InputError: Pillow leaves bands out, and they are not of bytes.
    """
    if not isinstance(image, TiffImageFile):
        return None
    left_out = leaves_bands_out(image)
    with suppress(InputError), open_raster(path) as raster:  # Pillow may read what GDAL does not
        bands = natural_bands(raster)
        other = raster.count >= 3 and bands != (1, 2, 3)
        if (other or left_out) and of_whole_bytes(raster):
            return np.dstack([*raster.read(list(bands)), raster.dataset_mask()])
    if left_out:
        raise InputError(
            f"{path} stores its {image.tag_v2[_SAMPLES]} bands in a way that is not read here: "
            "write it anew with 'pointsam data images'."
        )
    return None


def leaves_bands_out(image: Image.Image) -> bool:
    """Say whether Pillow sees fewer bands of a TIFF than make up its colours and its alpha."""
    if not isinstance(image, TiffImageFile):
        return False
    seen = len(image.getbands())
    stored = int(image.tag_v2.get(_SAMPLES, 1))
    # Of grey and alpha that are stored one by one, Pillow does not fill the second.
    by_band = stored > 1 and image.tag_v2.get(_PLANAR, 1) == 2
    return seen < 3 and (seen < stored or by_band)


def of_whole_bytes(raster: rasterio.DatasetReader) -> bool:
    """Say whether all values are bytes, and not fewer bits of them."""
    bits = (raster.tags(band, ns="IMAGE_STRUCTURE").get("NBITS") for band in raster.indexes)
    return set(raster.dtypes) == {"uint8"} and not any(bits)


def colours_read(path: Path) -> tuple[int, int, int]:
    """Give the bands of a raster that are read as red, green and blue.

    They are 1, 2 and 3 where nothing says otherwise, and where no raster can be read.
    """
    with suppress(InputError), open_raster(path) as raster:
        if raster.count >= 3:
            return natural_bands(raster)
    return 1, 2, 3


def known_in_tiff(path: Path) -> Bool[np.ndarray, "rows cols"] | None:
    """Mark the pixels of a TIFF, as it is stored, that hold data; None where all do."""
    with suppress(InputError), open_raster(path) as raster:
        if all(MaskFlags.all_valid in flags for flags in raster.mask_flag_enums):
            return None
        known: Bool[np.ndarray, "rows cols"] = raster.dataset_mask() > 0
        return known
    return None
