import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import from_origin
from tests.data.deep_png import save_deep_png

from pointsam.data.rasters.common_stretch import find_stretch
from pointsam.data.rasters.images import read_image
from pointsam.data.rasters.scene import open_scene
from pointsam.data.rasters.stretching import (
    NO_DATA,
    Stretch,
    convert_image,
    plain_stretch,
    read_stretch,
    write_stretch,
)
from pointsam.errors import InputError


def save(path, values, **profile):
    """Write bands first, as GeoTIFF."""
    values = np.asarray(values)
    shape = {"count": len(values), "height": values.shape[1], "width": values.shape[2]}
    place = {"crs": "EPSG:32632", "transform": from_origin(500_000, 5_500_000, 10, 10)}
    with rasterio.open(
        path, "w", driver="GTiff", dtype=values.dtype, **place | shape | profile
    ) as out:
        out.write(values)
    return path


def ramp(bands=4, dtype=np.uint16, scale=1):
    """Band b of pixel i holds b * 1000 + i."""
    pixels = np.arange(101, dtype=dtype).reshape(1, 1, 101)
    return (pixels + 1000 * np.arange(1, bands + 1).reshape(-1, 1, 1)).astype(dtype) * scale


def test_sixteen_bits_are_stretched_between_percentiles(tmp_path):
    path = save(tmp_path / "a.tif", ramp())
    stretch = find_stretch([path], bands=(4, 3, 2), percent=(10, 90))
    assert stretch.low == pytest.approx((4010, 3010, 2010))
    assert stretch.high == pytest.approx((4090, 3090, 2090))
    convert_image(path, tmp_path / "out.tif", stretch)
    shown = read_image(tmp_path / "out.tif")
    assert shown.shape == (1, 101, 3)
    assert shown[0, [0, 10, 50, 90, 100], 0].tolist() == [0, 0, 128, 255, 255]
    assert (shown == shown[..., :1]).all()


def test_all_images_share_one_stretch(tmp_path):
    dark = save(tmp_path / "a.tif", np.full((3, 4, 4), 100, np.float32))
    light = save(tmp_path / "b.tif", np.full((3, 4, 4), 200, np.float32))
    stretch = find_stretch([dark, light], percent=(0, 100))
    assert stretch == plain_stretch((1, 2, 3), 100, 200)
    for path, value in ((dark, 0), (light, 255)):
        convert_image(path, tmp_path / "out.png", stretch)
        assert (read_image(tmp_path / "out.png") == value).all()


def test_the_place_on_the_map_is_kept(tmp_path):
    path = save(tmp_path / "a.tif", ramp())
    convert_image(path, tmp_path / "out.tif", find_stretch([path]))
    with rasterio.open(path) as before, rasterio.open(tmp_path / "out.tif") as after:
        assert after.crs == before.crs
        assert after.transform == before.transform
        assert after.dtypes == ("uint8",) * 3


def test_bytes_stay_as_they_are(tmp_path):
    values = np.arange(12, dtype=np.uint8).reshape(4, 1, 3)
    path = save(tmp_path / "a.tif", values)
    stretch = find_stretch([path], bands=(4, 1, 1))
    assert stretch == plain_stretch((4, 1, 1), 0, 255)
    convert_image(path, tmp_path / "out.tif", stretch)
    assert read_image(tmp_path / "out.tif")[0].tolist() == [[9, 0, 0], [10, 1, 1], [11, 2, 2]]
    assert find_stretch([path], percent=(0, 100)).low == (0, 3, 6)


def test_one_band_is_grey(tmp_path):
    path = save(tmp_path / "a.tif", np.array([[[-20.0, -10.0, 0.0]]], dtype=np.float32))
    convert_image(path, tmp_path / "out.png", plain_stretch((1, 1, 1), -20, 0))
    assert read_image(tmp_path / "out.png")[0].tolist() == [[0] * 3, [128] * 3, [255] * 3]


@pytest.mark.parametrize("nothing", [np.nan, np.inf, -9999])
def test_unknown_pixels_are_neither_stretched_nor_black(tmp_path, nothing):
    values = np.array([[[nothing, 10, 20]]] * 3, dtype=np.float32)
    path = save(tmp_path / "a.tif", values, nodata=-9999)
    stretch = find_stretch([path], percent=(0, 100))
    assert stretch == plain_stretch((1, 2, 3), 10, 20)
    convert_image(path, tmp_path / "out.tif", stretch)
    assert read_image(tmp_path / "out.tif")[0].tolist() == [list(NO_DATA), [0] * 3, [255] * 3]


