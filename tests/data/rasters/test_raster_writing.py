"""What cannot be written or shown together is said so; the input is not blamed for a full disk."""

import numpy as np
import pytest
import rasterio
from rasterio.errors import RasterioIOError

from pointsam.data.rasters.opening import open_raster
from pointsam.data.rasters.scene import open_scene
from pointsam.errors import InputError


def save(path, dtype):
    place = {"crs": "EPSG:3857", "transform": rasterio.Affine(1, 0, 100, 0, -1, 200)}
    shape = {"width": 8, "height": 8, "count": 1, "dtype": dtype}
    with rasterio.open(path, "w", driver="GTiff", **shape, **place) as out:
        out.write(np.arange(64, dtype=dtype).reshape(1, 8, 8))
    return path


def test_an_input_is_not_blamed_for_what_is_written(tmp_path):
    path = save(tmp_path / "a.tif", "uint8")
    failed = RasterioIOError("Write failed. See previous exception for details.")
    with (
        pytest.raises(InputError, match=r"cannot be written .*the disk may be full"),
        open_raster(path),
    ):
        raise failed from RuntimeError("TIFFAppendToStrip:Write error at scanline 180")
    failed = RasterioIOError("Read failed. See previous exception for details.")
    with pytest.raises(InputError, match="is damaged"), open_raster(path):
        raise failed from RuntimeError("TIFFReadEncodedStrip() failed")


@pytest.mark.parametrize("stretch", [None, (0.0, 60.0)])
def test_bands_of_two_kinds_are_refused_by_name(tmp_path, stretch):
    bands = "".join(
        f'<VRTRasterBand dataType="{kind}" band="{band}"><SimpleSource>'
        f'<SourceFilename relativeToVRT="1">{name}.tif</SourceFilename>'
        "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"
        for band, (kind, name) in enumerate([("Byte", "a"), ("UInt16", "b"), ("Byte", "a")], 1)
    )
    save(tmp_path / "a.tif", "uint8")
    save(tmp_path / "b.tif", "uint16")
    path = tmp_path / "m.vrt"
    size = 'rasterXSize="8" rasterYSize="8"'
    place = "<SRS>EPSG:3857</SRS><GeoTransform>100, 1, 0, 200, 0, -1</GeoTransform>"
    path.write_text(f"<VRTDataset {size}>{place}{bands}</VRTDataset>")
    with (
        pytest.raises(InputError, match="bands of uint16 and uint8"),
        open_scene(path, stretch=stretch),
    ):
        pass
    with open_scene(path, bands=(1, 3, 1)) as scene:
        assert scene.bands == [1, 3, 1]
