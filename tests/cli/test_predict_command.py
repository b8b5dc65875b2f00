import json

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from PIL import Image
from safetensors.torch import load_file, save_file
from tests.prediction.colour_model import write_scene
from tests.prediction.some_adapter import save_some_adapter

from pointsam.cli.main import main

BOXES = [(10, 10, 40, 40), (60, 20, 90, 50), (200, 150, 230, 180)]
SMALL = ["--side", "64", "--threads", "1"]


@pytest.fixture
def scene(tmp_path):
    """A 200 x 300 px scene with three clicks of two classes."""
    path = write_scene(tmp_path / "scene.tif", BOXES, size=(200, 300))
    middles = [((x0 + x1) / 2, (y0 + y1) / 2) for x0, y0, x1, y1 in BOXES]
    places = [shapely.Point(1000 + x / 2, 5000 - y / 2) for x, y in middles]
    pyogrio.raw.write(
        tmp_path / "clicks.gpkg",
        np.array([shapely.to_wkb(place) for place in places], dtype=object),
        [np.array(["hall", "hall", "tank"], dtype=object)],
        ["class"],
        geometry_type="Point",
        crs="EPSG:32631",
    )
    return [str(path), "--points", str(tmp_path / "clicks.gpkg"), *SMALL]


def _rows(folder):
    meta, _, geometry, columns = pyogrio.raw.read(folder / "instances.gpkg")
    return meta["crs"], geometry.tolist(), [column.tolist() for column in columns]


def test_a_scene_and_clicks_give_a_map(scene, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["predict", *scene, "-o", str(out), "--shapefile"]) == 0
    assert "3 objects in 3 windows" in capsys.readouterr().out
    crs, _, (instances, ids, classes, *_) = _rows(out)
    assert (crs, instances, ids) == ("EPSG:32631", [1, 2, 3], [1, 2, 3])
    assert classes == ["hall", "hall", "tank"]
    assert (out / "instances.shp").exists()
    with rasterio.open(out / "instances.tif") as raster:
        assert raster.shape == (200, 300)
    assert main(["predict", *scene, "-o", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_shards_join_to_the_same_map(scene, tmp_path, capsys):
    assert main(["predict", *scene, "-o", str(tmp_path / "one")]) == 0
    capsys.readouterr()
    assert main(["predict", *scene, "-o", str(tmp_path / "two"), "--shard", "1/2"]) == 0
    assert "1 of 3 windows are left" in capsys.readouterr().out
    assert main(["predict", *scene, "-o", str(tmp_path / "two"), "--shard", "2/2"]) == 0
    assert _rows(tmp_path / "one") == _rows(tmp_path / "two")
    assert main(["predict", *scene, "-o", str(tmp_path / "two"), "--resume"]) == 0


def test_clicks_of_the_command_line_serve_a_scene(scene, tmp_path):
    clicks = [f"--point={(x0 + x1) / 2 - 0.5},{(y0 + y1) / 2 - 0.5}" for x0, y0, x1, y1 in BOXES]
    given = ["predict", scene[0], *clicks, "--point", "5,5,0", *SMALL]
    assert main([*given, "-o", str(tmp_path / "out")]) == 0
    crs, shapes, (instances, *_) = _rows(tmp_path / "out")
    assert (crs, instances) == ("EPSG:32631", [1, 2, 3])
    assert len(shapes) == 3


def test_a_coco_point_file_serves_a_scene_too(scene, tmp_path):
    entry = {"id": 7, "image_id": 1, "category_id": 1, "points": [[24.5, 24.5, 1]]}
    content = {
        "images": [{"id": 1, "file_name": "scene.tif", "height": 200, "width": 300}],
        "categories": [{"id": 1, "name": "hall"}],
        "annotations": [entry],
    }
    (tmp_path / "points.json").write_text(json.dumps(content))
    arguments = [scene[0], "--points", str(tmp_path / "points.json"), *SMALL]
    assert main(["predict", *arguments, "-o", str(tmp_path / "out")]) == 0
    assert _rows(tmp_path / "out")[2][1] == [7]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--shard", "3/2"], "give i/n"),
        (["--shard", "one"], "give I/N, for example 1/4"),
        (["--window", "100"], "no multiple of 64"),
        (["--bands", "1,2,9"], "has 3 bands"),
        (["--joint"], "--joint: for images without a place on a map alone"),
    ],
)
def test_what_a_scene_cannot_take_is_said(scene, tmp_path, capsys, more, message):
    assert main(["predict", *scene, "-o", str(tmp_path / "out"), *more]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "more", [["--bands", "1,2"], ["--bands", "a,b,c"], ["--stretch", "5"], ["--stretch", "9,1"]]
)
def test_values_that_cannot_be_read_are_refused(scene, tmp_path, more, capsys):
    with pytest.raises(SystemExit):
        main(["predict", *scene, "-o", str(tmp_path / "out"), *more])
    assert more[1] in capsys.readouterr().err


def test_without_clicks_a_grid_finds_what_is_there(tmp_path, capsys):
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a.png", "b.jpg"):
        drawn = np.full((96, 128, 3), 40, dtype=np.uint8)
        drawn[16:48, 16:48] = 220
        Image.fromarray(drawn).save(folder / name)
    (folder / "notes.txt").touch()
    adapter = save_some_adapter(tmp_path / "adapter")
    weights = load_file(adapter / "adapter_model.safetensors")
    assert weights
    save_file({"prototypes": next(iter(weights.values())).new_ones(2, 256)},
              adapter / "target_prototypes.safetensors")  # fmt: skip
    keep = ["--min-iou", "0.1", "--min-stability", "0.1"]
    grid = ["predict", "--images", str(folder), "--grid", "4", *keep]
    arguments = [*grid, "--adapter", str(adapter), "-o", str(tmp_path / "out")]
    assert main(arguments) == 0
    found = json.loads((tmp_path / "out" / "predictions.json").read_text())
    assert [image["file_name"] for image in found["images"]] == ["a.png", "b.jpg"]
    ids = [entry["id"] for entry in found["annotations"]]
    assert len(set(ids)) == len(ids) > 0
    assert (tmp_path / "out" / "labels" / "a.png").exists()

    assert main([*grid, *SMALL, "--joint", "-o", str(tmp_path / "no")]) == 2
    assert "--joint: for clicks alone" in capsys.readouterr().err
    (folder / "c.png").write_bytes(b"nothing")
    assert main([*grid, *SMALL, "-o", str(tmp_path / "no")]) == 2
    assert "c.png" in capsys.readouterr().err
    assert main([*grid, *SMALL, "-o", str(tmp_path / "rest"), "--skip-broken"]) == 0
