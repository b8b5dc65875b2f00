import pytest

from pointsam.data.coco.annotations import read_coco
from pointsam.data.prepare.layouts import LAYOUTS, find_all, layout
from pointsam.errors import InputError


def make(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        if path.endswith("/"):
            (root / path).mkdir()
        else:
            (root / path).touch()


@pytest.mark.parametrize(
    ("name", "split", "images", "annotations"),
    [
        ("nwpu", "val", "Images/", "Annotations/NWPU_instances_val.json"),
        ("nwpu", "train", "Images/", "Annotations/NWPU_instnaces_train.json"),
        ("nwpu", "train", "images/", "annotations/nwpu_instances_train.JSON"),
        ("whu", "test", "images/test/image/", "annotations/WHU_building_test.json"),
        ("hrsid", "inshore_test", "Images/", "Annotations/inshore/inshore_test.json"),
        ("hrsid", "all_train", "JPEGImages/", "annotations/train2017.json"),
        ("hrsid", "all_test", "Images/", "Annotations/all/test2017.json"),
    ],
)
def test_each_spelling_of_a_tree_is_found(tmp_path, name, split, images, annotations):
    make(tmp_path, images, annotations)
    paths = layout(name, tmp_path, split)
    assert paths.images == tmp_path / images
    assert paths.annotations == tmp_path / annotations


def test_the_right_spelling_wins(tmp_path):
    both = [f"Annotations/NWPU_{word}_val.json" for word in ("instnaces", "instances")]
    make(tmp_path, "Images/", *both)
    assert layout("nwpu", tmp_path, "val").annotations.name == "NWPU_instances_val.json"


def test_what_was_looked_for_is_said(tmp_path):
    make(tmp_path, "Images/")
    with pytest.raises(FileNotFoundError) as caught:
        layout("nwpu", tmp_path, "val")
    message = str(caught.value)
    assert "no annotations of NWPU VHR-10 val" in message
    assert str(tmp_path / "Annotations/NWPU_instances_val.json") in message
    assert "NWPU_instnaces_val.json" in message
    with pytest.raises(FileNotFoundError, match="pointsam data convert whu"):
        layout("whu", tmp_path, "val")


def test_what_is_there_and_what_is_not(tmp_path):
    make(tmp_path, "images/train/image/", "images/val/image/", "annotations/WHU_building_val.json")
    found = {(place.split, place.what): place.found for place in find_all("whu", tmp_path)}
    assert {key for key, path in found.items() if path is None} == {
        ("train", "annotations"), ("test", "images"), ("test", "annotations")
    }  # fmt: skip


def test_unknown_names_list_the_known(tmp_path):
    with pytest.raises(InputError, match=r"no data set 'coco' is known, only nwpu, whu, hrsid"):
        layout("coco", tmp_path, "train")
    with pytest.raises(InputError, match="WHU Building has no split 'all', it has train, val"):
        layout("whu", tmp_path, "all")
    with pytest.raises(FileNotFoundError, match="no folder"):
        find_all("nwpu", tmp_path / "nowhere")


def test_the_real_trees_are_found(shared):
    for split in LAYOUTS["nwpu"].splits:
        paths = layout("nwpu", shared / "data/NWPU", split)
        assert all(
            (paths.images / i.file_name).is_file() for i in read_coco(paths.annotations).images
        )
    hrsid = {p.split for p in find_all("hrsid", shared / "data/HRSID") if p.found}
    assert hrsid == {"inshore_test"}
