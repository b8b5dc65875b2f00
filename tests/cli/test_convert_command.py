import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from PIL import Image
from rasterio.transform import from_origin

from pointsam.cli.main import main
from pointsam.data.coco.annotations import read_coco


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


def test_labels_without_image_are_left_out_aloud(tmp_path, capsys):
    save(tmp_path / "images/a.png", np.zeros((4, 4, 3)))
    for name in "ab":
        save(tmp_path / f"labels/{name}.png", [[1, 1, 0, 0]] * 4)
    folders = ["--images", tmp_path / "images", "--labels", tmp_path / "labels"]
    assert run("labels", *folders, "--output", tmp_path / "out.json") == 0
    said = capsys.readouterr().err
    assert "left out: 1 label rasters without an image in" in said
    assert "(b.png)" in said
    assert len(read_coco(tmp_path / "out.json").images) == 1


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


def test_a_scene_and_its_polygons_become_chips(tmp_path, capsys):
    place = {"crs": "EPSG:32632", "transform": from_origin(500_000, 5_500_000, 1, 1)}
    profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "height": 40, "width": 40}
    with rasterio.open(tmp_path / "scene.tif", "w", **profile, **place) as out:
        out.write(np.zeros((3, 40, 40), dtype=np.uint8))
    roof = shapely.box(500_004, 5_499_990, 500_010, 5_499_996)
    pyogrio.raw.write(
        str(tmp_path / "roofs.geojson"), np.array([shapely.to_wkb(roof)], dtype=object), [], [],
        geometry_type="Polygon", crs="EPSG:32632",
    )  # fmt: skip
    words = ["polygons", tmp_path / "scene.tif", tmp_path / "roofs.geojson"]
    words += ["--chip", 32, "--overlap", 16, "--category", "roof", "--output", tmp_path / "chips"]
    assert run(*words) == 0
    assert "4 chips, 4 instances of 1 polygons" in capsys.readouterr().out
    data = read_coco(tmp_path / "chips/masks.json")
    assert data.categories == ("roof",)
    images = ["--images", tmp_path / "chips/images"]
    files = ["--annotations", tmp_path / "chips/masks.json"]
    assert main(["data", "check", *map(str, files + images)]) == 0
    assert run(*words) == 2
    assert "exists already" in capsys.readouterr().err
    assert run(*words[:-1], tmp_path / "new", "--overlap", 40) == 2
    assert not (tmp_path / "new").exists()