@pytest.mark.parametrize("kind", ["RGBA", "LA", "P"])
def test_transparent_pixels_are_no_data(tmp_path, kind):
    values = np.array([[[9, 9, 9, 0], [9, 9, 9, 255]]], dtype=np.uint8)
    image = Image.fromarray(values).convert("LA") if kind == "LA" else Image.fromarray(values)
    if kind == "P":
        image = Image.fromarray(np.array([[0, 1]], dtype=np.uint8)).convert("P")
        image.putpalette([9, 9, 9] * 2)
        image.putdata([0, 1])
    clear = {"transparency": bytes([0, 255])} if kind == "P" else {}
    image.save(tmp_path / "a.png", **clear)
    convert_image(tmp_path / "a.png", tmp_path / "out.png", find_stretch([tmp_path / "a.png"]))
    assert read_image(tmp_path / "out.png")[0].tolist() == [list(NO_DATA), [9, 9, 9]]


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_all_sixteen_bits_of_a_png_are_read(tmp_path, bands):
    values = (1000 + np.arange(101)).reshape(1, 101, 1).repeat(bands, axis=2)
    if bands in (2, 4):  # the last is alpha
        values[..., -1] = 65535
        values[0, 50, -1] = 0
    path = save_deep_png(tmp_path / "a.png", values)
    stretch = find_stretch([path], percent=(0, 100))
    assert stretch == plain_stretch((1, 2, 3) if bands > 2 else (1, 1, 1), 1000, 1100)
    convert_image(path, tmp_path / "out.png", stretch)
    expected = np.rint(np.arange(101) * 2.55).astype(np.uint8)[:, None].repeat(3, axis=1)
    if bands in (2, 4):
        expected[50] = NO_DATA
    assert np.array_equal(read_image(tmp_path / "out.png")[0], expected)


@pytest.mark.parametrize("bands", [3, 4])
def test_values_of_a_byte_in_sixteen_bits_are_not_cut(tmp_path, bands):
    path = save_deep_png(tmp_path / "a.png", np.full((2, 2, bands), 200))
    convert_image(path, tmp_path / "out.png", plain_stretch((1, 2, 3), 0, 255))
    assert (read_image(tmp_path / "out.png") == 200).all()


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
@pytest.mark.parametrize("percent", [None, (0, 100)])
def test_turned_photographs_are_upright_however_they_are_stretched(tmp_path, name, percent):
    exif = Image.Exif()
    exif[0x0112] = 6
    values = np.linspace(0, 255, 16 * 24).astype(np.uint8).reshape(16, 24, 1).repeat(3, axis=2)
    Image.fromarray(values).save(tmp_path / name, exif=exif)
    path, output = tmp_path / name, tmp_path / f"out{name[1:].replace('jpg', 'png')}"
    convert_image(path, output, find_stretch([path], percent=percent))
    upright, shown = read_image(path).astype(int), read_image(output).astype(int)
    assert shown.shape == (24, 16, 3)
    assert np.abs(upright - shown).max() <= 3


def test_no_data_is_no_data_without_a_map_too(tmp_path):
    with pytest.warns(NotGeoreferencedWarning):
        path = save(
            tmp_path / "a.tif", np.array([[[0, 9]]], np.uint8), nodata=0, crs=None, transform=None
        )
    convert_image(path, tmp_path / "out.tif", find_stretch([path]))
    assert read_image(tmp_path / "out.tif")[0].tolist() == [list(NO_DATA), [9, 9, 9]]


def test_a_negative_of_sixteen_bits_is_refused(tmp_path):
    path = save(tmp_path / "a.tif", ramp(1), photometric="MINISWHITE")
    with pytest.raises(InputError, match=r"a\.tif is a negative \(0 is white\): turn it over"):
        find_stretch([path])


def test_pictures_are_read_as_pictures(tmp_path):
    palette = Image.fromarray(np.array([[0, 1]], dtype=np.uint8)).convert("P")
    palette.putpalette([10, 20, 30, 200, 100, 0])
    palette.putdata([0, 1])
    palette.save(tmp_path / "p.png")
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "c.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((4, 6, 3), dtype=np.uint8)).save(tmp_path / "e.jpg", exif=exif)
    for name in ("p.png", "c.jpg", "e.jpg"):
        path = tmp_path / name
        convert_image(path, tmp_path / "out.png", find_stretch([path]))
        assert np.array_equal(read_image(tmp_path / "out.png"), read_image(path)), name


def test_strips_join_without_a_seam(tmp_path):
    values = np.arange(2100, dtype=np.uint16).reshape(1, 2100, 1).repeat(3, axis=0)
    path = save(tmp_path / "a.tif", values)
    stretch = plain_stretch((1, 2, 3), 0, 2550)
    convert_image(path, tmp_path / "out.tif", stretch)
    expected = np.rint(np.arange(2100) / 10).astype(int)
    assert read_image(tmp_path / "out.tif")[:, 0, 0].tolist() == expected.tolist()


def test_a_stretch_comes_back_from_its_file(tmp_path):
    stretch = Stretch((4, 3, 2), (0.1, 2, 3), (10, 20.5, 30))
    path = tmp_path / "stretch.json"
    write_stretch(stretch, path)
    assert read_stretch(path) == stretch
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())  # as editors on Windows save it
    assert read_stretch(path) == stretch


