"""An image that EXIF turns by 180 degrees has its place on the map for its stored pixels alone."""

import json

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.transform import from_origin

from pointsam.data.clicks.pictures import Pictures
from pointsam.errors import InputError

WORLD = ["1", "0", "0", "-1", "500000.5", "5500005.5"]
CRS = "<PAMDataset><SRS>EPSG:32632</SRS></PAMDataset>"


def save_jpeg(folder, *, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.new("RGB", (8, 6)).save(folder / "a.jpg", exif=exif)
    (folder / "a.jgw").write_text("\n".join(WORLD))
    (folder / "a.jpg.aux.xml").write_text(CRS)
    return "a.jpg"


def save_tiff(folder, *, turn):
    profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "height": 6, "width": 8}
    place = {"crs": "EPSG:32632", "transform": from_origin(500_000, 5_500_006, 1, 1)}
    path = folder / "a.tif"
    with rasterio.open(path, "w", photometric="RGB", **profile, **place) as out:
        out.write(np.zeros((3, 6, 8), np.uint8))
    content = bytearray(path.read_bytes())
    # The entry of rows a strip, 278, says nothing here: its place is taken by the orientation.
    at = content.index(b"\x16\x01\x03\x00")
    content[at : at + 12] = b"\x12\x01\x03\x00\x01\x00\x00\x00" + bytes([turn, 0, 0, 0])
    path.write_bytes(content)
    return "a.tif"


@pytest.mark.parametrize("save", [save_jpeg, save_tiff])
def test_a_turned_image_has_no_place_for_clicks(tmp_path, save):
    name = save(tmp_path, turn=3)
    for pictures in (Pictures.at(tmp_path), Pictures.at(tmp_path / name)):
        with pytest.raises(InputError, match=r"a\..* is shown turned \(EXIF orientation 3\)"):
            pictures.georeference(name)
        with pytest.raises(InputError, match="is shown turned"):
            pictures.on_map()


@pytest.mark.parametrize("save", [save_jpeg, save_tiff])
def test_an_upright_image_keeps_its_place(tmp_path, save):
    name = save(tmp_path, turn=1)
    [picture] = Pictures.at(tmp_path).on_map()
    assert (picture.name, picture.size) == (name, (6, 8))


def test_a_turned_image_is_left_out_where_broken_ones_are(tmp_path):
    name = save_jpeg(tmp_path, turn=3)
    pictures = Pictures.at(tmp_path, skip_broken=True)
    assert pictures.on_map() == []
    assert "is shown turned" in json.dumps(pictures.broken[name])
