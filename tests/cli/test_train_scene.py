"""Training on scenes: a raster and clicks in, an adapter that remembers how it was shown."""

import json

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
import yaml
from PIL import Image
from rasterio.transform import from_origin
from rasterio.warp import transform as transform_points

from pointsam.cli.main import main
from pointsam.cli.predict_scene import displayed
from pointsam.cli.train_scene import SceneTraining, scene_inputs
from pointsam.data.clicks.formats import ClickFile
from pointsam.data.coco.masks import mask_entry, to_rle
from pointsam.errors import InputError
from pointsam.models.adapters.card import AdapterCard, read_card
from pointsam.training.settings import TrainSettings

SIDE = 128
CORNER = (500_000.0, 5_500_000.0)
PIXEL = 2.0
"""Metres of one scene pixel."""
SIZE = (200, 420)
"""Height and width of the scene, in pixels."""
PLACES = [(x, y) for y in range(30, 200, 50) for x in range(30, 420, 60)]
"""Middle of each object, at pixel edges."""
GROUND, ROOF = 500, 3000


def save_scene(path, *, pixel=PIXEL, dtype=np.uint16, corner=CORNER):
    """Four bands: bright squares of 14 scene pixels on a dark ground with a slope in it."""
    factor = PIXEL / pixel
    height, width = (round(side * factor) for side in SIZE)
    values = np.full((4, height, width), GROUND, np.float64)
    values += np.linspace(0, 100, width)
    for x, y in PLACES:
        x0, x1, y0, y1 = (round(v * factor) for v in (x - 7, x + 7, y - 7, y + 7))
        values[:, y0:y1, x0:x1] = ROOF
    values *= np.array([1, 1, 1, 0.1])[:, None, None]
    if dtype == np.uint8:
        values /= 20
    profile = {"driver": "GTiff", "count": 4, "dtype": dtype, "height": height, "width": width}
    place = {"crs": "EPSG:32632", "transform": from_origin(*corner, pixel, pixel)}
    with rasterio.open(path, "w", **profile, **place) as out:
        out.write(values.astype(dtype))
    return path


def save_clicks(path, places, *, corner=CORNER):
    """Write clicks in degrees, a class each."""
    x = [corner[0] + x * PIXEL for x, _ in places]
    y = [corner[1] - y * PIXEL for _, y in places]
    lon, lat = transform_points("EPSG:32632", "EPSG:4326", x, y)
    pyogrio.raw.write(
        str(path), np.array(shapely.to_wkb(shapely.points(lon, lat)), dtype=object),
        [np.array(["roof"] * len(places), dtype=object)], ["class"],
        geometry_type="Point", crs="EPSG:4326",
    )  # fmt: skip
    return path


@pytest.fixture
def scene(tmp_path):
    return save_scene(tmp_path / "scene.tif")


@pytest.fixture
def clicks(tmp_path):
    return save_clicks(tmp_path / "clicks.gpkg", PLACES)


def train(images, clicks, output, *more):
    return main(
        ["train", "--images", str(images), "--points", str(clicks), "--output", str(output),
         "--side", str(SIDE), "--regime", "pointsam", "--set", "teacher.min_iou_prediction=0",
         "--set", "prototypes.bank=8", "--set", "prototypes.min_clusters=2",
         "--set", "monitor.min_share=0", "--set", "monitor.min_agreement=0",
         "--set", "monitor.max_area_change=1e9",
         "--epochs", "0.5", "--threads", "1", *map(str, more)]
    )  # fmt: skip


@pytest.mark.usefixtures("small_model")
def test_the_adapter_remembers_ground_and_stretch_and_prediction_uses_both(
    scene, clicks, tmp_path, capsys
):
    assert train(scene, clicks, tmp_path / "run", "--bands", "3,2,1") == 0
    printed = capsys.readouterr().out
    card = read_card(tmp_path / "run")
    assert card.ground_size == pytest.approx(PIXEL, rel=2e-3)  # what UTM stretches is taken off
    assert (tmp_path / "run/pointsam.yaml").read_text().count("  - 1\n") == 1  # bands are whole
    assert card.stretch["bands"] == [3, 2, 1]
    assert card.stretch["low"][0] == pytest.approx(GROUND, rel=0.05)
    assert card.stretch["high"] == pytest.approx([ROOF] * 3, rel=0.05)
    assert f"{card.scores['held_out_instances']:g} objects held out" in printed
    assert "2 m on the ground a model pixel" in printed

    fine = save_scene(tmp_path / "fine.tif", pixel=PIXEL / 2)
    out = tmp_path / "out"
    found = main(
        ["predict", str(fine), "--points", str(clicks), "--adapter", str(tmp_path / "run"),
         "--threads", "1", "--output", str(out)]
    )  # fmt: skip
    assert found == 0
    assert f"windows of {2 * SIDE} px, shown as {SIDE} px" in capsys.readouterr().out
    manifest = json.loads((out / "run.json").read_text())
    assert manifest["window"] == 2 * SIDE
    assert manifest["stretch"] == json.loads(json.dumps(card.stretch))
    assert len(pyogrio.raw.read(out / "instances.gpkg")[2]) == len(PLACES)


