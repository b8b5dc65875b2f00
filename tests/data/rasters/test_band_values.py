"""A raster means what it says of its bands, bits, units and no-data."""

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import from_origin

from pointsam.data.rasters.band_values import natural_bands, plain_undeclared, undeclared_in
from pointsam.data.rasters.common_stretch import find_stretch
from pointsam.data.rasters.data_under_clicks import with_data
from pointsam.data.rasters.doubts import doubt_of_undeclared
from pointsam.data.rasters.georeference import read_georeference
from pointsam.data.rasters.scene import open_scene
from pointsam.data.rasters.scene_points import SceneObject, ScenePoints
from pointsam.errors import InputError

RED = ColorInterp.red, ColorInterp.green, ColorInterp.blue


def save(path: Path, values: np.ndarray, *, colours: Any = None, **profile: Any) -> Path:
    place = {"crs": "EPSG:32632", "transform": from_origin(500000, 5500000, 1, 1)}
    shape = {"count": len(values), "height": values.shape[1], "width": values.shape[2]}
    kept = {"driver": "GTiff", "dtype": values.dtype, **shape, **place, **profile}
    with rasterio.open(path, "w", **kept) as out:
        out.write(values)
        if colours:
            out.colorinterp = colours
    return path


def steps(count: int = 3) -> np.ndarray:
    return np.repeat(np.arange(1, count + 1, dtype=np.uint8)[:, None], 64, axis=1).reshape(-1, 8, 8)


@pytest.mark.parametrize(
    ("colours", "bands"),
    [
        (RED, (1, 2, 3)),
        (RED[::-1], (3, 2, 1)),
        ((ColorInterp.alpha, *RED), (2, 3, 4)),
        ((ColorInterp.gray, ColorInterp.alpha), (1, 1, 1)),
    ],
)
def test_colours_are_told_by_their_meaning(tmp_path, colours, bands):
    path = save(tmp_path / "a.tif", steps(len(colours)), colours=colours)
    with rasterio.open(path) as raster:
        assert natural_bands(raster) == bands
    with open_scene(path) as scene:
        assert scene.read(scene.grid.whole)[0, 0].tolist() == list(bands)


@pytest.mark.parametrize(
    ("names", "bands"),
    [
        (("Blue", "Green", "Red", "NIR"), (3, 2, 1)),
        (("blue", "green", "red", "red edge"), (3, 2, 1)),
        (("coastal_blue", "blue", "green_i", "green", "yellow", "red", "rededge"), (6, 4, 2)),
        (("band blue", "band green", "band red"), (3, 2, 1)),
        (("blue", "green", "nir"), (1, 2, 3)),
        (("red", "green", "red", "blue"), (1, 2, 3)),
    ],
)
def test_colours_are_told_by_names_where_the_file_means_none(tmp_path, names, bands):
    values = steps(len(names)).astype(np.uint16)
    path = save(tmp_path / "a.tif", values, colours=[ColorInterp.undefined] * len(names))
    with rasterio.open(path, "r+") as raster:
        raster.descriptions = names
    with rasterio.open(path) as raster:
        assert natural_bands(raster) == bands


def test_what_the_file_means_counts_before_names(tmp_path):
    path = save(tmp_path / "a.tif", steps(3), colours=RED)
    with rasterio.open(path, "r+") as raster:
        raster.descriptions = ("blue", "green", "red")
    with rasterio.open(path) as raster:
        assert natural_bands(raster) == (1, 2, 3)


def test_other_colours_than_red_green_and_blue_are_refused(tmp_path):
    colours = (ColorInterp.hue, ColorInterp.saturation, ColorInterp.lightness)
    path = save(tmp_path / "a.tif", steps(), colours=colours)
    with (
        pytest.raises(InputError, match="holds hue, saturation, lightness, expected red, green"),
        open_scene(path),
    ):
        pass


def test_four_bits_a_value_are_shown_from_black_to_white(tmp_path):
    values = np.array([[[0, 15]]] * 3, dtype=np.uint8)
    with open_scene(save(tmp_path / "a.tif", values, NBITS=4)) as scene:
        assert scene.read(scene.grid.whole)[0, :, 0].tolist() == [0, 255]


def test_declared_scale_and_offset_count(tmp_path):
    path = save(tmp_path / "a.tif", np.array([[[1000, 2000]]] * 3, dtype=np.uint16))
    with rasterio.open(path, "r+") as raster:
        raster.scales, raster.offsets = (0.001,) * 3, (-1.0,) * 3
    with open_scene(path, stretch=(0, 1)) as scene:
        assert scene.read(scene.grid.whole)[0, :, 0].tolist() == [0, 255]


