"""Masks of a file that are of an image of another size are refused by name."""

import json

import numpy as np
import pytest
from PIL import Image

from pointsam.cli.main import main
from pointsam.data.coco.masks import to_rle

SQUARE = [[2, 2, 8, 2, 8, 8, 2, 8]]


def coco(path, size, segmentation, **further):
    height, width = size
    entry = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": segmentation, **further}
    image = {"id": 1, "file_name": "a.png", "height": height, "width": width}
    names = [{"id": 1, "name": "tank"}]
    path.write_text(json.dumps({"images": [image], "annotations": [entry], "categories": names}))
    return str(path)


@pytest.fixture(params=["polygon", "rle"])
def files(request, tmp_path):
    """True masks with clicks on an image of 32 x 48 px, and others of one of half its size."""
    Image.fromarray(np.zeros((32, 48, 3), np.uint8)).save(tmp_path / "a.png")
    half = np.zeros((16, 24), dtype=bool)
    half[2:8, 2:8] = True
    other = SQUARE if request.param == "polygon" else to_rle(half)
    true = coco(tmp_path / "true.json", (32, 48), SQUARE, points=[[4, 4, 1]])
    return true, coco(tmp_path / "half.json", (16, 24), other)


def test_they_are_not_scored(files, tmp_path, capsys):
    true, half = files
    given = ["evaluate", "--annotations", true, "--masks", half, "-o", str(tmp_path / "out")]
    assert main(given) == 2
    assert "a.png are of an image of [16, 24] px" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_they_are_not_drawn(files, tmp_path, capsys):
    true, half = files
    data = ["--images", str(tmp_path), "--points", true, "--masks", half]
    assert main(["figure", *data, "-o", str(tmp_path / "out")]) == 2
    assert "a.png are of an image of [16, 24] px" in capsys.readouterr().err
