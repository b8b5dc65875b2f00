"""Images and scenes that are shown as other ones were: refused or told where they differ."""

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp
from tests.cli.test_label_scene import NEAR, run, short
from tests.cli.test_train_scene import save_clicks, save_scene

from pointsam.cli.main import main
from pointsam.data.rasters.stretching import plain_stretch, write_stretch

NOTE = "names bands 3,2,1 as red, green, blue, but bands 1,2,3 are shown so"


def images(folder, like, output):
    return main(["data", "images", str(folder), "--like", str(like), "--output", str(output)])


def save_bgr(path):
    save_scene(path, dtype=np.uint8)
    with rasterio.open(path, "r+") as out:
        colours = (ColorInterp.blue, ColorInterp.green, ColorInterp.red)
        out.colorinterp = (*colours, ColorInterp.undefined)
    return path


def test_images_of_another_kind_are_not_made_like_others(tmp_path, capsys):
    folder = tmp_path / "deep"
    folder.mkdir()
    save_scene(folder / "a.tif", dtype=np.uint16)
    like = tmp_path / "stretch.json"
    write_stretch(plain_stretch((1, 2, 3), 0, 255), like)
    assert images(folder, like, tmp_path / "out") == 2
    assert "a.tif holds whole numbers, but is to be shown as images of bytes" in (
        capsys.readouterr().err
    )
    assert not (tmp_path / "out").exists()


def test_images_that_name_other_colours_are_told(tmp_path, capsys):
    folder = tmp_path / "images"
    folder.mkdir()
    save_bgr(folder / "a.tif")
    like = tmp_path / "stretch.json"
    write_stretch(plain_stretch((1, 2, 3), 0, 255), like)
    assert images(folder, like, tmp_path / "out") == 0
    assert NOTE in capsys.readouterr().err


@pytest.mark.usefixtures("small_model")
def test_scenes_that_name_other_colours_than_those_of_training_are_told(tmp_path, capsys):
    clicks = save_clicks(tmp_path / "clicks.gpkg", NEAR)
    scene = save_scene(tmp_path / "scene.tif", dtype=np.uint8)
    with rasterio.open(scene, "r+") as out:
        out.colorinterp = (
            *(ColorInterp.red, ColorInterp.green, ColorInterp.blue), ColorInterp.undefined
        )  # fmt: skip
    adapter = tmp_path / "adapter"
    more = ("--regime", "pointsam", "--set", "prototypes.min_clusters=2", "--hold-out", "0")
    run("train", scene, clicks, adapter, *short(*more))
    other = save_bgr(tmp_path / "bgr.tif")
    capsys.readouterr()

    def label(name, *words):
        options = ["--images", str(other), "--points", str(clicks), "--threads", "1"]
        options += ["--adapter", str(adapter), "--output", str(tmp_path / name), *words]
        return main(["label", *options])

    def predict(name, *words):
        options = ["--image", str(other), "--points", str(clicks), "--threads", "1"]
        options += ["--adapter", str(adapter), "--output", str(tmp_path / name), *words]
        return main(["predict", *options])

    for number, command in enumerate((label, predict)):
        assert command(f"told-{number}") == 0
        assert NOTE in (err := capsys.readouterr().err)
        assert "--bands 3,2,1" in err
        assert command(f"given-{number}", "--bands", "3,2,1") == 0
        assert NOTE not in capsys.readouterr().err