@pytest.mark.usefixtures("small_model")
def test_clicks_at_one_end_are_held_out_and_compared(scene, clicks, tmp_path, capsys):
    assert train(scene, clicks, tmp_path / "run", "--hold-out", "0.25") == 0
    card = read_card(tmp_path / "run")
    assert card.scores["held_out_instances"] == round(0.25 * len(PLACES))
    assert 0 <= card.scores["held_out_adapted_overlap"] <= 1
    assert (tmp_path / "run/figures/held_out.png").is_file()
    printed = capsys.readouterr().out
    assert "masks that agree with all clicks" in printed
    assert "none of this is an accuracy" in printed

    assert train(scene, clicks, tmp_path / "all", "--hold-out", "0") == 0
    scores = read_card(tmp_path / "all").scores  # of training images, so that no run ends unseen
    assert scores["seen_images"] > 0
    assert all(name.startswith("seen_") for name in scores)
    assert "0 objects held out" in capsys.readouterr().out


@pytest.mark.usefixtures("small_model")
def test_many_scenes_are_shown_as_large_and_as_bright_as_each_other(tmp_path, capsys):
    folder = tmp_path / "scenes"
    folder.mkdir()
    save_scene(folder / "a.tif")
    other = (CORNER[0] + 10_000, CORNER[1])
    save_scene(folder / "b.tif", pixel=PIXEL / 2, corner=other)
    save_scene(folder / "nobody_clicked.tif", corner=(CORNER[0], CORNER[1] + 10_000))
    shifted = [(x + 10_000 / PIXEL, y) for x, y in PLACES]
    clicks = save_clicks(tmp_path / "clicks.gpkg", PLACES + shifted)
    assert train(folder, clicks, tmp_path / "run", "--hold-out", "0") == 0
    card = read_card(tmp_path / "run")
    assert card.ground_size == pytest.approx(PIXEL, rel=2e-3)
    names = yaml.safe_load((tmp_path / "run/pointsam.yaml").read_text())["data"]["sources"]
    assert {"clicks.gpkg", "a.tif", "b.tif"} <= names.keys()
    assert card.data["instances"] >= 2 * len(PLACES)
    capsys.readouterr()


@pytest.mark.usefixtures("small_model")
def test_a_killed_run_on_a_scene_goes_on(scene, clicks, tmp_path):
    assert train(scene, clicks, tmp_path / "run") == 0
    first = (tmp_path / "run/adapter_model.safetensors").read_bytes()
    assert train(scene, clicks, tmp_path / "run", "--resume") == 0
    assert (tmp_path / "run/adapter_model.safetensors").read_bytes() == first


def test_a_mask_beside_a_scene_makes_it_another_scene(scene, clicks, tmp_path):
    asked = SceneTraining(window=None, bands=None, stretch=(0, 3000), hold_out=0)
    settings = TrainSettings.model_validate({"model": {"side": SIDE}})

    def sources():
        found = scene_inputs(scene, ClickFile(clicks), asked, settings, output=tmp_path / "run")
        return found.sources

    before = sources()
    Image.fromarray(np.full(SIZE, 255, np.uint8)).save(f"{scene}.msk", "TIFF")
    assert {name for name, value in sources().items() if before[name] != value} == {scene.name}


@pytest.mark.usefixtures("small_model")
def test_a_second_round_on_a_scene_keeps_a_mask_that_was_drawn_by_hand(scene, clicks, tmp_path):
    labels = tmp_path / "labels" / "labels.json"
    given = ["--images", str(scene), "--points", str(clicks), "--side", str(SIDE)]
    assert main(["label", *given, "--output", str(labels.parent)]) == 0
    content = json.loads(labels.read_text())
    drawn = content["annotations"][0]
    [size] = {(image["height"], image["width"]) for image in content["images"]}
    mask = np.zeros(size, dtype=bool)
    x, y, width, height = (int(value) for value in drawn["bbox"])
    mask[max(y - 9, 0) : y + height, max(x - 9, 0) : x + width] = True
    drawn |= mask_entry(to_rle(mask))
    for entry in content["annotations"]:
        entry["label_weight"] = 1.0  # a drawn model's masks are rejected
    labels.write_text(json.dumps(content))
    rounds = ["--regime", "labels", "--rounds", "2", "--rank", "2", "--labels", str(labels)]
    rounds += ["--set", "schedule.min_steps=2", "--hold-out", "0"]
    assert train(scene, clicks, tmp_path / "out", *rounds) == 0
    again = json.loads((tmp_path / "out-labels-2" / "labels.json").read_text())["annotations"]
    assert {entry["point_id"] for entry in again} == {
        entry["point_id"] for entry in content["annotations"]
    }
    [kept] = [entry for entry in again if entry["point_id"] == drawn["point_id"]]
    assert kept["segmentation"] == drawn["segmentation"]
    again = {entry["point_id"]: entry for entry in again}
    same = [
        entry["point_id"]
        for entry in content["annotations"]
        if again[entry["point_id"]]["energy"] == entry["energy"]
    ]
    assert same == [drawn["point_id"]]