def test_what_cannot_be_shown_is_refused(tmp_path):
    four = save(tmp_path / "four.tif", ramp())
    three = save(tmp_path / "three.tif", ramp(3))
    floats = save(tmp_path / "floats.tif", ramp(4, np.float32))
    with pytest.raises(InputError, match=r"three\.tif has 3 bands of uint16, .*four\.tif has 4"):
        find_stretch([four, three])
    with pytest.raises(InputError, match=r"floats\.tif has 4 bands of float32"):
        find_stretch([four, floats])
    with pytest.raises(InputError, match=r"three\.tif has 3 bands, not \[0, 5\]"):
        find_stretch([three], bands=(5, 1, 0))
    nothing = save(tmp_path / "nan.tif", np.full((3, 2, 2), np.nan, dtype=np.float32))
    with pytest.raises(InputError, match="no image holds a value that is known"):
        find_stretch([nothing])
    with pytest.raises(InputError, match="percentiles lie in 0 to 100"):
        find_stretch([four], percent=(2, 120))
    radar = save(tmp_path / "slc.tif", np.ones((1, 2, 2), dtype=np.complex64))
    with pytest.raises(InputError, match="complex numbers"):
        find_stretch([radar])
    broken = tmp_path / "broken.tif"
    broken.write_bytes(four.read_bytes()[:60])
    with pytest.raises(InputError, match=r"broken\.tif is no raster that can be read"):
        find_stretch([broken])


def test_colour_numbers_on_a_map_are_not_shown_as_grey(tmp_path):
    path = save(tmp_path / "a.tif", np.zeros((1, 2, 2), dtype=np.uint8), photometric="palette")
    with rasterio.open(path, "r+") as raster:
        raster.write_colormap(1, {0: (255, 0, 0, 255)})
    with pytest.raises(InputError, match=r"holds colour numbers.*-expand rgb"):
        convert_image(path, tmp_path / "out.tif", find_stretch([path]))


@pytest.mark.parametrize("content", ["{", "{}", '{"bands": [1], "low": [], "high": []}', "[1]"])
def test_a_file_that_is_no_stretch_is_refused(tmp_path, content):
    (tmp_path / "s.json").write_text(content)
    with pytest.raises(InputError, match=r"is not (a stretch|JSON)"):
        read_stretch(tmp_path / "s.json")
    with pytest.raises(FileNotFoundError, match="no stretch"):
        read_stretch(tmp_path / "t.json")


def test_one_value_makes_no_division_by_zero(tmp_path):
    path = save(tmp_path / "a.tif", np.full((3, 2, 2), 700, dtype=np.uint16))
    convert_image(path, tmp_path / "out.tif", find_stretch([path]))
    assert (read_image(tmp_path / "out.tif") == 0).all()
    with pytest.raises(InputError, match="shows nothing"):
        plain_stretch((1, 2, 3), 5, 5)


def test_a_pixel_that_one_band_knows_is_shown_as_scenes_show_it(tmp_path):
    values = np.full((3, 4, 4), 120, dtype=np.uint8)
    values[0, 0, 0] = 0
    values[:, 1, 1] = 0
    path = save(tmp_path / "a.tif", values, nodata=0)
    convert_image(path, tmp_path / "out.tif", find_stretch([path]))
    shown = read_image(tmp_path / "out.tif")
    with open_scene(path) as scene:
        assert np.array_equal(shown, scene.read(scene.grid.whole))
    assert shown[0, 0].tolist() == [0, 120, 120]
    assert shown[1, 1].tolist() == list(NO_DATA)


def test_images_whose_bands_mean_other_colours_share_no_stretch(tmp_path):
    red = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
    paths = [save(tmp_path / name, ramp(3, np.uint8)) for name in ("a.tif", "b.tif")]
    for path, meanings in zip(paths, (red[::-1], red), strict=True):
        with rasterio.open(path, "r+") as raster:
            raster.colorinterp = meanings
    for order, bands in ((paths, r"1,2,3, .*a\.tif in 3,2,1"), (paths[::-1], "3,2,1")):
        with pytest.raises(InputError, match=f"has red, green, blue in bands {bands}"):
            find_stretch(order)
    assert find_stretch(paths, bands=(1, 1, 1)).bands == (1, 1, 1)


def test_images_of_other_bits_share_no_natural_black_and_white(tmp_path):
    Image.new("L", (16, 16), 200).save(tmp_path / "a.png")
    Image.new("1", (16, 16)).save(tmp_path / "b.png")
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for order in (paths, paths[::-1]):
        with pytest.raises(InputError, match=r"folders of one range, or say .* --stretch"):
            find_stretch(order)
    assert find_stretch(paths, values=(0, 9)) == plain_stretch((1, 1, 1), 0, 9)
    assert find_stretch(paths, percent=(0, 100)).high == (200, 200, 200)
