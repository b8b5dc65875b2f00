import json

import numpy as np
import pytest
from PIL import Image

from pointsam.data.coco.annotations import read_points, write_points
from pointsam.data.prepare.oriented_boxes import (
    ImageBoxes,
    OrientedBox,
    centres,
    label_names,
    read_boxes,
    write_boxes,
)
from pointsam.errors import InputError

SQUARE = np.array([[2.0, 1.0], [6.0, 1.0], [6.0, 5.0], [2.0, 5.0]])
DOTA = """imagesource:GoogleEarth
gsd:0.146
2.0 1.0 6.0 1.0 6.0 5.0 2.0 5.0 small-vehicle 0
20 10 60 10 60 50 20 50 ship 1

0 0 4 0 4 4 0 4 ship
"""


def _images():
    boxes = (
        OrientedBox(7, "tennis court", SQUARE, 0.75),
        OrientedBox(9, "ship", SQUARE * 2 + 0.25, 0.5, difficult=True),
    )
    return [ImageBoxes("a", boxes, (40, 50)), ImageBoxes("b", (), (30, 30))]


def test_coco_gives_back_what_was_written(tmp_path):
    write_boxes(_images(), tmp_path / "out")
    for image, again in zip(_images(), read_boxes(tmp_path / "out" / "boxes.json"), strict=True):
        assert (image.name, image.size) == (again.name, again.size)
        for box, found in zip(image.boxes, again.boxes, strict=True):
            assert (box.id, box.category, box.score) == (found.id, found.category, found.score)
            assert box.difficult == found.difficult
            assert np.array_equal(box.corners, found.corners)


def test_images_of_one_name_in_two_folders_stay_two(tmp_path):
    files = ["a/1.jpg", "b/1.jpg", "c/2.v1.jpg"]
    assert label_names(files) == ["a_1", "b_1", "2.v1"]
    boxes = (OrientedBox(7, "ship", SQUARE),)
    images = [
        ImageBoxes(name, boxes, (9, 9), file)
        for name, file in zip(label_names(files), files, strict=True)
    ]
    write_boxes(images, tmp_path / "out")
    written = sorted(path.name for path in (tmp_path / "out" / "labelTxt").iterdir())
    assert written == ["2.v1.txt", "a_1.txt", "b_1.txt"]
    again = read_boxes(tmp_path / "out" / "boxes.json")
    assert [(i.name, i.file_name) for i in again] == [(i.name, i.file_name) for i in images]
    with pytest.raises(InputError, match=r"of a/1\.jpg and a/1\.png would both be a_1\.txt"):
        label_names(["a/1.jpg", "a/1.png"])


def test_dota_lines_hold_corners_class_and_difficulty(tmp_path):
    write_boxes(_images(), tmp_path / "out")
    lines = (tmp_path / "out" / "labelTxt" / "a.txt").read_text().splitlines()
    assert lines[0] == "2.00 1.00 6.00 1.00 6.00 5.00 2.00 5.00 tennis-court 0"
    assert lines[1].endswith("ship 1")
    assert (tmp_path / "out" / "labelTxt" / "b.txt").read_text() == ""
    [first, second] = read_boxes(tmp_path / "out")[0].boxes
    assert (first.id, second.id, second.difficult) == (1, 2, True)


def test_dota_headers_are_skipped_and_a_missing_difficulty_is_none(tmp_path):
    (tmp_path / "P1.txt").write_text(DOTA)
    [image] = read_boxes(tmp_path)
    assert [box.category for box in image.boxes] == ["small-vehicle", "ship", "ship"]
    assert [box.difficult for box in image.boxes] == [False, True, False]
    assert np.array_equal(image.boxes[0].corners, SQUARE)


def test_an_output_is_never_overwritten(tmp_path):
    write_boxes(_images(), tmp_path / "out")
    with pytest.raises(InputError, match="exists already"):
        write_boxes(_images(), tmp_path / "out")


def test_centres_of_dota_boxes_make_a_point_file(tmp_path):
    (tmp_path / "P1.txt").write_text(DOTA)
    (tmp_path / "images").mkdir()
    Image.new("RGB", (30, 20)).save(tmp_path / "images" / "P1.png")
    points = centres(read_boxes(tmp_path), tmp_path / "images")
    assert points.dropped == ("P1.png: box 2 has its centre off the image",)
    write_points(points, tmp_path / "points.json")
    [image] = read_points(tmp_path / "points.json").images
    assert image.size == (20, 30)
    assert [(i.id, i.category, i.points) for i in image.instances] == [
        (1, "small-vehicle", ((3.5, 2.5, 1),)),
        (3, "ship", ((1.5, 1.5, 1),)),
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"P1.txt has no image P1"):
        centres(read_boxes(tmp_path), tmp_path / "empty")


def test_what_is_no_box_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no boxes at"):
        read_boxes(tmp_path / "missing.json")
    with pytest.raises(InputError, match="no DOTA label file"):
        read_boxes(tmp_path)
    (tmp_path / "P1.txt").write_text("1 2 3 4 five 6 7 8 ship 0\n")
    with pytest.raises(InputError, match=r"P1\.txt, line 1: '1 2 3 4 five"):
        read_boxes(tmp_path)
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(InputError, match="not COCO JSON of boxes"):
        read_boxes(tmp_path / "a.json")
    masks = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "categories": [{"id": 1, "name": "ship"}],
        "annotations": [{"id": 5, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 1]]}],
    }
    (tmp_path / "b.json").write_text(json.dumps(masks))
    with pytest.raises(InputError, match="annotation 5 is no box of four corners"):
        read_boxes(tmp_path / "b.json")
