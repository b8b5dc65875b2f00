"""Every image is looked at before the long work."""

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.enums import Resampling

from pointsam.cli.image_files import readable_images
from pointsam.cli.main import main
from pointsam.data.coco.annotations import read_points
from pointsam.errors import InputError


@pytest.fixture
def transparent(drawn):
    """The first image of the drawn set as a PNG, transparent under its first object."""
    pixels = np.full((80, 96, 4), 255, dtype=np.uint8)
    pixels[:35, :40, 3] = 0
    Image.fromarray(pixels).save(drawn.images / "1.png")
    for which in ("points", "annotations"):
        drawn.change(lambda c: c["images"][0].update(file_name="1.png"), which=which)
    return drawn


def test_clicks_on_transparent_pixels_are_left_out_and_named(transparent, capsys):
    data = readable_images(read_points(transparent.points), transparent.images, skip_broken=False)
    assert [[i.id for i in image.instances] for image in data.images] == [[11], [20, 21], []]
    line = f"{transparent.images}/1.png: object 10, clicked where it is transparent"
    assert data.dropped == (line,)
    assert f"pointsam: left out: {line}" in capsys.readouterr().err


def test_objects_that_nobody_sees_are_no_set(transparent):
    transparent.change(lambda c: c.update(annotations=c["annotations"][:1]))
    with pytest.raises(InputError, match="are clicked where their image is transparent"):
        readable_images(read_points(transparent.points), transparent.images, skip_broken=False)


def test_the_check_and_the_scores_name_them(transparent, tmp_path, small_model, capsys):
    files = ["--points", str(transparent.points), "--images", str(transparent.images)]
    assert main(["data", "check", *files]) == 0
    assert "note: " + str(transparent.images) + "/1.png: object 10" in capsys.readouterr().out
    masks = ["--annotations", str(transparent.annotations), "--output", str(tmp_path / "out")]
    assert main(["evaluate", *files, *masks, "--side", "128"]) == 2
    assert "transparent: take it out of points and masks" in capsys.readouterr().err


@pytest.fixture
def paged(drawn):
    """The first image of the drawn set as a TIFF that holds another picture behind it."""
    pages = [Image.new("RGB", (96, 80), colour) for colour in ("green", "blue")]
    pages[0].save(drawn.images / "1.tif", save_all=True, append_images=pages[1:])
    for which in ("points", "annotations"):
        drawn.change(lambda c: c["images"][0].update(file_name="1.tif"), which=which)
    return drawn


def test_an_image_of_several_pictures_is_named(paged, capsys):
    readable_images(read_points(paged.points), paged.images, skip_broken=False)
    line = f"{paged.images}/1.tif holds 2 pictures, and the first is read: write"
    assert f"pointsam: note: {line}" in capsys.readouterr().err
    assert (
        main(["data", "check", "--points", str(paged.points), "--images", str(paged.images)]) == 0
    )
    assert f"note: {line}" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_overviews_and_masks_are_no_pictures_of_their_own(paged, capsys):
    path = paged.images / "1.tif"
    Image.new("RGB", (96, 80), "green").save(path)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as raster:
        raster.write_mask(np.full((80, 96), 255, dtype=np.uint8))
        raster.build_overviews([2, 4], Resampling.nearest)
        assert raster.overviews(1) == [2, 4]
    readable_images(read_points(paged.points), paged.images, skip_broken=False)
    assert "pictures" not in capsys.readouterr().err


def test_previews_behind_a_photograph_are_no_pictures_of_their_own(drawn, capsys):
    path = drawn.images / "1.jpg"
    pages = [Image.new("RGB", (96, 80), "green"), Image.new("RGB", (24, 20), "green")]
    pages[0].save(path, format="MPO", save_all=True, append_images=pages[1:])
    with Image.open(path) as image:
        assert image.n_frames == 2
    for which in ("points", "annotations"):
        drawn.change(lambda c: c["images"][0].update(file_name="1.jpg"), which=which)
    readable_images(read_points(drawn.points), drawn.images, skip_broken=False)
    assert "pictures" not in capsys.readouterr().err
