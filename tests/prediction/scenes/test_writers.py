import json
from dataclasses import replace

import numpy as np
import pyogrio
import pytest
import rasterio
from tests.prediction.colour_model import SIDE, ColourModel, write_scene

from pointsam.data.coco.masks import rasterise, runs_at
from pointsam.data.rasters.scene import open_scene
from pointsam.data.rasters.scene_points import scene_points
from pointsam.data.records import ImageRecord, InstanceRecord
from pointsam.errors import InputError
from pointsam.prediction.scenes.run import SceneRun, SceneSettings, Shard
from pointsam.prediction.scenes.writers import FORMATS, USUAL, scene_formats, written_names

BOXES = [(20, 30, 44, 50), (70, 64, 90, 100)]
CLICKS = tuple(
    InstanceRecord(30 + i, "hall", (((x0 + x1) / 2, (y0 + y1) / 2, 1),))
    for i, (x0, y0, x1, y1) in enumerate(BOXES)
)


def run(tmp_path, formats, instances=CLICKS):
    path = write_scene(tmp_path / "scene.tif", BOXES, size=(300, 300))
    with open_scene(path) as scene:
        points = scene_points(ImageRecord(1, "scene.tif", (300, 300), instances), scene.grid)
        made = SceneRun(ColourModel(), scene, points, SceneSettings(SIDE, 256))
        for _ in made.segment(tmp_path / "out", shard=Shard(), resume=False):
            pass
        made.finish(tmp_path / "out", allow_overlap=False, formats=formats)
    return tmp_path / "out"


def test_every_format_writes_the_files_that_it_names(tmp_path):
    folder = run(tmp_path, tuple(FORMATS))
    assert all((folder / name).is_file() for name in written_names(tuple(FORMATS)))


def test_only_what_was_asked_for_is_written(tmp_path):
    folder = run(tmp_path, ("coco",))
    assert {path.name for path in folder.iterdir()} == {"instances.json", "parts", "run.json"}


def test_the_masks_of_coco_are_those_of_the_raster(tmp_path):
    folder = run(tmp_path, ("cog", "coco"))
    content = json.loads((folder / "instances.json").read_text())
    with rasterio.open(folder / "instances.tif") as raster:
        labels = raster.read(1)
    assert [entry["id"] for entry in content["annotations"]] == [30, 31]
    for entry in content["annotations"]:
        mask = rasterise(entry["segmentation"], (300, 300))
        assert mask.any()
        rows, cols = np.nonzero(mask)
        corner = (cols.min(), rows.min())
        size = (np.ptp(cols) + 1, np.ptp(rows) + 1)
        assert (entry["bbox"], entry["area"]) == ([*corner, *size], mask.sum())
        assert (mask == (labels == entry["label"])).all()


def test_the_raster_of_classes_has_each_object_under_the_number_of_its_class(tmp_path):
    named = (replace(CLICKS[0], category="shed"), CLICKS[1])
    folder = run(tmp_path, ("cog",), named)
    with rasterio.open(folder / "classes.tif") as raster:
        classes, tags = raster.read(1), raster.tags()
    with rasterio.open(folder / "instances.tif") as raster:
        instances = raster.read(1)
    assert (tags["CLASS_1"], tags["CLASS_2"]) == ("hall", "shed")
    assert np.unique(instances).tolist() == [0, 1, 2]
    assert (classes == np.array([0, 2, 1])[instances]).all()


@pytest.mark.parametrize("name", [n for n, form in FORMATS.items() if n != "coco"])
def test_a_map_has_its_style_beside_it(tmp_path, name):
    folder = run(tmp_path, (name,))
    style = (folder / "instances.qml").read_text()
    assert style.startswith("<!DOCTYPE qgis")
    assert "hall" in style


def test_a_name_that_is_no_number_comes_back(tmp_path):
    named = (replace(CLICKS[0], key="north hall"), CLICKS[1])
    folder = run(tmp_path, ("gpkg", "coco"), named)
    meta, _, _, columns = pyogrio.raw.read(folder / "instances.gpkg")
    fields = dict(zip(meta["fields"], columns, strict=True))
    assert fields["point_key"].tolist() == ["north hall", None]
    entries = json.loads((folder / "instances.json").read_text())["annotations"]
    assert [entry.get("instance") for entry in entries] == ["north hall", None]


def test_formats_are_named_in_any_case_and_once():
    assert scene_formats("GPKG, coco,gpkg") == ("gpkg", "coco")
    assert set(USUAL) <= set(FORMATS)
    for text in ("gpkg,dwg", ","):
        with pytest.raises(InputError, match="give some of gpkg, geojson, shp"):
            scene_formats(text)


@pytest.mark.parametrize("seed", range(5))
def test_runs_of_a_part_are_those_of_the_whole_mask(seed):
    draw = np.random.default_rng(seed)
    whole = np.zeros((40, 30), dtype=bool)
    whole[7:40, 4:30] = draw.random((33, 26)) < (0.9, 0.5, 0.1, 0.0, 1.0)[seed]
    runs = runs_at(whole[7:40, 4:30], corner=(4, 7), size=(40, 30))
    assert (rasterise(runs, (40, 30)) == whole).all()
