"""Labels of scenes: one mask an object on its scene, polygons on the map, and training on them."""

import json

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from tests.cli.test_train_scene import CORNER, SIDE, save_clicks, save_scene

from pointsam.cli.main import main
from pointsam.data.coco.masks import rasterise
from pointsam.models.adapters.card import read_card

NEAR = [(90, 80), (150, 80), (210, 80)]
"""Clicks that two windows show each."""


@pytest.fixture
def scene(tmp_path):
    return save_scene(tmp_path / "scene.tif", dtype=np.uint8)


@pytest.fixture
def clicks(tmp_path):
    return save_clicks(tmp_path / "clicks.gpkg", NEAR)


def run(command, scene, clicks, output, *more):
    return main(
        [command, "--images", str(scene), "--points", str(clicks), "--output", str(output),
         "--side", str(SIDE), "--threads", "1", *map(str, more)]
    )  # fmt: skip


def short(*more):
    return (
        "--set",
        "schedule.min_steps=2",
        "--epochs",
        "0.1",
        "--set",
        "model.adapt=[decoder]",
        *more,
    )


def trusted(folder):
    """Accept all labels, as a person would who has looked at them."""
    path = folder / "labels.json"
    content = json.loads(path.read_text())
    for entry in content["annotations"]:
        entry["label_weight"] = 1.0
    path.write_text(json.dumps(content))
    return path


@pytest.mark.usefixtures("small_model")
def test_a_scene_is_labelled_and_trained_on(scene, clicks, tmp_path, capsys):
    out = tmp_path / "labels"
    assert run("label", scene, clicks, out, "--no-closer-looks", "--format", "gpkg,coco") == 0
    assert f"layer: {out / 'instances.gpkg'}" in capsys.readouterr().out
    content = json.loads((out / "labels.json").read_text())
    [image] = content["images"]
    assert (image["file_name"], image["height"], image["width"]) == ("scene.tif", 200, 420)
    assert [entry["point_id"] for entry in content["annotations"]] == [1, 2, 3]  # each once
    masks = [rasterise(entry["segmentation"], (200, 420)) for entry in content["annotations"]]
    assert [int(m.sum()) for m in masks] == [entry["area"] for entry in content["annotations"]]
    for entry, mask in zip(content["annotations"], masks, strict=True):
        if entry["area"]:
            x, y, width, height = map(int, entry["bbox"])
            assert mask[y : y + height, x : x + width].sum() == entry["area"]

    info, _, shapes, fields = pyogrio.raw.read(out / "instances.gpkg")
    table = dict(zip(info["fields"], fields, strict=True))
    assert sorted(table["point_id"]) == [1, 2, 3]
    weights = [entry["label_weight"] for entry in content["annotations"]]
    assert table["trust"].tolist() == pytest.approx(weights)
    joined = np.any(masks, axis=0)  # a pixel belongs to one object in the layer
    assert table["area_px"].sum() == joined.sum()
    polygons = [p for p in shapely.from_wkb(shapes) if p is not None]
    drawn = rasterio.features.rasterize(
        polygons,
        out_shape=(200, 420),
        transform=rasterio.transform.from_origin(*CORNER, 2.0, 2.0),
    )
    assert np.array_equal(drawn == 1, joined)

    labels = trusted(out)
    run_folder = tmp_path / "run"
    assert run("train", scene, clicks, run_folder, *short("--labels", labels)) == 0
    assert "labels.json" in read_card(run_folder).data["sources"]


@pytest.mark.usefixtures("small_model")
def test_training_labels_objects_that_several_chips_show_once(scene, clicks, tmp_path, capsys):
    status = run("train", scene, clicks, tmp_path / "run", *short())
    content = json.loads((tmp_path / "run-labels" / "labels.json").read_text())
    assert [entry["point_id"] for entry in content["annotations"]] == [1, 2, 3]
    # Which labels an untrained model's masks give is chance; that none is accepted is said.
    assert status == 0 or "no label is accepted" in capsys.readouterr().err


@pytest.mark.usefixtures("small_model")
def test_labels_of_other_clicks_are_refused(scene, clicks, tmp_path, capsys):
    empty = {"images": [{"id": 1, "file_name": "scene.tif", "height": 200, "width": 420}],
             "categories": [], "annotations": []}  # fmt: skip
    (tmp_path / "labels.json").write_text(json.dumps(empty))
    given = short("--labels", tmp_path / "labels.json")
    assert run("train", scene, clicks, tmp_path / "run", *given) == 2
    assert "no mask of instance 1 of scene.tif" in capsys.readouterr().err


def test_what_is_for_images_is_refused_of_scenes(scene, clicks, drawn, tmp_path, capsys):
    assert run("label", scene, clicks, tmp_path / "out", "--skip-broken") == 2
    assert "--skip-broken: for folders of images" in capsys.readouterr().err
    assert run("label", drawn.images, drawn.points, tmp_path / "out", "--window", "256") == 2
    assert "--window: for scenes" in capsys.readouterr().err
