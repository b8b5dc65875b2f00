"""Files of label tools say where the masks are, as the tools read them."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml
from PIL import Image, ImageDraw

from pointsam.data.clicks.formats import read_clicks
from pointsam.data.coco.masks import to_rle
from pointsam.prediction.images.label_files import (
    LABEL_FILES,
    LabelledImage,
    labelled_images,
    write_label_studio,
)
from pointsam.prediction.polygons import PolygonRules


@pytest.fixture
def content():
    mask = np.zeros((40, 60), dtype=bool)
    mask[5:15, 10:30] = True
    two = np.zeros((40, 60), dtype=bool)
    two[20:30, 5:15] = two[32:38, 40:50] = True
    masks = [mask, two]
    return masks, {
        "images": [
            {"id": 7, "file_name": "sub/a b.jpg", "height": 40, "width": 60},
            {"id": 8, "file_name": "../c.png", "height": 9, "width": 9},
        ],
        "categories": [{"id": 1, "name": "ship"}, {"id": 2, "name": "a & <b>"}],
        "annotations": [
            {"id": 70 + place, "image_id": 7, "category_id": place + 1, "score": 0.5,
             "segmentation": to_rle(found)}
            for place, found in enumerate(masks)
        ],
    }  # fmt: skip


def drawn(polygons, size=(60, 40)):
    """Fill polygons that are counted from pixel edges."""
    picture = Image.new("1", size)
    for ring in polygons:
        x, y = np.array(ring).T
        box = [x.min(), y.min(), x.max() - 1, y.max() - 1]
        assert len(ring) == 4
        ImageDraw.Draw(picture).rectangle(box, fill=1)
    return np.asarray(picture)


def test_every_format_has_the_masks(content, tmp_path):
    masks, coco = content
    images = list(labelled_images(coco, PolygonRules()))
    for name, write in LABEL_FILES.items():
        write(images, tmp_path / name)

    labelme = json.loads((tmp_path / "labelme/sub/a b.json").read_text())
    rings = [shape["points"] for shape in labelme["shapes"]]
    assert [shape["label"] for shape in labelme["shapes"]] == ["ship", "a & <b>", "a & <b>"]
    assert [shape["group_id"] for shape in labelme["shapes"]] == [None, 71, 71]
    assert labelme["imagePath"] == "a b.jpg"
    assert np.array_equal(drawn(rings[:1]), masks[0])
    assert np.array_equal(drawn(rings[1:]), masks[1])
    assert (tmp_path / "labelme/c.json").is_file()  # and not in the folder above

    [task, _] = json.loads((tmp_path / "label-studio/tasks.json").read_text())
    results = task["predictions"][0]["result"]
    percent = [np.array(r["value"]["points"]) * [0.6, 0.4] for r in results]
    assert np.array_equal(drawn(percent[:1]), masks[0])
    config = ElementTree.parse(tmp_path / "label-studio/config.xml")
    assert [label.get("value") for label in config.iter("Label")] == ["a & <b>", "ship"]

    cvat = ElementTree.parse(tmp_path / "cvat/annotations.xml")
    found = [p.get("points") for p in cvat.iter("polygon")]
    corners = [[list(map(float, c.split(","))) for c in points.split(";")] for points in found]
    assert np.array_equal(drawn(corners[1:]), masks[1])
    assert [p.get("group_id") for p in cvat.iter("polygon")] == [None, "71", "71"]

    names = yaml.safe_load((tmp_path / "yolo/data.yaml").read_text())["names"]
    lines = (tmp_path / "yolo/labels/sub/a b.txt").read_text().splitlines()
    rows = [line.split() for line in lines]
    assert [names[int(row[0])] for row in rows] == ["ship", "a & <b>", "a & <b>"]
    shares = np.array(rows[0][1:], dtype=float).reshape(-1, 2) * [60, 40]
    assert np.array_equal(drawn([shares.round(3)]), masks[0])
    assert (tmp_path / "yolo/labels/c.txt").read_text() == ""


def test_rules_are_applied_before_writing(content):
    _, coco = content
    [image, _] = labelled_images(coco, PolygonRules(min_area=80))
    assert [len(found.rings) for found in image.objects] == [1, 1]


NAMES = ["a&b 1.jpg", "a#b.jpg", "a+b.jpg", "100%.jpg", "a%20b.jpg", "sub/ä?d=x;y=1.jpg", "1.jpg"]


def test_tasks_of_label_studio_are_read_back_under_the_files_own_names(tmp_path):
    for name in NAMES:
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (30, 20)).save(path)
    write_label_studio([LabelledImage(1, name, 30, 20, ()) for name in NAMES], tmp_path)
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    click = {
        "original_width": 30, "original_height": 20, "image_rotation": 0, "id": "a",
        "value": {"x": 10, "y": 10, "width": 0.5, "keypointlabels": ["roof"]},
        "from_name": "kp", "to_name": "image", "type": "keypointlabels",
    }  # fmt: skip
    for task in tasks:
        task["annotations"] = [{"result": [click]}]
    (tmp_path / "back.json").write_text(json.dumps(tasks))
    data = read_clicks(tmp_path / "back.json", images=tmp_path / "images")
    assert [image.file_name for image in data.images] == NAMES
