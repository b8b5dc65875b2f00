"""Images of one name with two endings keep a label file each."""

import json
import logging

from pointsam.cli.outlines import OutlineChoice, write_label_files
from pointsam.prediction.polygons import PolygonRules


def test_no_image_loses_its_label_file(tmp_path, caplog):
    names = ["a.png", "a.jpg", "b.png", "a_1.png"]
    content = {
        "images": [
            {"id": number, "file_name": name, "height": 9, "width": 9}
            for number, name in enumerate(names, start=1)
        ],
        "categories": [{"id": 1, "name": "tank"}],
        "annotations": [],
    }
    choice = OutlineChoice(PolygonRules(), ("labelme", "yolo", "cvat"))
    with caplog.at_level(logging.WARNING):
        write_label_files(choice, content, tmp_path)
    labelled = {
        path.name: json.loads(path.read_text())["imagePath"]
        for path in (tmp_path / "labelme").iterdir()
    }
    assert labelled == {
        "a_1_1.json": "a.png",
        "a_2.json": "a.jpg",
        "b.json": "b.png",
        "a_1.json": "a_1.png",
    }
    written = {path.stem for path in (tmp_path / "yolo" / "labels").iterdir()}
    assert written == {"a_1_1", "a_2", "b", "a_1"}
    assert "a.png and a.jpg have one name" in caplog.text
    assert "labelme and yolo" in caplog.text
