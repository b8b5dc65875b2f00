"""What GDAL knows of a TIFF that is read as an image, and Pillow does not.

A TIFF may name the meanings of its bands, and say where it holds no data, in tags and files of
GDAL. A scene follows them, so an image of a folder must, too: a model that is trained on the
folder has to see the colours that it will see on the scene.
"""

from contextlib import suppress
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8
from rasterio.enums import MaskFlags

from pointsam.data.rasters.band_values import natural_bands
from pointsam.data.rasters.opening import open_raster
from pointsam.errors import InputError


def named_colours(path: Path) -> UInt8[np.ndarray, "rows cols 4"] | None:
    """Give a TIFF of bytes as RGBA, as it is stored, by the meanings of its bands.

    None where its first three bands are red, green and blue, or the only one is grey.
    """
    with suppress(InputError), open_raster(path) as raster:  # Pillow may read what GDAL does not
        bands = natural_bands(raster)
        whole_bytes = set(raster.dtypes) == {"uint8"} and not any(
            raster.tags(band, ns="IMAGE_STRUCTURE").get("NBITS") for band in bands
        )
        if raster.count < 3 or bands == (1, 2, 3) or not whole_bytes:
            return None
        return np.dstack([*raster.read(list(bands)), raster.dataset_mask()])
    return None


def known_in_tiff(path: Path) -> Bool[np.ndarray, "rows cols"] | None:
    """Mark the pixels of a TIFF, as it is stored, that hold data; None where all do."""
    with suppress(InputError), open_raster(path) as raster:
        if all(MaskFlags.all_valid in flags for flags in raster.mask_flag_enums):
            return None
        known: Bool[np.ndarray, "rows cols"] = raster.dataset_mask() > 0
        return known
    return None
