import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.prediction.some_adapter import save_some_adapter

from pointsam.cli.main import main


@pytest.fixture
def files(tmp_path):
    """Two images with one object each, its mask, its point, and an adapter."""
    (tmp_path / "images").mkdir()
    content = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "tank"}]}
    for number, name in enumerate(("a.png", "b.png"), start=1):
        drawn = np.full((48, 64, 3), 40 * number, dtype=np.uint8)
        drawn[8:24, 8:24] = 220
        Image.fromarray(drawn).save(tmp_path / "images" / name)
        content["images"].append({"id": number, "file_name": name, "height": 48, "width": 64})
        entry = {"id": number, "image_id": number, "category_id": 1, "points": [[16, 16, 1]]}
        entry["segmentation"] = [[8, 8, 24, 8, 24, 24, 8, 24]]
        content["annotations"].append(entry)
    file = tmp_path / "set.json"
    file.write_text(json.dumps(content))
    save_some_adapter(tmp_path / "adapter")
    return {
        "data": ["--images", str(tmp_path / "images"), "--points", str(file)],
        "masks": ["--annotations", str(file)],
        "adapter": ["--adapter", str(tmp_path / "adapter")],
    }


def test_each_image_gets_its_panels(files, tmp_path):
    out = ["--output", str(tmp_path / "out")]
    assert main(["figure", *files["data"], *files["masks"], *files["adapter"], *out]) == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.png", "b.png"]
    with Image.open(tmp_path / "out" / "a.png") as picture:
        assert picture.width > 4 * 640
    two = ["--output", str(tmp_path / "two"), "--only", "b.png", "--side", "128"]
    assert main(["figure", *files["data"], *two]) == 0
    assert [p.name for p in (tmp_path / "two").iterdir()] == ["b.png"]


def test_a_sheet_stacks_the_telling_images(files, tmp_path):
    out = ["--sheet", "1", "-o", str(tmp_path / "sheet.PNG")]
    assert main(["figure", *files["data"], *files["masks"], *files["adapter"], *out]) == 0
    with Image.open(tmp_path / "sheet.PNG") as picture:
        assert picture.height > 2 * 480


def test_masks_of_a_file_are_drawn_beside_the_models(files, tmp_path, capsys):
    labels = files["masks"][1]
    everything = [*files["data"], *files["masks"], *files["adapter"], "--masks", labels]
    sheet = ["--sheet", "1", "--rank", "iou", "-o", str(tmp_path / "sheet.png")]
    assert main(["figure", *everything, *sheet]) == 0
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.width > 5 * 640
    others = json.loads(Path(labels).read_text())
    others["annotations"].pop()
    (tmp_path / "others.json").write_text(json.dumps(others))
    given = ["--masks", str(tmp_path / "others.json"), "-o", str(tmp_path / "out")]
    assert main(["figure", *files["data"], *given]) == 2
    assert "no mask of object 2 in b.png" in capsys.readouterr().err


def test_what_cannot_be_drawn_says_why(files, tmp_path, capsys):
    everything = [*files["data"], *files["masks"], *files["adapter"]]
    refused = {
        "ranks images by IoU": [*files["data"], "--sheet", "1", "-o", str(tmp_path / "a.png")],
        "a sheet is one .png": [*everything, "--sheet", "1", "-o", str(tmp_path / "a")],
        "lists no such image": [*everything, "--only", "c.png", "-o", str(tmp_path / "a")],
        "--rank: for --sheet alone": [*everything, "--rank", "iou", "-o", str(tmp_path / "a")],
        "exists already": [*everything, "-o", str(tmp_path / "images")],
    }
    for message, arguments in refused.items():
        assert main(["figure", *arguments]) == 2
        assert message in capsys.readouterr().err
