"""One picture stored in many ways is shown as one picture, or something is said."""

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from rasterio.enums import ColorInterp
from rasterio.transform import from_origin

from pointsam.data.clicks.formats import ClickFile
from pointsam.data.dataset import read_image_of
from pointsam.data.rasters.common_stretch import find_stretch
from pointsam.data.rasters.doubts import (
    doubt_of_collar,
    doubt_of_ground,
    doubts_of_ground,
    doubts_of_scene,
)
from pointsam.data.rasters.images import image_size, read_image
from pointsam.data.rasters.scene import open_scene
from pointsam.data.rasters.stretching import Stretch, convert_image, plain_stretch
from pointsam.data.records import ImageRecord
from pointsam.data.scene_dataset import click_on
from pointsam.errors import InputError

COLOURS = {"red": ColorInterp.red, "green": ColorInterp.green, "blue": ColorInterp.blue,
           "alpha": ColorInterp.alpha}  # fmt: skip


def picture(height=24, width=32):
    return np.random.default_rng(0).integers(1, 250, (height, width, 3), dtype=np.uint8)


def save(path, values, *, meanings=None, scale=None, size=1.0, **more):
    profile = {"driver": "GTiff", "crs": "EPSG:32632", "dtype": values.dtype}
    profile |= {"transform": from_origin(500_000, 5_500_000, size, size)}
    count, height, width = values.shape
    with rasterio.open(path, "w", count=count, height=height, width=width, **profile | more) as out:
        out.write(values)
        if meanings:
            out.colorinterp = [COLOURS[name] for name in meanings]
        if scale:
            out.scales, out.offsets = [scale[0]] * count, [scale[1]] * count
    return path


def shown(path, **how):
    with open_scene(path, **how) as scene:
        return scene.read(scene.grid.whole)


@settings(max_examples=24)
@given(st.permutations(["red", "green", "blue", "alpha"]), st.booleans())
def test_bands_in_any_order_are_one_picture(tmp_path_factory, order, with_alpha):
    folder = tmp_path_factory.mktemp("bands")
    names = [name for name in order if with_alpha or name != "alpha"]
    pixels = picture()
    planes = {name: pixels[..., n] for n, name in enumerate(("red", "green", "blue"))}
    planes["alpha"] = np.full(pixels.shape[:2], 255, np.uint8)
    path = save(folder / "a.tif", np.stack([planes[name] for name in names]), meanings=names)
    assert (shown(path) == pixels).all()
    assert (read_image(path) == pixels).all()


@settings(max_examples=16)
@given(st.sampled_from(["uint8", "uint16", "int16", "float32"]), st.sampled_from([1.0, 0.5, 4.0]),
       st.sampled_from([0.0, -10.0]))  # fmt: skip
def test_a_declared_scale_and_another_type_are_one_picture(tmp_path_factory, kind, scale, offset):
    folder = tmp_path_factory.mktemp("scaled")
    stored = np.moveaxis(picture(), -1, 0).astype(kind)
    path = save(folder / "a.tif", stored, scale=(scale, offset))
    low, high = 0 * scale + offset, 255 * scale + offset
    assert (shown(path, stretch=(low, high)) == picture()).all()


@pytest.mark.parametrize("scale", [(0.01, 0.0), (1.0, -100.0), (0.5, 3.0)])
def test_bytes_with_a_declared_scale_are_shown_from_black_to_white(tmp_path, scale):
    path = save(tmp_path / "a.tif", np.moveaxis(picture(), -1, 0), scale=scale)
    assert (shown(path) == picture()).all()
    convert_image(path, tmp_path / "out.tif", find_stretch([path]))
    assert (read_image(tmp_path / "out.tif") == picture()).all()


def test_a_negative_scale_makes_the_largest_byte_the_darkest(tmp_path):
    path = save(tmp_path / "a.tif", np.moveaxis(picture(), -1, 0), scale=(-1.0, 0.0))
    assert (shown(path) == 255 - picture()).all()


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_photograph_turned_by_exif_is_the_picture_that_is_shown(tmp_path, turn):
    pixels = picture()
    exif = Image.Exif()
    exif[0x0112] = turn
    back = {1: lambda p: p, 2: lambda p: p[:, ::-1], 3: lambda p: p[::-1, ::-1],
            4: lambda p: p[::-1], 5: lambda p: p.swapaxes(0, 1),
            6: lambda p: np.rot90(p, 1), 7: lambda p: p[::-1, ::-1].swapaxes(0, 1),
            8: lambda p: np.rot90(p, -1)}[turn]  # fmt: skip
    Image.fromarray(np.ascontiguousarray(back(pixels))).save(tmp_path / "a.png", exif=exif)
    assert image_size(tmp_path / "a.png") == pixels.shape[:2]
    assert (read_image(tmp_path / "a.png") == pixels).all()
    if turn > 1:
        with pytest.raises(InputError, match=rf"a\.png is shown turned .*{turn}.* data images"):
            shown(tmp_path / "a.png")
    else:
        assert (shown(tmp_path / "a.png") == pixels).all()
    unturned = ImageRecord(1, "a.png", back(pixels).shape[:2])
    if turn > 4:
        with pytest.raises(InputError, match="EXIF turns the image"):
            read_image_of(unturned, tmp_path)