@pytest.mark.usefixtures("small_model")
def test_what_cannot_be_is_said(scene, clicks, tmp_path, capsys):
    far = save_clicks(tmp_path / "far.gpkg", [(9_000, 9_000)])
    cases = [
        ((scene, far), "far.gpkg is on"),
        ((tmp_path / "no.tif", clicks), "no.tif"),
        ((scene, clicks, "--hold-out", "1.5"), "--hold-out 1.5"),
        ((scene, clicks, "--bands", "9"), "has 4 bands"),
        ((scene, clicks, "--regime", "supervised"), "data convert polygons"),
        ((scene, clicks, "--window", "100"), "no multiple of 64"),
    ]
    for arguments, said in cases:
        assert train(arguments[0], arguments[1], tmp_path / "run", *arguments[2:]) == 2
        *notes, line = capsys.readouterr().err.splitlines()
        assert said in line, line
        assert all(note.startswith("pointsam: note: ") for note in notes), notes
        assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("small_model")
def test_a_scene_of_another_depth_is_not_shown_black(scene, clicks, tmp_path, capsys):
    assert train(scene, clicks, tmp_path / "run") == 0
    bytes_scene = save_scene(tmp_path / "bytes.tif", dtype=np.uint8)
    capsys.readouterr()
    found = main(
        ["predict", str(bytes_scene), "--points", str(clicks), "--adapter",
         str(tmp_path / "run"), "--threads", "1", "--output", str(tmp_path / "out")]
    )  # fmt: skip
    assert found == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "bytes.tif holds bytes, but is to be shown as images of whole numbers were" in line


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({}, ((3, 2, 1), 20.0, 180.0, "bytes")),
        ({"bands": (3, 2, 1)}, ((3, 2, 1), 20.0, 180.0, "bytes")),
        ({"bands": (1, 2, 3)}, ((1, 2, 3), 20.0, 180.0, "bytes")),
        ({"stretch": (10.0, 200.0)}, ((3, 2, 1), (10.0, 200.0))),
        ({"bands": (1, 2, 3), "stretch": (10.0, 200.0)}, ((1, 2, 3), (10.0, 200.0))),
    ],
)
def test_what_is_not_asked_for_is_the_trainings(asked, shown):
    trained = {"bands": [3, 2, 1], "low": [20.0] * 3, "high": [180.0] * 3, "kind": "bytes"}
    card = AdapterCard.model_construct(stretch=trained)
    bands, stretch = displayed(asked.get("bands"), asked.get("stretch"), card)
    if isinstance(stretch, tuple):
        assert (bands, stretch) == shown
    else:
        assert (stretch.bands, stretch.low[0], stretch.high[0], stretch.kind) == shown


def test_other_bands_than_the_trainings_need_a_stretch():
    trained = {"bands": [3, 2, 1], "low": [20.0] * 3, "high": [180.0, 181.0, 182.0]}
    with pytest.raises(InputError, match="give --stretch LOW,HIGH too"):
        displayed((1, 2, 3), None, AdapterCard.model_construct(stretch=trained))


@pytest.mark.usefixtures("small_model")
def test_a_folder_made_eight_bit_in_another_way_is_refused(drawn, tmp_path, capsys):
    """The stretch of a folder travels with the adapter, and comes back by --like."""
    made = {"low": [0.0] * 3, "high": [3000.0] * 3, "bands": [1, 2, 3]}
    (drawn.images / "stretch.json").write_text(json.dumps(made))
    assert train(drawn.images, drawn.points, tmp_path / "run") == 0
    assert read_card(tmp_path / "run").stretch == made

    score = ["evaluate", "--images", str(drawn.images), "--annotations", str(drawn.annotations),
             "--points", str(drawn.points), "--adapter", str(tmp_path / "run")]  # fmt: skip
    assert main([*score, "--output", str(tmp_path / "same")]) == 0
    (drawn.images / "stretch.json").write_text(json.dumps(made | {"high": [9000.0] * 3}))
    capsys.readouterr()
    assert main([*score, "--output", str(tmp_path / "other")]) == 2
    assert f"--like {tmp_path / 'run'}" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()
    for other in (["figure"], ["predict"], ["label", "--no-turn", "--no-closer-looks"]):
        seen = [*other, *score[1:3], *score[5:], "--output", str(tmp_path / other[0])]
        assert main(seen) == 2
        assert f"--like {tmp_path / 'run'}" in capsys.readouterr().err
        assert not (tmp_path / other[0]).exists()

    (tmp_path / "deep").mkdir()
    save_scene(tmp_path / "deep/a.tif")
    again = ["data", "images", str(tmp_path / "deep"), "--like", str(tmp_path / "run")]
    assert main([*again, "--output", str(tmp_path / "shown")]) == 0
    assert json.loads((tmp_path / "shown/stretch.json").read_text()) == made
