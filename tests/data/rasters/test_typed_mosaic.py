"""A mosaic that the user names is stretched as any raster; one among others is still refused."""

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from pointsam.data.rasters.common_stretch import find_stretch
from pointsam.errors import InputError

MOSAIC = """<VRTDataset rasterXSize="4" rasterYSize="4">
<VRTRasterBand dataType="UInt16" band="1"><SimpleSource>
<SourceFilename relativeToVRT="1">part.tif</SourceFilename><SourceBand>1</SourceBand>
</SimpleSource></VRTRasterBand></VRTDataset>"""


@pytest.fixture
def part(tmp_path):
    path = tmp_path / "part.tif"
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint16", "height": 4, "width": 4}
    with rasterio.open(path, "w", **profile, transform=from_origin(0, 4, 1, 1)) as out:
        out.write(np.arange(16, dtype=np.uint16).reshape(1, 4, 4))
    return path


def test_a_typed_mosaic_has_the_stretch_of_its_parts(part):
    mosaic = part.with_name("mosaic.vrt")
    mosaic.write_text(MOSAIC)
    assert find_stretch([mosaic], percent=(0, 100)) == find_stretch([part], percent=(0, 100))


def test_a_mosaic_with_the_ending_of_an_image_is_refused(part):
    mosaic = part.with_name("mosaic.tif")
    mosaic.write_text(MOSAIC)
    with pytest.raises(InputError, match="is a virtual raster"):
        find_stretch([mosaic])
