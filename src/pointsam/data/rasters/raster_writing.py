"""Errors of rasters that are written: what cannot be written, and whether the disk is full."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOSPC
from pathlib import Path

from pointsam.data.rasters.full_disk import MIN_FREE
from pointsam.data.rasters.georeference import GDAL_ERRORS
from pointsam.errors import InputError, in_words


@contextmanager
def writing_raster(path: Path) -> Iterator[None]:
    """Turn GDAL's errors inside the block into one about the file that is written there.

    Args:
        path: of the file; its folder says how much space is left.

    Raises:
        OSError: the disk is full.
        InputError: the file cannot be written, perhaps for another reason.
    """
    try:
        yield
    except GDAL_ERRORS as error:
        if "No space left" in str(error) or shutil.disk_usage(path.parent).free < MIN_FREE:
            raise OSError(ENOSPC, os.strerror(ENOSPC), str(path)) from error
        raise InputError(
            f"{path} cannot be written ({in_words(error)}): the disk may be full, or may not be "
            "written to."
        ) from error