def test_undeclared_no_data_is_left_out_with_a_word(tmp_path, caplog):
    values = np.linspace(0, 1, 3 * 64, dtype=np.float32).reshape(3, 8, 8)
    values[:, :2] = -9999
    with caplog.at_level(logging.WARNING, "pointsam"):
        stretch = find_stretch([save(tmp_path / "a.tif", values)])
    assert min(stretch.low) > -1
    assert "are -9999, a usual value for no data" in caplog.text


@pytest.mark.parametrize(
    ("dtype", "value"),
    [
        ("float32", -3.4028230607370965e38), ("float32", -3.4028234663852886e38),
        ("float32", 9.969209968386869e36), ("float32", 1e20), ("float64", -1.7976931348623157e308),
        ("int16", 32767), ("int16", -32768), ("int32", 2**31 - 1), ("int32", -(2**31)),
        ("uint32", 2**32 - 1), ("uint16", 65535), ("int16", -9999),
    ],
)  # fmt: skip
@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_values_at_the_end_of_a_type_are_no_data(tmp_path, caplog, dtype, value, scale):
    values = np.linspace(1, 100, 3 * 64).reshape(3, 8, 8).astype(dtype)
    values[:, :5] = np.dtype(dtype).type(value)
    path = save(tmp_path / "a.tif", values)
    with rasterio.open(path, "r+") as raster:
        raster.scales = (scale,) * 3
    with caplog.at_level(logging.WARNING, "pointsam"):
        stretch = find_stretch([path])
    assert 0 < min(stretch.low) < max(stretch.high) <= 100 * scale
    told = caplog.text.split("-a_nodata ")[1].split()[0]
    assert np.dtype(dtype).type(float(told)) == values[0, 0, 0]
    with open_scene(path, stretch=stretch) as scene:
        line = doubt_of_undeclared(scene)
        assert line is not None
        assert told in line
    with pytest.raises(InputError, match="not bytes") as refused, open_scene(path):
        pass
    assert "e+" not in str(refused.value).partition("--stretch")[2]


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16"])
def test_black_and_white_of_bytes_and_a_nought_are_measured(dtype):
    info = np.iinfo(dtype)
    ends = [info.min, info.max] if info.bits == 8 else [0]
    assert plain_undeclared(np.array([*ends, 7], dtype=dtype)) is None


def test_two_undeclared_values_are_both_left_out(tmp_path):
    values = np.array([-9999, 1, 2, 3, 3.4028234663852886e38], dtype=np.float32)
    assert undeclared_in(values, tmp_path).tolist() == [True, False, False, False, True]


def test_clicks_without_data_under_them_are_left_out(tmp_path):
    values = np.full((3, 8, 8), 9, dtype=np.uint8)
    values[:, :, :4] = 0
    with open_scene(save(tmp_path / "a.tif", values, nodata=0)) as scene:
        corner = np.array([scene.grid.x, scene.grid.y])
        objects = tuple(
            SceneObject(i, 10 + i, "a", np.array([[corner[0] + x, corner[1] + 2.5]]), np.array([1]))
            for i, x in enumerate((1.5, 6.5))
        )
        points = with_data(ScenePoints(objects, np.zeros((0, 2)), ()), scene)
        assert [(one.index, one.id) for one in points.objects] == [(0, 11)]
        assert points.outside == (10,)
        [line] = points.without_data
        assert line.endswith("a.tif: object 10, clicked where it has no data")
        with pytest.raises(InputError, match="has no data"):
            with_data(ScenePoints(objects[:1], np.zeros((0, 2)), ()), scene)


def test_of_an_object_only_the_clicks_without_data_are_left_out(tmp_path):
    values = np.full((3, 8, 8), 9, dtype=np.uint8)
    values[:, :, :4] = 0
    with open_scene(save(tmp_path / "a.tif", values, nodata=0)) as scene:
        corner = np.array([scene.grid.x, scene.grid.y])
        places = corner + np.array([[1.5, 2.5], [6.5, 2.5], [2.5, 2.5]])
        one = SceneObject(0, 3, "a", places, np.array([1, 1, 0]))
        points = with_data(ScenePoints((one,), np.zeros((0, 2)), ()), scene)
    assert points.objects[0].labels.tolist() == [1, 0]
    assert points.outside == ()
    assert points.without_data[0].endswith("clicks of object 3 where it has no data")


def test_control_points_alone_are_no_place_and_the_remedy_is_said(tmp_path):
    path = tmp_path / "a.tif"
    shape = {"count": 3, "height": 8, "width": 8, "dtype": "uint8"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        out = rasterio.open(path, "w", driver="GTiff", **shape)
    with out:
        out.write(steps())
        corners = [(0, 0, 500000, 5500000), (0, 8, 500008, 5500000), (8, 0, 500000, 5499992)]
        out.gcps = ([GroundControlPoint(*corner) for corner in corners], "EPSG:32632")
    with pytest.raises(InputError, match=r"3 ground control points alone.*gdalwarp"):
        read_georeference(path)
    with pytest.raises(InputError, match="gdalwarp"), open_scene(path):
        pass
