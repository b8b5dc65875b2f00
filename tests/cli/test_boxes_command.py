import json

import numpy as np
import pyogrio
import pytest
import shapely
from PIL import Image

from pointsam.cli.main import main
from pointsam.data.coco.masks import to_rle


def _coco(path, masks, *, scores=None):
    """One image with an RLE mask an object."""
    content = {
        "images": [{"id": 1, "file_name": "a.png", "height": 60, "width": 80}],
        "categories": [{"id": 1, "name": "ground track field"}],
        "annotations": [
            {
                "id": 5 + number,
                "image_id": 1,
                "category_id": 1,
                "iscrowd": 0,
                "segmentation": to_rle(mask),
                **({"score": scores[number]} if scores else {}),
            }
            for number, mask in enumerate(masks)
        ],
    }
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def masks():
    drawn = np.zeros((2, 60, 80), dtype=bool)
    drawn[0, 10:20, 10:40] = True
    drawn[1, 30:50, 50:60] = True
    return drawn


def test_boxes_of_masks_score_as_the_masks_do(tmp_path, masks, capsys):
    moved = np.roll(masks, 5, axis=2)
    truth = _coco(tmp_path / "truth.json", masks)
    found = _coco(tmp_path / "found.json", moved, scores=[0.5, 0.25])
    for name, file in (("truth", truth), ("found", found)):
        arguments = ["--masks", str(file), "-o", str(tmp_path / name)]
        assert main(["boxes", "make", *arguments]) == 0
    entries = json.loads((tmp_path / "found" / "boxes.json").read_text())["annotations"]
    assert [entry["score"] for entry in entries] == [0.5, 0.25]
    assert entries[0]["bbox"] == [15, 10, 30, 10]
    capsys.readouterr()

    arguments = ["--boxes", str(tmp_path / "found" / "boxes.json"), "-o", str(tmp_path / "scores")]
    truth = ["--truth", str(tmp_path / "truth" / "labelTxt")]
    assert main(["boxes", "evaluate", *truth, *arguments]) == 0
    scores = json.loads((tmp_path / "scores" / "box_scores.json").read_text())
    # 30 px wide by 10 px, moved 5 px: 25/35; 10 px wide, moved 5 px: 1/3. DOTA's lines have no ids.
    assert scores["missing"] == 2
    assert scores["mean_ap50"] == pytest.approx(6 / 11)
    truth = ["--truth", str(tmp_path / "truth" / "boxes.json")]
    assert main(["boxes", "evaluate", *truth, *arguments[:2]]) == 0
    assert "ground-track-field   54.5    52.4" in capsys.readouterr().out


def test_polygons_of_a_scene_give_boxes_on_the_map(tmp_path, capsys):
    triangle = shapely.MultiPolygon([shapely.Polygon([(0, 0), (40, 0), (0, 30)])])
    pyogrio.raw.write(
        tmp_path / "instances.gpkg",
        np.array([shapely.to_wkb(triangle), None], dtype=object),
        [np.array([7, 8])],
        ["point_id"],
        geometry_type="MultiPolygon",
        crs="EPSG:32631",
    )
    arguments = ["--masks", str(tmp_path / "instances.gpkg"), "-o", str(tmp_path / "boxes.GPKG")]
    assert main(["boxes", "make", *arguments]) == 0
    assert capsys.readouterr().out.startswith("1 boxes")
    meta, _, geometry, columns = pyogrio.raw.read(tmp_path / "boxes.GPKG")
    assert meta["crs"] == "EPSG:32631"
    assert columns[0].tolist() == [7]
    assert shapely.from_wkb(geometry[0]).area == pytest.approx(1200)
    assert main(["boxes", "make", *arguments]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["boxes", "make", *arguments[:3], str(tmp_path / "b"), "--one-part"]) == 2
    assert "for COCO masks" in capsys.readouterr().err
    assert main(["boxes", "make", *arguments[:3], str(tmp_path / "b")]) == 2
    assert "new .gpkg file" in capsys.readouterr().err


def test_dota_labels_become_a_point_file(tmp_path, capsys):
    (tmp_path / "labels").mkdir()
    (tmp_path / "images").mkdir()
    (tmp_path / "labels" / "P1.txt").write_text("2 1 6 1 6 5 2 5 ship 0\n")
    Image.new("RGB", (30, 20)).save(tmp_path / "images" / "P1.png")
    folders = ["--labels", str(tmp_path / "labels"), "--images", str(tmp_path / "images")]
    assert main(["boxes", "points", *folders, "-o", str(tmp_path / "points.json")]) == 0
    [entry] = json.loads((tmp_path / "points.json").read_text())["annotations"]
    assert entry["points"] == [[3.5, 2.5, 1]]
    assert main(["boxes", "points", *folders, "-o", str(tmp_path / "points.json")]) == 2
    assert "exists already" in capsys.readouterr().err


def test_what_cannot_be_scored_says_why(tmp_path, masks, capsys):
    truth = _coco(tmp_path / "truth.json", masks)
    both = ["--truth", str(truth), "--boxes", str(truth)]
    assert main(["boxes", "evaluate", *both]) == 2
    assert "is no box of four corners" in capsys.readouterr().err
    missing = ["--truth", str(tmp_path / "none"), "--boxes", str(truth)]
    assert main(["boxes", "evaluate", *missing]) == 2
    assert "no boxes at" in capsys.readouterr().err
    make = ["boxes", "make", "--masks", str(truth), "-o", str(tmp_path / "out")]
    assert main([*make, "--trim-bridges", "-1"]) == 2
    assert "give a width" in capsys.readouterr().err
