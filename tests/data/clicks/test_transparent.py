"""Clicks where an image is transparent are left out by name."""

from dataclasses import replace

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.transform import from_origin

from pointsam.data.clicks.transparent import without_transparent
from pointsam.data.records import ImageRecord, InstanceRecord

SEEN, UNSEEN = (20.0, 5.0, 1), (4.0, 5.0, 1)
RECORD = ImageRecord(
    1,
    "a.png",
    (20, 30),
    (
        InstanceRecord(7, "roof", (SEEN,)),
        InstanceRecord(8, "roof", (UNSEEN, (20.0, 6.0, 0))),
        InstanceRecord(9, "roof", (UNSEEN, (21.0, 7.0, 1)), key="b 9"),
    ),
)


def rgba(path, alpha):
    """Save a grey image whose left ten columns have an alpha."""
    pixels = np.full((20, 30, 4), 255, dtype=np.uint8)
    pixels[:, :10, 3] = alpha
    Image.fromarray(pixels).save(path)


def test_points_on_transparent_pixels_are_left_out_by_name(tmp_path):
    rgba(tmp_path / "a.png", 0)
    left, lines = without_transparent(RECORD, tmp_path)
    assert [(i.id, i.points) for i in left.instances] == [(7, (SEEN,)), (9, ((21.0, 7.0, 1),))]
    assert lines == [
        f"{tmp_path}/a.png: object 8, clicked where it is transparent",
        f"{tmp_path}/a.png: clicks of object b 9 where it is transparent",
    ]


@pytest.mark.parametrize("alpha", [1, 255])
def test_what_is_seen_through_a_little_stays(tmp_path, alpha):
    rgba(tmp_path / "a.png", alpha)
    assert without_transparent(RECORD, tmp_path) == (RECORD, [])


def test_one_colour_of_a_palette_may_be_transparent(tmp_path):
    values = np.zeros((20, 30), dtype=np.uint8)
    values[:, :10] = 1
    image = Image.fromarray(values).convert("P")
    image.putpalette([9, 9, 9, 200, 0, 0])
    image.save(tmp_path / "a.png", transparency=1)
    assert [i.id for i in without_transparent(RECORD, tmp_path)[0].instances] == [7, 9]


@pytest.mark.parametrize("way", ["value", "mask inside", "mask beside"])
def test_declared_no_data_of_a_tiff_is_transparent(tmp_path, way):
    values = np.full((3, 20, 30), 9, dtype=np.uint8)
    known = np.full((20, 30), 255, dtype=np.uint8)
    known[:, :10] = 0
    values[:, known == 0] = 0
    nodata = {"nodata": 0} if way == "value" else {}
    shape = {"count": len(values), "height": 20, "width": 30, "dtype": "uint8"}
    place = {"crs": "EPSG:32632", "transform": from_origin(500000, 5500000, 1, 1)}
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=way == "mask inside"),
        rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", **shape, **place, **nodata) as out,
    ):
        out.write(values)
        if way.startswith("mask"):
            out.write_mask(known)
    record = replace(RECORD, file_name="a.tif")
    left, lines = without_transparent(record, tmp_path)
    assert [one.id for one in left.instances] == [7, 9]
    assert len(lines) == 2


def test_no_data_of_a_turned_tiff_is_where_it_is_shown(tmp_path):
    values = np.full((30, 20), 9, dtype=np.uint8)
    values[:10] = 0  # orientation 8 turns the first row to the left
    exif = Image.Exif()
    exif[0x0112], exif[42113] = 8, "0"
    Image.fromarray(values).save(tmp_path / "a.tif", tiffinfo=exif)
    record = replace(RECORD, file_name="a.tif")
    assert [one.id for one in without_transparent(record, tmp_path)[0].instances] == [7, 9]
