"""Large images without a map are cut on demand; what is shrunk otherwise is said."""

import json

import numpy as np
import pyogrio
import pytest
from PIL import Image

from pointsam.cli.main import main

pytestmark = pytest.mark.usefixtures("small_model")


@pytest.fixture
def large(tmp_path):
    pixels = np.full((300, 400, 3), 40, dtype=np.uint8)
    pixels[240:270, 340:370] = 200
    path = tmp_path / "mosaic.png"
    Image.fromarray(pixels).save(path)
    return path


def test_a_window_cuts_an_image_without_a_map(large, tmp_path, capsys):
    command = ["predict", str(large), "--point", "355,255", "--side", "128", "--window", "128"]
    assert main([*command, "--output", str(tmp_path / "out")]) == 0
    assert "1 objects in 1 windows" in capsys.readouterr().out
    meta, _, _, columns = pyogrio.raw.read(tmp_path / "out" / "instances.gpkg")
    row = dict(zip(meta["fields"], (column[0] for column in columns), strict=True))
    assert row["window"] >= 128
    assert row["scene"] == "mosaic.png"
    assert np.isnan(row["area_m2"])


def test_objects_that_min_area_leaves_nothing_of_are_counted(large, tmp_path, capsys):
    command = ["predict", str(large), "--point", "355,255", "--side", "128", "--window", "128"]
    assert main([*command, "--min-area", "1e9", "--output", str(tmp_path / "out")]) == 0
    assert "1 have an empty polygon, as all of it is smaller" in capsys.readouterr().out


def test_a_folder_without_clicks_is_listed_as_with_them(large, tmp_path, capsys):
    (tmp_path / "._mosaic.png").write_bytes(b"of macOS")
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.4")
    (tmp_path / "tiles.tif").mkdir()
    command = ["predict", "--images", str(tmp_path), "--grid", "1", "--side", "128"]
    assert main([*command, "--output", str(tmp_path / "out")]) == 0
    assert "in 1 images" in capsys.readouterr().out


def test_a_shrunk_image_is_named_in_one_line(large, tmp_path, capsys):
    command = ["predict", str(large), "--point", "355,255", "--side", "128"]
    assert main([*command, "--output", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().err
    assert "mosaic.png (400 x 300 px) is shown to the model in 128 px" in told
    assert "--window 128" in told


def test_masks_of_images_are_written_for_label_tools(large, tmp_path, capsys):
    command = ["predict", str(large), "--point", "355,255", "--side", "128", "--output"]
    assert main([*command, str(tmp_path / "out"), "--also", "labelme,yolo"]) == 0
    shapes = json.loads((tmp_path / "out/labelme/mosaic.json").read_text())["shapes"]
    lines = (tmp_path / "out/yolo/labels/mosaic.txt").read_text().splitlines()
    assert len(shapes) == len(lines)
    capsys.readouterr()
    assert main([*command, str(tmp_path / "b"), "--simplify", "auto"]) == 2
    assert "--simplify: for scenes and the formats of --also alone" in capsys.readouterr().err
