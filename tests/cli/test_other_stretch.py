"""Labels and training go on only with the bands and the stretch that they began with."""

import shutil

import numpy as np
import pytest
from tests.cli.test_label_scene import NEAR, run, short
from tests.cli.test_train_scene import save_clicks, save_scene

from pointsam.models.adapters.card import read_card


@pytest.fixture
def scene(tmp_path):
    return save_scene(tmp_path / "scene.tif", dtype=np.uint16)


@pytest.fixture
def clicks(tmp_path):
    return save_clicks(tmp_path / "clicks.gpkg", NEAR)


OTHERS = [("--stretch", "0,60000"), ("--stretch", "0,3000", "--bands", "4,3,2")]


@pytest.mark.usefixtures("small_model")
def test_labels_do_not_go_on_with_other_pixels(scene, clicks, tmp_path, capsys):
    output = tmp_path / "labels"
    assert run("label", scene, clicks, output, "--stretch", "0,3000") == 0
    kept = (output / "labels.json").read_bytes()
    for other in OTHERS:
        assert run("label", scene, clicks, output, *other, "--resume") == 2
        assert "made with other bands or stretch" in capsys.readouterr().err
    assert run("label", scene, clicks, output, "--stretch", "0,3000", "--resume") == 0
    assert (output / "labels.json").read_bytes() == kept


@pytest.mark.usefixtures("small_model")
def test_training_does_not_go_on_with_other_pixels(scene, clicks, tmp_path, capsys):
    output = tmp_path / "adapter"
    more = short("--regime", "pointsam", "--set", "prototypes.min_clusters=2")
    more += ("--set", "teacher.min_iou_prediction=0", "--hold-out", "0")
    assert run("train", scene, clicks, output, *more, "--stretch", "0,3000") in (0, 1)
    capsys.readouterr()
    for other in OTHERS:
        assert run("train", scene, clicks, output, *more, *other, "--resume") == 2
        assert "(changed: bands or stretch)" in capsys.readouterr().err
    assert read_card(output).stretch["high"] == [3000] * 3


@pytest.mark.usefixtures("small_model")
def test_a_run_does_not_take_the_labels_of_another_stretch(scene, clicks, tmp_path, capsys):
    output = tmp_path / "adapter"
    run("train", scene, clicks, output, *short(), "--stretch", "0,3000")
    assert (tmp_path / "adapter-labels" / "inputs.json").is_file()
    shutil.rmtree(output, ignore_errors=True)
    capsys.readouterr()
    for other in OTHERS:
        assert run("train", scene, clicks, output, *short(), *other) == 2
        assert "made with other bands or stretch" in capsys.readouterr().err
