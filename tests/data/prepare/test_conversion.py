import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from pointsam.data.coco.annotations import read_coco
from pointsam.data.dataset import draw_masks
from pointsam.data.prepare import conversion
from pointsam.data.prepare.conversion import convert, labels_without_image, pair_tiles
from pointsam.data.prepare.label_rasters import LabelRule
from pointsam.errors import InputError

RULE = LabelRule(category="building")


def make_tiles(folder, count, size=(20, 30), seed=0):
    """Images and label rasters of two rectangles each; every third has none."""
    rng = np.random.default_rng(seed)
    for name in ("image", "label"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        labels = np.zeros(size, dtype=np.uint8)
        if number % 3:
            labels[2:5, 3 : 6 + number % 7] = 255
            labels[10:15, 3:25] = 255
        Image.fromarray(labels).save(folder / f"label/{number:03}.tif")
        pixels = rng.integers(0, 255, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"image/{number:03}.png")
    return pair_tiles(folder / "image", folder / "label")


def test_tiles_become_one_coco_file(tmp_path):
    tiles = make_tiles(tmp_path, 4)
    assert list(convert(tiles, RULE, tmp_path / "out/masks.json")) == tiles
    data = read_coco(tmp_path / "out/masks.json")
    assert [image.file_name for image in data.images] == [
        "000.png",
        "001.png",
        "002.png",
        "003.png",
    ]
    assert [len(image.instances) for image in data.images] == [0, 2, 2, 0]
    assert [i.id for image in data.images for i in image.instances] == [1, 2, 3, 4]
    assert data.categories == ("building",)
    assert data.images[0].size == (20, 30)
    labels = np.array(Image.open(tiles[2].label)) > 0
    assert np.array_equal(draw_masks([data.images[2]])[0].any(dim=0).numpy(), labels)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["masks.json"]


def test_area_and_box_are_cocos_own(tmp_path):
    for _ in convert(make_tiles(tmp_path, 2), RULE, tmp_path / "masks.json"):
        pass
    first = json.loads((tmp_path / "masks.json").read_text())["annotations"][0]
    assert first["area"] == 12
    assert first["bbox"] == [3, 2, 4, 3]
    assert first["iscrowd"] == 0


@pytest.mark.parametrize("cut", [0, 7])
def test_a_stopped_conversion_goes_on(tmp_path, monkeypatch, cut):
    tiles = make_tiles(tmp_path, 6)
    for _ in convert(tiles, RULE, tmp_path / "whole.json"):
        pass
    stopped = convert(tiles, RULE, tmp_path / "masks.json")
    for _ in range(3):
        next(stopped)
    stopped.close()
    journal = tmp_path / ".masks.json.unfinished"
    assert not (tmp_path / "masks.json").exists()
    journal.write_text(journal.read_text()[: -cut or None])

    read = []
    monkeypatch.setattr(
        conversion, "read_labels", lambda p, f=conversion.read_labels: read.append(p) or f(p)
    )
    assert list(convert(tiles, RULE, tmp_path / "masks.json")) == tiles
    assert len(read) == (4 if cut else 3)
    assert (tmp_path / "masks.json").read_text() == (tmp_path / "whole.json").read_text()
    assert not journal.exists()


def test_another_rule_starts_afresh(tmp_path):
    tiles = make_tiles(tmp_path, 3)
    stopped = convert(tiles, RULE, tmp_path / "masks.json")
    next(stopped)
    stopped.close()
    for _ in convert(tiles, LabelRule(category="roof"), tmp_path / "masks.json"):
        pass
    assert read_coco(tmp_path / "masks.json").categories == ("roof",)


def test_processes_give_the_same_file(tmp_path, monkeypatch):
    monkeypatch.setattr(conversion, "_FEW", 1)
    tiles = make_tiles(tmp_path, 20)
    for workers in (1, 2):
        for _ in convert(tiles, RULE, tmp_path / f"{workers}.json", workers=workers):
            pass
    assert (tmp_path / "1.json").read_text() == (tmp_path / "2.json").read_text()


def test_processes_do_not_wait_for_torch():
    code = "import sys, pointsam.data.prepare.conversion; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_labels_are_found_by_suffix_in_one_folder(tmp_path):
    for name in ("a.jpg", "a_label.PNG", "b.jpg", "b_label.PNG", "notes.txt"):
        (tmp_path / name).touch()
    tiles = pair_tiles(tmp_path, tmp_path, suffix="_label")
    assert [(t.image.name, t.label.name) for t in tiles] == [
        ("a.jpg", "a_label.PNG"),
        ("b.jpg", "b_label.PNG"),
    ]


def test_labels_without_image_are_named(tmp_path):
    make_tiles(tmp_path, 3)
    images, labels = tmp_path / "image", tmp_path / "label"
    assert labels_without_image(pair_tiles(images, labels), labels) == []
    [removed] = images.glob("001.*")
    removed.unlink()
    [alone] = labels_without_image(pair_tiles(images, labels), labels)
    assert (alone.parent, alone.stem) == (labels, "001")
    for name in ("a.jpg", "a_label.png", "b_label.png", "other.png"):
        (tmp_path / name).touch()
    (tmp_path / "other_label.png").touch()
    tiles = pair_tiles(tmp_path, tmp_path, suffix="_label")
    alone = labels_without_image(tiles, tmp_path, suffix="_label")
    assert [path.name for path in alone] == ["b_label.png"]


def test_images_without_one_label_are_refused(tmp_path):
    make_tiles(tmp_path, 2)
    images, labels = tmp_path / "image", tmp_path / "label"
    (labels / "001.png").touch()
    with pytest.raises(InputError, match=r"001\.png has 2 label rasters 001\.\*"):
        pair_tiles(images, labels)
    for path in labels.glob("001.*"):
        path.unlink()
    with pytest.raises(InputError, match=r"001\.png has no label raster 001\.\* in"):
        pair_tiles(images, labels)
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="holds no images"):
        pair_tiles(tmp_path / "none", labels)
    with pytest.raises(FileNotFoundError, match="no image folder"):
        pair_tiles(tmp_path / "nowhere", labels)


def test_a_bad_tile_ends_the_conversion_by_name_and_loses_nothing(tmp_path):
    tiles = make_tiles(tmp_path, 3)
    Image.new("L", (9, 8)).save(tiles[2].label)
    with pytest.raises(InputError, match=r"002\.tif is 8 x 9 px .* 002\.png is 20 x 30"):
        list(convert(tiles, RULE, tmp_path / "masks.json"))
    assert not (tmp_path / "masks.json").exists()
    Image.fromarray(np.arange(600, dtype=np.int32).reshape(20, 30)).save(tiles[2].label)
    with pytest.raises(InputError, match=r"002\.tif holds the values \[2, 3, 4, 5, 6\] beside"):
        list(convert(tiles, RULE, tmp_path / "masks.json"))
    Image.new("L", (30, 20)).save(tiles[2].label)
    assert len(list(convert(tiles, RULE, tmp_path / "masks.json"))) == 3


def test_nothing_is_overwritten(tmp_path):
    tiles = make_tiles(tmp_path, 1)
    (tmp_path / "masks.json").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        list(convert(tiles, RULE, tmp_path / "masks.json"))
