"""A scene at an address gives what the same file gives."""

import json
from pathlib import Path

import pytest
from tests.cli.test_train_scene import PLACES, SIDE, save_clicks, save_scene, train
from tests.data.rasters.file_server import served
from tests.prediction.colour_model import write_scene

from pointsam.cli.main import main

pytestmark = pytest.mark.usefixtures("small_model")

BOXES = [(20, 20, 50, 60), (150, 30, 190, 70)]
COMMAND = ["--side", "128", "--progress", "none", "--point", "35,40", "--point", "170,50"]


def test_a_scene_on_a_server_gives_what_the_file_gives(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_scene("s.tif", BOXES, size=(220, 220))
    with served() as server:
        server.files["/s.tif"] = Path("s.tif").read_bytes()
        assert main(["predict", f"{server.address}/s.tif?sig=1", *COMMAND, "-o", "there"]) == 0
        again = ["predict", f"{server.address}/s.tif?sig=2", *COMMAND, "-o", "there", "--resume"]
        assert main(again) == 0
    assert main(["predict", "s.tif", *COMMAND, "-o", "here"]) == 0
    texts = [Path(name, "instances.geojson").read_text() for name in ("there", "here")]
    assert texts[0] == texts[1]
    assert '"scene": "s.tif"' in texts[0]


@pytest.fixture
def clicked(tmp_path, monkeypatch):
    """A scene, clicks on it, and a server that has the scene as well."""
    monkeypatch.chdir(tmp_path)
    Path("own").mkdir()  # a file in place of the address would not be found
    save_scene(Path("own/scene.tif"))
    save_clicks(Path("clicks.gpkg"), PLACES)
    with served() as server:
        server.files["/scene.tif"] = Path("own/scene.tif").read_bytes()
        server.files["/item.json"] = json.dumps(
            {"assets": {"visual": {"href": "scene.tif", "type": "image/tiff"}}}
        ).encode()
        yield server


def test_labels_of_a_scene_on_a_server_are_those_of_the_file(clicked):
    common = ["--points", "clicks.gpkg", "--side", str(SIDE), "--no-closer-looks",
              "--threads", "1", "--progress", "none"]  # fmt: skip
    there = ["label", "--images", f"{clicked.address}/item.json", *common, "-o", "there"]
    assert main(there) == 0
    assert main([*there, "--resume"]) == 0
    assert main(["label", "--images", "own/scene.tif", *common, "-o", "here"]) == 0
    texts = [Path(name, "labels.json").read_text() for name in ("there", "here")]
    assert texts[0] == texts[1]
    assert Path("there/instances.gpkg").is_file()


def test_training_on_a_scene_on_a_server_is_training_on_the_file(clicked):
    assert train(f"{clicked.address}/scene.tif?sig=1", "clicks.gpkg", "there") == 0
    assert train("own/scene.tif", "clicks.gpkg", "here") == 0
    weights = [Path(name, "adapter_model.safetensors").read_bytes() for name in ("there", "here")]
    assert weights[0] == weights[1]
    card = Path("there/pointsam.yaml").read_text()
    assert "scene.tif" in card
    assert "sig=1" not in card


@pytest.mark.parametrize("command", ["label", "train"])
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["https://host/{x}/{y}.png", "--zoom", "6", "--area=9,51,20,55"], "it lacks {z}"),
        (["http://127.0.0.1:9/s.tif"], "http://127.0.0.1:9/s.tif is no raster that can be read"),
        (["ftp://host/s.tif"], "give http:// or https://"),
        (["scene.tif", "--asset", "red"], "--asset: for an image at an address alone"),
    ],
)
@pytest.mark.usefixtures("clicked")
def test_an_address_that_cannot_be_labelled_is_one_line(command, words, says, capsys):
    given = ["--points", "clicks.gpkg", "--progress", "none", "--output", "out"]
    assert main([command, "--images", *words, *given]) == 2
    said = capsys.readouterr().err.strip()
    assert says in said
    assert len(said.splitlines()) == 1
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["https://host/{x}/{y}.png", "--zoom", "6", "--area=9,51,20,55"], "it lacks {z}"),
        (["http://127.0.0.1:9/s.tif"], "http://127.0.0.1:9/s.tif is no raster that can be read"),
        (["s.tif", "--zoom", "6"], "--zoom: for an image at an address alone"),
        (["https://host/{z}/{x}/{y}.png", "--zoom", "6"], "map tiles need --zoom LEVEL and --area"),
    ],
)
def test_an_address_that_cannot_be_is_one_line(words, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["predict", *words, *COMMAND, "-o", "out"]) == 2
    said = capsys.readouterr().err.strip()
    assert says in said
    assert len(said.splitlines()) == 1
    assert not Path("out").exists()
