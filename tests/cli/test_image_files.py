"""Every image is looked at before the long work."""

import numpy as np
import pytest
from PIL import Image

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
