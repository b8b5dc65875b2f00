"""A scene at an address gives what the same file gives."""

from pathlib import Path

import pytest
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
