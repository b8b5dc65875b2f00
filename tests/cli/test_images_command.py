import json

import numpy as np
import pytest
from PIL import Image

from pointsam.cli.main import main
from pointsam.data.rasters.images import read_image


@pytest.fixture
def deep(tmp_path):
    folder = tmp_path / "deep"
    folder.mkdir()
    for number in (1, 2):
        values = np.full((4, 4), 1000 * number, dtype=np.uint16)
        Image.fromarray(values).save(folder / f"{number}.tif")
    return folder


def run(*words):
    return main(["data", "images", *map(str, words)])


def test_new_images_look_as_those_of_training(deep, tmp_path, capsys):
    assert run(deep, "--percent", "0,100", "--output", tmp_path / "train") == 0
    assert "2 images; red, green, blue are band 1 from 1000 to 2000" in capsys.readouterr().out
    assert read_image(tmp_path / "train/2.tif").max() == 255
    (deep / "1.tif").unlink()
    like = tmp_path / "train/stretch.json"
    assert json.loads(like.read_text())["low"] == [1000] * 3
    assert run(deep, "--like", like, "--output", tmp_path / "new") == 0
    assert (read_image(tmp_path / "new/2.tif") == 255).all()
    assert run(deep, "--stretch", "0,4000", "--output", tmp_path / "given") == 0
    assert (read_image(tmp_path / "given/2.tif") == 128).all()


def test_a_bad_image_leaves_no_folder(deep, tmp_path, capsys):
    (deep / "3.tif").write_bytes(b"")
    assert run(deep, "--output", tmp_path / "out") == 2
    assert "3.tif is empty (0 bytes)" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_bad_usage_is_status_two(deep, tmp_path, capsys):
    (tmp_path / "none").mkdir()
    out = ["--output", tmp_path / "out"]
    for words, message in [
        ([tmp_path / "none"], "holds no images"),
        ([tmp_path / "nowhere"], "no image folder"),
        ([deep, "--bands", "9"], "has 1 bands, not [9]"),
        ([deep, "--like", tmp_path / "no.json"], "no stretch"),
        (
            [deep, "--like", tmp_path / "no.json", "--bands", "1"],
            "--bands: for runs without --like",
        ),
    ]:
        assert run(*words, *out) == 2
        assert message in capsys.readouterr().err
    Image.new("L", (4, 4)).save(deep / "1.jpg")
    Image.new("L", (4, 4)).save(deep / "1.png")
    assert run(deep, *out) == 2
    assert "images of one name" in capsys.readouterr().err
