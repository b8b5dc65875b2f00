"""Stretches that show nothing, and alpha that is none, are pointed out."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp
from rasterio.transform import from_origin

from pointsam.cli.main import main
from pointsam.data.rasters.doubts import doubts_of_scene
from pointsam.data.rasters.likeness import doubts_of_order
from pointsam.data.rasters.scene import open_scene
from pointsam.data.rasters.stretching import Stretch
from pointsam.data.rasters.value_doubts import doubt_of_alpha, doubts_of_values
from pointsam.errors import InputError

REFLECTANCE = (1e-4, -0.1)
"""Scale and offset that Sentinel-2 products declare since 2022."""


def save(
    path: Path,
    values: np.ndarray,
    *,
    scale: tuple[float, float] = (1.0, 0.0),
    names: tuple[str, ...] = (),
    meanings: tuple[ColorInterp, ...] = (),
) -> Path:
    count, height, width = values.shape
    profile = {"driver": "GTiff", "count": count, "height": height, "width": width}
    place = {"crs": "EPSG:32632", "transform": from_origin(500000, 5500000, 10, 10)}
    with rasterio.open(path, "w", dtype=values.dtype, **profile, **place) as out:
        out.write(values)
        out.scales, out.offsets = [scale[0]] * count, [scale[1]] * count
        if names:
            out.descriptions = names
        if meanings:
            out.colorinterp = meanings
    return path


def deep(bands: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(1000, 3500, (bands, 80, 90)).astype(np.uint16)


def test_a_stretch_in_stored_numbers_of_a_scene_that_declares_units_is_pointed_out(tmp_path):
    path = save(tmp_path / "a.tif", deep(), scale=REFLECTANCE)
    with open_scene(path, stretch=(1000.0, 3500.0)) as scene:
        [line] = doubts_of_scene(scene, trained=False)
    assert "by the scale and offset that it declares, from 0.0" in line
    assert "they are shown as 0 to 0 of 255: say which" in line
    with open_scene(path, stretch=(0.0, 0.25)) as scene:
        assert doubts_of_scene(scene, trained=False) == []


def test_bytes_that_hold_classes_are_pointed_out(tmp_path):
    classes = np.random.default_rng(0).integers(0, 2, (1, 80, 90)).astype(np.uint8)
    with open_scene(save(tmp_path / "udm.tif", classes)) as scene:
        [line] = doubts_of_scene(scene, trained=False)
    assert "shown as 0 to 1 of 255" in line


def test_images_of_a_folder_that_a_stretch_makes_black_are_counted(tmp_path):
    paths = [save(tmp_path / f"{n}.tif", deep(), scale=REFLECTANCE) for n in range(3)]
    stored = Stretch((1, 2, 3), (1000.0,) * 3, (3500.0,) * 3)
    [line] = doubts_of_values(paths, stored)
    assert line.startswith("3 of 3 images that were looked at; ")
    assert doubts_of_values(paths, Stretch((1, 2, 3), (0.0,) * 3, (0.25,) * 3)) == []


def test_data_images_says_that_a_stretch_shows_nothing(tmp_path, capsys):
    save(tmp_path / "a.tif", deep(), scale=REFLECTANCE)
    words = ["data", "images", str(tmp_path), "--output", str(tmp_path / "out")]
    assert main([*words, "--stretch", "1000,3500"]) == 0
    assert "shown as 0 to 0 of 255" in capsys.readouterr().err


def test_a_place_without_a_coordinate_system_is_kept(tmp_path):
    place = from_origin(500000, 5500000, 10, 10)
    profile = {"driver": "GTiff", "count": 3, "height": 80, "width": 90, "dtype": "uint16"}
    (tmp_path / "in").mkdir()
    with rasterio.open(tmp_path / "in/a.tif", "w", transform=place, **profile) as out:
        out.write(deep())
    assert main(["data", "images", str(tmp_path / "in"), "--output", str(tmp_path / "out")]) == 0
    with rasterio.open(tmp_path / "out/a.tif") as shown:
        assert shown.transform == place


@pytest.mark.parametrize("scale", [(0.0, 1.0), (float("nan"), 0.0), (1.0, float("inf"))])
@pytest.mark.parametrize("stretch", [None, (0.0, 3000.0)])
def test_a_scale_that_makes_no_values_is_refused(tmp_path, scale, stretch):
    path = save(tmp_path / "a.tif", deep(), scale=scale)
    refused = pytest.raises(InputError, match=r"declares a scale of .* make no values")
    with refused, open_scene(path, stretch=stretch):
        pass


def test_near_infrared_that_a_writer_declared_as_alpha_is_pointed_out(tmp_path):
    values = np.random.default_rng(0).integers(0, 256, (4, 80, 90)).astype(np.uint8)
    with open_scene(save(tmp_path / "a.tif", values)) as scene:
        assert "band 4 is declared as alpha" in str(doubt_of_alpha(scene))
    values[3] = 255
    values[3, :, :20] = 0
    with open_scene(save(tmp_path / "b.tif", values)) as scene:
        assert doubt_of_alpha(scene) is None


def test_the_order_of_bands_that_have_no_names_of_colours_is_pointed_out(tmp_path):
    named = ("B2", "B3", "B4", "B8")
    [line] = doubts_of_order([save(tmp_path / "a.tif", deep(4), names=named)])
    assert "(B2, B3, B4) are shown so" in line
    grey = (ColorInterp.gray, *[ColorInterp.undefined] * 7)
    [line] = doubts_of_order([save(tmp_path / "b.tif", deep(8), meanings=grey)])
    assert "none of its 8 bands" in line
    meant = (ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.undefined)
    assert doubts_of_order([save(tmp_path / "c.tif", deep(4), meanings=meant)]) == []
    assert doubts_of_order([save(tmp_path / "d.tif", deep(3))]) == []


@pytest.mark.parametrize("names", [("B", "G", "R"), ("B2 - Blue", "B3 - Green", "B4 - Red")])
def test_bands_are_colours_by_short_and_long_names(tmp_path, names):
    with open_scene(save(tmp_path / "a.tif", deep(), names=names), stretch=(0.0, 1.0)) as scene:
        assert scene.bands == [3, 2, 1]
