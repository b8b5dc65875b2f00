"""Signs of a full disk in the errors of libraries that write files themselves."""

import re

MIN_FREE = 2**20
"""Bytes; a disk with less free space counts as full, whatever the error says."""

_OF_WRITING = re.compile(r"^Write failed|TIFFWrite|:Write error|IO error writing|No space left")
"""Words of rasterio and GDAL for what they could not write."""


def of_writing(error: Exception) -> bool:
    """Say whether an error came from a raster that was written, not from one that was read."""
    return any(_OF_WRITING.search(str(told)) for told in (error, error.__cause__ or ""))
