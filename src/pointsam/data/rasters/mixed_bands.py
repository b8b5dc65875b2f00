"""Refuses bands that cannot be read together."""

from collections.abc import Sequence
from pathlib import Path

import rasterio

from pointsam.errors import InputError


def refuse_mixed(path: Path, dataset: rasterio.DatasetReader, bands: Sequence[int]) -> None:
    """Refuse bands of more than one kind of number, as a virtual raster may have.

    Raises:
        InputError: the message names the kinds.
    """
    kinds = sorted({dataset.dtypes[band - 1] for band in bands})
    if len(kinds) > 1:
        raise InputError(
            f"{path} has bands of {' and '.join(kinds)}, which are not shown together: give "
            "--bands of one kind, or write all as one with gdal_translate -ot."
        )
