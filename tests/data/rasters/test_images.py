import io

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.errors import NotGeoreferencedWarning
from tests.data.deep_png import save_deep_png

from pointsam.data.rasters.images import (
    can_be_shown,
    image_size,
    list_images,
    orientation,
    read_image,
    read_transparent,
    turn_upright,
)
from pointsam.errors import InputError

PICTURE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3) * 3


def save(tmp_path, image, name="a.png", **options):
    path = tmp_path / name
    image.save(path, **options)
    return path


def test_rgb_comes_as_it_was_written(tmp_path):
    pixels = read_image(save(tmp_path, Image.fromarray(PICTURE)))
    assert pixels.dtype == np.uint8
    assert np.array_equal(pixels, PICTURE)


def test_paths_with_spaces_and_accents_are_read(tmp_path):
    path = save(tmp_path, Image.fromarray(PICTURE), "bild ü 图.png")
    assert np.array_equal(read_image(path), PICTURE)


def test_grey_fills_three_channels(tmp_path):
    pixels = read_image(save(tmp_path, Image.fromarray(PICTURE[..., 0])))
    assert np.array_equal(pixels, PICTURE[..., :1].repeat(3, axis=2))


def test_alpha_is_dropped_not_blended(tmp_path):
    alpha = np.zeros((4, 6, 1), dtype=np.uint8)
    path = save(tmp_path, Image.fromarray(np.concatenate([PICTURE, alpha], axis=2)))
    assert np.array_equal(read_image(path), PICTURE)


def test_palettes_become_their_colours(tmp_path):
    image = Image.fromarray(np.array([[0, 1], [2, 1]], dtype=np.uint8), mode=None).convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.putdata([0, 1, 2, 1])
    opaque = save(tmp_path, image)
    assert read_image(opaque)[0].tolist() == [[10, 20, 30], [40, 50, 60]]
    clear = save(tmp_path, image, "b.png", transparency=bytes([0, 255, 100]))
    assert np.array_equal(read_image(clear), read_image(opaque))


def test_cmyk_becomes_rgb(tmp_path):
    colour = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # no cyan: red
    red, green, blue = read_image(save(tmp_path, colour, "a.jpg"))[8, 8].tolist()
    assert red > 220
    assert max(green, blue) < 40


def test_exif_turns_the_image_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: shown rotated by 90 degrees clockwise
    pixels = read_image(save(tmp_path, Image.fromarray(PICTURE), "a.png", exif=exif))
    assert np.array_equal(pixels, np.rot90(PICTURE, k=-1))


@pytest.mark.parametrize(
    "values",
    [np.zeros((4, 4), np.uint16), np.zeros((4, 4), np.float32), np.zeros((4, 4), np.int32)],
)
def test_values_that_eight_bits_cannot_hold_are_refused(tmp_path, values):
    path = save(tmp_path, Image.fromarray(values), "a.tif")
    with pytest.raises(InputError, match=r"a\.tif has (I;16|F|I) pixels, expected 8-bit"):
        read_image(path)


@pytest.mark.parametrize("bands", [2, 3, 4])
def test_colour_of_sixteen_bits_is_refused_and_not_cut_to_eight(tmp_path, bands):
    path = save_deep_png(tmp_path / "a.png", np.full((4, 6, bands), 3000))
    assert image_size(path) == (4, 6)
    assert not can_be_shown(path)
    with pytest.raises(InputError, match=r"a\.png has 16-bit .*'pointsam data images'"):
        read_image(path)


@pytest.mark.parametrize("layout", ["pixel", "band"])
@pytest.mark.parametrize("packed", ["none", "deflate"])
def test_tiffs_of_sixteen_bits_and_of_signed_bytes_are_refused(tmp_path, layout, packed):
    values = np.arange(3 * 4 * 6).reshape(3, 4, 6)
    for bands, kind, said in ((3, np.uint16, "16-bit RGB"), (1, np.int8, "signed L")):
        profile = {"height": 4, "width": 6, "count": bands, "dtype": kind, "driver": "GTiff"}
        profile |= {"interleave": layout, "compress": packed}
        profile |= {"photometric": "RGB"} if bands == 3 else {}
        with (
            pytest.warns(NotGeoreferencedWarning),
            rasterio.open(tmp_path / "a.tif", "w", **profile) as out,
        ):
            out.write(values[:bands].astype(kind))
        with pytest.raises(InputError, match=rf"a\.tif has {said} pixels"):
            read_image(tmp_path / "a.tif")


def test_transparent_pixels_are_known(tmp_path):
    image = Image.fromarray(PICTURE).convert("P")
    path = save(tmp_path, image, transparency=bytes([0, *[255] * 255]))
    expected = np.where(np.asarray(image) == 0, 0, 255)
    assert np.array_equal(read_transparent(path)[..., 3], expected)
    assert (read_transparent(save(tmp_path, Image.fromarray(PICTURE)))[..., 3] == 255).all()


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.webp"])
@pytest.mark.parametrize("turned", range(1, 9))
def test_pixels_are_turned_as_the_reader_turns_them(tmp_path, name, turned):
    exif = Image.Exif()
    exif[0x0112] = turned
    options = {"lossless": True} if name == "a.webp" else {}
    path = save(tmp_path, Image.fromarray(PICTURE), name, exif=exif, **options)
    assert orientation(path) == turned
    assert np.array_equal(turn_upright(PICTURE, turned), read_image(path))
    assert image_size(path) == read_image(path).shape[:2]


def test_a_truncated_image_is_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    whole = io.BytesIO()
    Image.fromarray(noise).save(whole, "JPEG")
    path = tmp_path / "a.jpg"
    path.write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    with pytest.raises(InputError, match=r"a\.jpg is damaged .*: get it again, or leave it out"):
        read_image(path)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n", b"II*\x00\x08"])
def test_what_is_no_image_is_refused(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.png"):
        read_image(path)


def test_a_missing_image_and_a_folder_are_named(tmp_path):
    for path in (tmp_path / "b.png", tmp_path):
        with pytest.raises(FileNotFoundError, match="no image"):
            read_image(path)


def test_a_folder_is_no_name_written_otherwise(tmp_path):
    (tmp_path / "scene.zarr").mkdir()
    with pytest.raises(FileNotFoundError, match=r"scene\.zarr: it is a folder; give a file"):
        read_image(tmp_path / "scene.zarr")
    (tmp_path / "a.tif").mkdir()
    assert list_images(tmp_path) == []


def test_a_name_in_another_case_is_pointed_out(tmp_path):
    save(tmp_path, Image.fromarray(PICTURE), "A.PNG")
    with pytest.raises(FileNotFoundError, match=r"a\.png: there is A\.PNG, upper and lower case"):
        read_image(tmp_path / "a.png")


def test_a_link_to_itself_is_no_image(tmp_path):
    (tmp_path / "a.png").symlink_to(tmp_path / "a.png")
    with pytest.raises(FileNotFoundError, match="no image"):
        read_image(tmp_path / "a.png")
    with pytest.raises(FileNotFoundError, match="no image"):
        image_size(tmp_path / "a.png")


def test_the_size_is_that_of_the_upright_image(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = save(tmp_path, Image.fromarray(PICTURE), exif=exif)
    assert image_size(path) == read_image(path).shape[:2] == (6, 4)
    (tmp_path / "b.png").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"b\.png is not an image"):
        image_size(tmp_path / "b.png")
