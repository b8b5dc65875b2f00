"""A file cannot name a server or another place: what it is, is told by its first bytes."""

import os
import socket
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from PIL import Image
from rasterio.transform import from_origin

from pointsam.data.dataset import read_image_of
from pointsam.data.rasters.opening import open_raster, raster_hash, within
from pointsam.data.records import ImageRecord
from pointsam.errors import InputError

PIXELS = np.arange(3 * 12 * 16, dtype=np.uint8).reshape(3, 12, 16)
PLACE = {"crs": "EPSG:32632", "transform": from_origin(500000, 5500000, 1, 1)}


def save(path: Path, **tags: str) -> Path:
    shape = {"count": 3, "height": 12, "width": 16, "dtype": "uint8"}
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", driver="GTiff", **shape, **PLACE) as out:
        out.write(PIXELS)
        if tags:
            out.update_tags(ns="OVERVIEWS", **tags)
    return path


class Listener:
    """A server that counts who calls."""

    def __init__(self) -> None:
        self.calls = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.calls += 1
            connection.close()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    server = Listener()
    yield server
    server.close()


def refusal(path: Path, *, typed: bool = True) -> str:
    with pytest.raises(InputError) as told, open_raster(path, typed=typed) as raster:
        raster.read(out_shape=(3, 3, 4))
    return str(told.value)


@pytest.mark.parametrize("driver", ["PNG", "JP2OpenJPEG", "HFA", "ENVI", "WEBP", "NITF"])
def test_a_raster_opens_by_its_first_bytes_whatever_its_ending(tmp_path, driver):
    rasterio.shutil.copy(save(tmp_path / "a.tif"), tmp_path / "a.any", driver=driver)
    with open_raster(tmp_path / "a.any") as raster:
        assert raster.driver == driver


def test_a_service_is_no_raster_even_where_the_user_names_it(tmp_path, listener):
    described = {
        "wms": f'<GDAL_WMS><Service name="TMS"><ServerUrl>{listener.address}/${{x}}</ServerUrl>'
        "</Service></GDAL_WMS>",
        "wmts": f"<GDAL_WMTS><GetCapabilitiesUrl>{listener.address}</GetCapabilitiesUrl>",
        "stac": f'{{"type": "FeatureCollection", "href": "{listener.address}"}}',
        "http": f"{listener.address}/a.tif",
    }
    for name, text in described.items():
        (tmp_path / f"{name}.tif").write_text(text)
        assert "is no raster that is read" in refusal(tmp_path / f"{name}.tif")
    assert listener.calls == 0


def test_a_mosaic_is_opened_where_the_user_named_it_and_nowhere_else(tmp_path):
    rasterio.shutil.copy(save(tmp_path / "parts" / "a.tif"), tmp_path / "m.vrt", driver="VRT")
    with open_raster(tmp_path / "m.vrt", typed=True) as raster:
        assert np.array_equal(raster.read(), PIXELS)
    assert "on the command line" in refusal(tmp_path / "m.vrt", typed=False)
    (tmp_path / "m.vrt").rename(tmp_path / "m.tif")
    assert "on the command line" in refusal(tmp_path / "m.tif")


@pytest.mark.parametrize(
    "source", ["/vsicurl/{address}/a.tif", "{address}/a.tif", "../a.tif", "b.tif"]
)
def test_a_mosaic_takes_rasters_of_its_own_folder_only(tmp_path, listener, source):
    save(tmp_path / "a.tif")
    rasterio.shutil.copy(save(tmp_path / "in" / "own.tif"), tmp_path / "in" / "m.vrt", driver="VRT")
    (tmp_path / "in" / "b.tif").write_text("<VRTDataset/>")
    text = (tmp_path / "in" / "m.vrt").read_text()
    (tmp_path / "in" / "m.vrt").write_text(
        text.replace("own.tif", source.format(address=listener.address))
    )
    refusal(tmp_path / "in" / "m.vrt")
    assert listener.calls == 0


def test_a_mosaic_that_computes_is_refused(tmp_path):
    rasterio.shutil.copy(save(tmp_path / "a.tif"), tmp_path / "m.vrt", driver="VRT")
    text = (tmp_path / "m.vrt").read_text()
    (tmp_path / "m.vrt").write_text(
        text.replace('band="1"', 'band="1" subClass="VRTDerivedRasterBand"', 1)
    )
    assert "more than a mosaic (VRTDerivedRasterBand)" in refusal(tmp_path / "m.vrt")


def test_pyramids_and_masks_elsewhere_are_refused(tmp_path, listener):
    place = f"/vsicurl/{listener.address}/a.ovr"
    assert "is not opened" in refusal(save(tmp_path / "a.tif", OVERVIEW_FILE=place))
    assert "is not opened" in refusal(save(tmp_path / "b.tif", MASK_FILE=place))
    (save(tmp_path / "c.tif").parent / "c.tif.ovr").write_text(f"<GDAL_WMS>{place}</GDAL_WMS>")
    assert "c.tif.ovr is no raster" in refusal(tmp_path / "c.tif")
    assert listener.calls == 0


def test_a_name_that_is_no_text_is_said(tmp_path):
    path = save(tmp_path / "a.tif").rename(tmp_path / os.fsdecode(b"\xff.tif"))
    assert "is not text in UTF-8: give it another name" in refusal(path)


def test_a_hash_counts_what_decides_the_pixels_and_no_more(tmp_path):
    path, beside = save(tmp_path / "a.tif"), tmp_path / "a.tif.aux.xml"
    plain = raster_hash(path)

    def with_band(text):
        beside.write_text(
            f'<PAMDataset><PAMRasterBand band="1">{text}</PAMRasterBand></PAMDataset>'
        )
        return raster_hash(path)

    assert with_band("<Metadata><MDI key='STATISTICS_MEAN'>1</MDI></Metadata>") == plain
    others = [with_band("<NoDataValue>1</NoDataValue>"), with_band("<Scale>2</Scale>"),
              with_band("<ColorInterp>Alpha</ColorInterp>")]  # fmt: skip
    beside.unlink()
    assert raster_hash(path) == plain
    save(tmp_path / "a.tif.msk")
    assert len({plain, raster_hash(path), *others}) == 5


@pytest.mark.parametrize("name", ["../a.png", "/etc/a.png", "sub/../../a.png"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path, name):
    Image.new("RGB", (4, 3)).save(tmp_path / "a.png")
    (tmp_path / "images").mkdir()
    with pytest.raises(InputError, match="leads out of the folder"):
        read_image_of(ImageRecord(1, name, (3, 4)), tmp_path / "images")


def test_a_name_inside_the_folder_may_be_written_in_any_way(tmp_path):
    assert within(tmp_path, "sub/../a.png").name == "a.png"
    assert within(tmp_path, str(tmp_path / "a.png")) == tmp_path / "a.png"


def test_another_size_is_refused_before_pixels_are_read(tmp_path):
    Image.new("RGB", (4, 3)).save(tmp_path / "bomb.png")
    stored = bytearray((tmp_path / "bomb.png").read_bytes())
    stored[16:24] = struct.pack(">II", 30000, 30000)
    stored[29:33] = struct.pack(">I", zlib.crc32(stored[12:29]))
    (tmp_path / "bomb.png").write_bytes(stored)
    with pytest.raises(InputError, match="30000 x 30000 px"):
        read_image_of(ImageRecord(1, "bomb.png", (3, 4)), tmp_path)
    with pytest.raises(InputError, match="at most"):
        read_image_of(ImageRecord(1, "bomb.png", (30000, 30000)), tmp_path)
