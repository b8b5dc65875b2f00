import numpy as np
import pytest
from PIL import Image

from pointsam.cli.main import main
from pointsam.data.annotations import read_coco


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, dtype=np.uint8)).save(path)


def run(*words):
    return main(["data", "convert", *map(str, words)])


@pytest.fixture
def whu(tmp_path):
    """Two splits of the tree, a tile each; the first building has a courtyard."""
    for split, value in (("train", 255), ("val", 0)):
        label = np.zeros((16, 16))
        label[2:9, 2:9] = value
        label[4:6, 4:6] = 0
        save(tmp_path / f"WHU/images/{split}/image/0.tif", np.zeros((16, 16, 3)))
        save(tmp_path / f"WHU/images/{split}/label/0.tif", label)
    return tmp_path / "WHU"


def test_whu_is_converted_split_by_split(whu, capsys):
    assert run("whu", whu) == 0
    out = capsys.readouterr().out
    assert "WHU_building_train.json: 1 instances in 1 images, 0 of them without any" in out
    assert "WHU_building_val.json: 0 instances in 1 images, 1 of them without any" in out
    data = read_coco(whu / "annotations/WHU_building_train.json")
    assert data.categories == ("building",)
    assert isinstance(data.images[0].instances[0].segmentation, list)
    (whu / "annotations/WHU_building_val.json").unlink()
    assert run("whu", whu, "--rle") == 0
    assert "train.json: kept" in capsys.readouterr().out
    assert main(["data", "layout", "whu", str(whu)]) == 1  # the test split is missing


def test_whu_in_the_wrong_place_is_status_two(tmp_path, capsys):
    assert run("whu", tmp_path) == 2
    assert "no WHU Building in" in capsys.readouterr().err


def test_colours_are_instances(tmp_path):
    colours = np.zeros((8, 8, 3))
    colours[1:3, 1:3] = (255, 0, 0)
    colours[5:7, 1:3] = (0, 255, 0)
    colours[5:7, 5:7] = (9, 9, 9)
    save(tmp_path / "images/a.png", np.zeros((8, 8, 3)))
    save(tmp_path / "labels/a_RGB.png", colours)
    folders = ["--images", tmp_path / "images", "--labels", tmp_path / "labels"]
    more = ["--suffix", "_RGB", "--each", "value", "--category", "ship", "--ignore", "9,9,9"]
    assert run("labels", *folders, *more, "--output", tmp_path / "out.json") == 0
    data = read_coco(tmp_path / "out.json")
    assert [i.category for i in data.images[0].instances] == ["ship", "ship"]


def test_classes_are_named(tmp_path, capsys):
    save(tmp_path / "images/a.png", np.zeros((4, 4, 3)))
    save(tmp_path / "labels/a.png", [[1, 1, 0, 2]] * 4)
    folders = ["--images", tmp_path / "images", "--labels", tmp_path / "labels"]
    folders += ["--output", tmp_path / "out.json"]
    assert run("labels", *folders, "--class", "road=1") == 2
    assert "a.png holds the values [2] beside road=1" in capsys.readouterr().err
    assert run("labels", *folders, "--class", "road=1", "--class", "roof=2") == 0
    assert read_coco(tmp_path / "out.json").categories == ("road", "roof")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--class", "road"], "write NAME=VALUE"),
        (["--class", "road=x"], "'x' is no label value"),
        (["--class", "road=1", "--each", "value"], "--class goes with --each component"),
        (["--background", "1,2"], "'1,2' is no label value"),
        (["--workers", "0"], "--workers 0: give at least 1"),
    ],
)
def test_bad_usage_is_status_two(tmp_path, capsys, words, message):
    save(tmp_path / "images/a.png", np.zeros((4, 4, 3)))
    save(tmp_path / "labels/a.png", np.zeros((4, 4)))
    folders = ["--images", tmp_path / "images", "--labels", tmp_path / "labels"]
    assert run("labels", *folders, "--output", tmp_path / "out.json", *words) == 2
    assert message in capsys.readouterr().err