@pytest.mark.parametrize("dtype", ["uint16", "int16"])
def test_bytes_in_deeper_numbers_under_the_stretch_of_others_are_pointed_out(tmp_path, dtype):
    stretch = Stretch((1, 2, 3), (0.0,) * 3, (4095.0,) * 3, "whole numbers")
    values = np.moveaxis(picture(), -1, 0).astype(dtype)
    with open_scene(save(tmp_path / "a.tif", values), stretch=stretch) as scene:
        [line] = doubts_of_scene(scene, trained=True)
        assert "of another depth" in line
        assert "a.tif" in line
        assert doubts_of_scene(scene, trained=None) == []
        [line] = doubts_of_scene(scene, trained=False)
        assert "say which are black and white" in line
    with open_scene(save(tmp_path / "b.tif", values * 16), stretch=stretch) as scene:
        assert doubts_of_scene(scene, trained=True) == []


def test_a_collar_of_one_value_is_pointed_out(tmp_path):
    values = np.moveaxis(picture(600, 700), -1, 0).copy()
    plain = save(tmp_path / "a.tif", values)
    values[:, :100, :100] = values[:, -100:, -100:] = 0
    with open_scene(plain) as scene:
        assert doubt_of_collar(scene) is None
    with open_scene(save(tmp_path / "b.tif", values)) as scene:
        assert "2 of its corners hold nothing but 0" in doubt_of_collar(scene)
    with open_scene(save(tmp_path / "c.tif", values, nodata=0)) as scene:
        assert doubt_of_collar(scene) is None


@pytest.mark.parametrize(
    ("dtype", "value", "known"),
    [("uint8", 0, True), ("uint8", 7, False), ("float32", -9999, True)],
)
def test_a_small_scene_is_doubted_for_usual_values_alone(tmp_path, dtype, value, known):
    values = np.moveaxis(picture(96, 128), -1, 0).astype(dtype)
    values[:, :, :30] = value
    with open_scene(save(tmp_path / "a.tif", values), stretch=(0, 255)) as scene:
        assert (doubt_of_collar(scene) is not None) == known


def test_what_is_clicked_on_a_collar_is_named_in_every_command(tmp_path):
    values = np.moveaxis(picture(96, 128), -1, 0).clip(1)
    values[:, :, :30] = 0
    path = save(tmp_path / "a.tif", values)
    rows = "500010,5499990,4\n500060,5499990,north\n500900,5499990,6\n"
    (tmp_path / "p.csv").write_text(f"map_x,map_y,instance\n{rows}")
    clicks = ClickFile(tmp_path / "p.csv")
    stretch = find_stretch([path])
    scenes, _ = click_on([path], clicks, side=128, window=None, stretch=stretch)
    assert [one.name for one in scenes[0].points.objects] == ["4", "north"]
    [note] = clicks.notes
    assert "clicks there count (object 4 is clicked there)" in note
    assert clicks.dropped == [f"{tmp_path}/p.csv: object 6, not on the scene"]
    declared = save(tmp_path / "b.tif", values, nodata=0)
    clicks = ClickFile(tmp_path / "p.csv")
    click_on([declared], clicks, side=128, window=None, stretch=stretch)
    assert clicks.notes == []
    assert clicks.dropped[0].endswith("b.tif: object 4, clicked where it has no data")


def test_another_ground_size_in_a_folder_is_pointed_out(tmp_path):
    for number in range(3):
        save(tmp_path / f"{number}.tif", np.moveaxis(picture(), -1, 0), size=0.5)
    (tmp_path / "broken.tif").write_bytes(b"II*")
    # 32 px of 0.5 m on 128 px of the model: 0.125 m.
    assert doubts_of_ground(tmp_path, side=128, trained=0.125) == []
    [line] = doubts_of_ground(tmp_path, side=128, trained=0.5)
    assert line.startswith("3 of 3 images")
    assert "4 times larger" in line
    assert "2 times smaller" in doubt_of_ground("a", 1.0, 0.5)


def test_plain_bytes_are_shown_as_they_are(tmp_path):
    path = save(tmp_path / "a.tif", np.moveaxis(picture(), -1, 0))
    assert (shown(path, stretch=plain_stretch((1, 2, 3), 0, 255)) == shown(path)).all()
