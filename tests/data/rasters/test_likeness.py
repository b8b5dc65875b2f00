"""A stretch of other images is refused, or doubted, where it does not fit."""

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp
from rasterio.transform import from_origin

from pointsam.data.rasters.likeness import doubts_of_colours, refuse_other_values
from pointsam.data.rasters.stretching import Stretch, plain_stretch
from pointsam.errors import InputError

RED, GREEN, BLUE = ColorInterp.red, ColorInterp.green, ColorInterp.blue
OTHER = ColorInterp.undefined
RGB, DEEP = plain_stretch((1, 2, 3), 0, 255), plain_stretch((1, 2, 3), 0, 3000)


def save(path, count=3, *, dtype="uint8", meanings=None, names=None):
    profile = {"driver": "GTiff", "count": count, "dtype": dtype, "height": 4, "width": 4}
    photometric = {"photometric": "MINISBLACK"}
    place = {"crs": "EPSG:32632", "transform": from_origin(0, 4, 1, 1)}
    with rasterio.open(path, "w", **profile, **photometric, **place) as out:
        out.write(np.full((count, 4, 4), 9, dtype))
        if meanings:
            out.colorinterp = meanings
        if names:
            out.descriptions = names
    return path


@pytest.mark.parametrize(
    ("dtype", "stretch", "fits"),
    [
        ("uint8", RGB, True),
        ("uint16", RGB, False),
        ("float32", RGB, False),
        ("uint8", DEEP, False),
        ("uint16", DEEP, True),
        ("uint8", Stretch((1, 2, 3), (0,) * 3, (99,) * 3, "bytes"), True),
        ("uint16", Stretch((1, 2, 3), (0,) * 3, (99,) * 3, "bytes"), False),
        ("uint16", Stretch((1, 2, 3), (0,) * 3, (99,) * 3, "whole numbers"), True),
        ("float32", Stretch((1, 2, 3), (0,) * 3, (99,) * 3, "whole numbers"), False),
    ],
)
def test_a_stretch_is_of_one_kind_of_values(tmp_path, dtype, stretch, fits):
    path = save(tmp_path / "a.tif", dtype=dtype)
    if fits:
        refuse_other_values([path], stretch)
    else:
        with pytest.raises(InputError, match=r"a\.tif holds .* but is to be shown as images of"):
            refuse_other_values([path], stretch)


def bands(number):
    return Stretch(number, (0,) * 3, (255,) * 3, "bytes")


@pytest.mark.parametrize(
    ("file", "shown", "doubted"),
    [
        ({"meanings": (BLUE, GREEN, RED)}, (1, 2, 3), "3,2,1"),
        ({"names": ("Blue", "Green", "Red")}, (1, 2, 3), "3,2,1"),
        ({"count": 4, "meanings": (OTHER, BLUE, GREEN, RED)}, (1, 2, 3), "4,3,2"),
        ({"meanings": (RED, GREEN, BLUE)}, (3, 2, 1), "1,2,3"),
        ({"names": ("red", "green", "blue")}, (3, 2, 1), "1,2,3"),
        ({"meanings": (RED, GREEN, BLUE)}, (1, 2, 3), None),
        ({}, (3, 2, 1), None),
        ({"count": 4, "meanings": (BLUE, GREEN, RED, OTHER)}, (4, 3, 2), None),
        ({"count": 1}, (1, 1, 1), None),
    ],
)
def test_other_colours_than_those_of_training_are_told(tmp_path, file, shown, doubted):
    path = save(tmp_path / "a.tif", **file)
    lines = doubts_of_colours([path], bands(shown), remedy="give --bands {bands}")
    if doubted is None:
        assert lines == []
    else:
        [line] = lines
        assert str(path) in line
        assert line.endswith(f"give --bands {doubted}")


def test_one_line_tells_of_all_files(tmp_path):
    paths = [save(tmp_path / f"{n}.tif", meanings=(BLUE, GREEN, RED)) for n in range(3)]
    [line] = doubts_of_colours(paths, RGB, remedy="")
    assert "(and 2 more files)" in line
