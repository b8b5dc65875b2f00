"""Files as LabelImg, Ultralytics, CVAT, Roboflow and DOTA write them, by the source of each."""

import pytest
from tests.data.clicks.tool_files import found, image, write

from pointsam.data.clicks.formats import read_clicks
from pointsam.errors import InputError


def test_yolo_class_names_are_found_wherever_they_lie(tmp_path):
    image(tmp_path / "images/train/a.jpg")
    image(tmp_path / "images/train/b.JPG")
    write(tmp_path / "labels/train/a.txt", "0 .5 .5 .2 .1\n")
    write(tmp_path / "labels/train/b.TXT", "1 .5 .5 .2 .1\n")
    write(tmp_path / "labels/train/train.txt", "images/train/a.jpg\n")
    args = {"images": tmp_path / "images/train"}
    unnamed = read_clicks(tmp_path / "labels/train", **args)
    assert unnamed.categories == ("class 0", "class 1")
    assert "no class names were found" in unnamed.notes[0]
    write(tmp_path / "data.yaml", "names: {0: ship, 1: plane}\n")
    assert read_clicks(tmp_path / "labels/train", **args).categories == ("ship", "plane")
    whole = read_clicks(tmp_path / "labels", images=tmp_path / "images")
    assert set(found(whole)) == {"train/a.jpg", "train/b.JPG"}
    write(tmp_path / "classes.txt", "ship\nboat\n")
    with pytest.raises(InputError, match="name the classes differently"):
        read_clicks(tmp_path / "labels/train", **args)


def test_cvat_and_darknet_name_classes_in_obj_names(tmp_path):
    # "YOLO 1.1" of CVAT: images and labels in one folder, names above.
    image(tmp_path / "Y/obj_train_data/a.jpg")
    write(tmp_path / "Y/obj_train_data/a.txt", "1 .5 .5 .2 .1\n")
    write(tmp_path / "Y/obj.names", "ship\nBackground\n")
    write(tmp_path / "Y/train.txt", "data/obj_train_data/a.jpg\n")
    data = read_clicks(tmp_path / "Y/obj_train_data", images=tmp_path / "Y/obj_train_data")
    assert data.images[0].background_points == ((14.5, 9.5),)


def test_each_folder_of_labelimg_has_its_own_list(tmp_path):
    # YOLOWriter.save writes classes.txt beside every label file, in the order of first use.
    for name, classes in (("train", "ship\nplane\n"), ("val", "plane\nship\n")):
        image(tmp_path / "I" / name / "a.jpg")
        write(tmp_path / "L" / name / "a.txt", "0 0.500000 0.500000 0.200000 0.100000\n")
        write(tmp_path / "L" / name / "classes.txt", classes)
    data = read_clicks(tmp_path / "L", images=tmp_path / "I")
    assert found(data) == {
        "train/a.jpg": [("ship", (14.5, 9.5, 1))],
        "val/a.jpg": [("plane", (14.5, 9.5, 1))],
    }
    assert data.notes == ()


def test_a_list_of_another_folder_is_named(tmp_path):
    image(tmp_path / "I/a.jpg")
    write(tmp_path / "Y/labels/a.txt", "1 .5 .5 .2 .1\n")
    write(tmp_path / "Y/classes.txt", "ship\nplane\n")
    write(tmp_path / "data.yaml", "names: [boat, car]\n")
    data = read_clicks(tmp_path / "Y/labels", images=tmp_path / "I")
    assert data.categories == ("plane",)
    assert "named by" in data.notes[0]
    assert "classes.txt" in data.notes[0]
    assert "data.yaml, which differs" in data.notes[1]


def test_a_list_that_lacks_a_class_is_refused(tmp_path):
    image(tmp_path / "I/a.jpg")
    write(tmp_path / "Y/a.txt", "2 .5 .5 .2 .1\n")
    write(tmp_path / "Y/classes.txt", "ship\nplane\n")
    with pytest.raises(InputError, match=r"line 1 has class 2, .*classes\.txt names 0 to 1"):
        read_clicks(tmp_path / "Y", images=tmp_path / "I")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("_darknet.labels", "ship\nplane\n"),  # Roboflow, "YOLO Darknet"
        ("dota.names", "ship\nplane\n"),  # Darknet: obj.data may name any
        ("dota8.yaml", "path: dota8\ntrain: images/train\nnames:\n  0: ship\n  1: plane\n"),
    ],
)
def test_lists_of_other_names_are_read(tmp_path, name, text):
    image(tmp_path / "D/train/a.jpg")
    write(tmp_path / "D/train/a.txt", "1 .5 .5 .2 .1\n")
    write(tmp_path / "D/train" / name, text)
    write(tmp_path / "D/train/settings.yaml", "names: [mine]\n")
    data = read_clicks(tmp_path / "D/train", images=tmp_path / "D/train")
    assert data.categories == ("plane",)


def test_two_data_sets_above_the_labels_name_none(tmp_path):
    image(tmp_path / "I/a.jpg")
    write(tmp_path / "Y/labels/a.txt", "1 .5 .5 .2 .1\n")
    for name in ("coco8", "dota8"):
        write(tmp_path / f"{name}.yaml", f"train: images\nnames: [a, {name}]\n")
    data = read_clicks(tmp_path / "Y/labels", images=tmp_path / "I")
    assert data.categories == ("class 1",)
    assert "nothing tells which is of the labels" in data.notes[0]


def test_boxes_by_four_corners_are_clicked_in_their_middle(tmp_path):
    # "YOLO OBB" of Ultralytics, CVAT and Label Studio; a prediction has a score at its end.
    image(tmp_path / "I/a.jpg")
    corners = "0.1 0.1 0.3 0.2 0.2 0.5 0 0.4"
    write(tmp_path / "Y/a.txt", f"0 {corners}\n0 {corners} 0.87\n")
    data = read_clicks(tmp_path / "Y", images=tmp_path / "I")
    assert found(data) == {"a.jpg": [("class 0", (pytest.approx(4), pytest.approx(5.5), 1))] * 2}


def test_polygons_and_poses_are_refused(tmp_path):
    image(tmp_path / "I/a.jpg")
    write(tmp_path / "Y/a.txt", "0 0.1 0.1 0.3 0.2 0.2 0.5\n")
    with pytest.raises(InputError, match="line 1 has 7 values, expected a box"):
        read_clicks(tmp_path / "Y", images=tmp_path / "I")


def test_lists_of_paths_are_no_labels_and_images_called_test_are(tmp_path):
    # convert_coco of Ultralytics writes train2017.txt; CVAT lists paths in train.txt.
    image(tmp_path / "D/images/test.jpg")
    write(tmp_path / "D/labels/test.txt", "0 .5 .5 .2 .1\n")
    write(tmp_path / "D/train2017.txt", "./images/test.jpg\n")
    write(tmp_path / "D/train.txt", "./images/test.jpg\n")
    assert set(found(read_clicks(tmp_path / "D", images=tmp_path / "D"))) == {"images/test.jpg"}


def test_labels_of_sub_folders_find_their_images(tmp_path):
    # "Ultralytics YOLO Detection" of CVAT: images and labels of each part, names by number above.
    image(tmp_path / "images/Train/north/a.jpg")
    write(tmp_path / "labels/Train/north/a.txt", "0 0.500000 0.500000 0.200000 0.100000 7\n")
    write(tmp_path / "data.yaml", "names:\n  0: ship\npath: .\nTrain: Train.txt\n")
    write(tmp_path / "Train.txt", "data/images/Train/north/a.jpg\n")
    data = read_clicks(tmp_path, images=tmp_path)
    assert found(data) == {"images/Train/north/a.jpg": [("ship", (14.5, 9.5, 1))]}


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("yolo", "0 0.5 0.5 0.2 0.1"),
        ("dota", "10 5 20 5 20 15 10 15 ship 0"),
        ("nwpu", "(10,5),(20,15),2"),
    ],
)
def test_two_images_of_one_stem_are_refused(tmp_path, name, line):
    write(tmp_path / name / "a.txt", line)
    image(tmp_path / "I/a.jpg")
    assert found(read_clicks(tmp_path / name, images=tmp_path / "I"))["a.jpg"]
    image(tmp_path / "I/a.png")
    with pytest.raises(InputError, match=r"a\.txt is of a\.jpg or of a\.png"):
        read_clicks(tmp_path / name, images=tmp_path / "I")


def test_a_folder_of_images_is_listed_once_for_all_label_files(tmp_path, monkeypatch):
    for number in range(5):
        image(tmp_path / f"I/{number}.jpg")
        write(tmp_path / f"L/{number}.txt", "0 0.5 0.5 0.2 0.1")
    listed = []
    plain = type(tmp_path).iterdir
    monkeypatch.setattr(
        type(tmp_path), "iterdir", lambda path: (listed.append(path), plain(path))[1]
    )
    assert len(found(read_clicks(tmp_path / "L", images=tmp_path / "I"))) == 5
    assert listed.count(tmp_path / "I") == 1


def test_roboflow_exports_of_yolo_are_read(tmp_path):
    # data.yaml above, a folder of images and one of labels in each split, a hash in each name.
    name = "field_jpg.rf.0a1b2c3d4e5f60718293a4b5c6d7e8f9"
    image(tmp_path / "train/images" / f"{name}.jpg")
    write(tmp_path / "train/labels" / f"{name}.txt", "1 0.5 0.5 0.2 0.2")
    yaml = "train: ../train/images\nval: ../valid/images\nnc: 2\nnames: ['car', 'ship']\n"
    write(tmp_path / "data.yaml", f"{yaml}\nroboflow:\n  workspace: a\n  version: 3\n")
    data = read_clicks(tmp_path / "train/labels", images=tmp_path / "train/images")
    assert found(data) == {f"{name}.jpg": [("ship", (14.5, 9.5, 1))]}


def test_dota_of_all_versions_is_read(tmp_path):
    # 1.0 and 1.5 begin with two lines on the image, of which gsd may be null; 2.0 has none.
    box = "4.0 4.0 10.0 4.0 10.0 8.0 4.0 8.0 large-vehicle 1\n"
    for number, head in enumerate(("imagesource:GoogleEarth\ngsd:0.146\n", "gsd:null\n", "")):
        image(tmp_path / "I" / f"{number}.png")
        write(tmp_path / "labelTxt" / f"{number}.txt", head + box)
    data = read_clicks(tmp_path / "labelTxt", images=tmp_path / "I")
    assert list(found(data).values()) == [[("large-vehicle", (6.5, 5.5, 1))]] * 3


@pytest.mark.parametrize(
    ("ending", "category"),
    [
        ("storage tank 0", "storage tank"),  # as X-AnyLabeling writes any label
        ("storage tank", "storage tank"),
        ("Boeing 737 1", "Boeing 737"),
        ("ship 0.93", "ship"),
        ("ship", "ship"),
    ],
)
def test_a_class_of_dota_may_be_of_several_words(tmp_path, ending, category):
    image(tmp_path / "I/1.png")
    write(tmp_path / "L/1.txt", f"4 4 10 4 10 8 4 8 {ending}\n")
    data = read_clicks(tmp_path / "L", images=tmp_path / "I")
    assert found(data) == {"1.png": [(category, (6.5, 5.5, 1))]}


def test_a_polygon_of_five_corners_is_no_box_of_dota(tmp_path):
    image(tmp_path / "I/1.png")
    box, more = "4 4 10 4 10 8 4 8", "3 6 ship 0"
    write(tmp_path / "L/1.txt", f"{box} ship 0\n{box} {more}\n")
    with pytest.raises(InputError, match="line 2 is not eight numbers, a class and a difficulty"):
        read_clicks(tmp_path / "L", images=tmp_path / "I")


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("train/images", "train/labelTxt-v1.5/labelTxt"),  # as DOTA's archives unpack
        ("trainval/images", "trainval/annfiles"),  # as mmrotate cuts the images
        ("images/train", "labels/train_original"),  # as Ultralytics wants DOTA
    ],
)
def test_dota_lies_beside_its_images(tmp_path, images, labels):
    image(tmp_path / images / "P0001.png")
    write(tmp_path / labels / "P0001.txt", "4.0 4.0 10.0 4.0 10.0 8.0 4.0 8.0 ship 2\r\n")
    data = read_clicks(tmp_path / labels, images=tmp_path / images)
    assert [*found(data).values()] == [[("ship", (6.5, 5.5, 1))]]
    if "original" not in labels:
        whole = read_clicks(tmp_path, images=tmp_path)
        assert set(found(whole)) == {f"{images}/P0001.png"}


def test_roboflow_exports_of_coco_are_read(tmp_path):
    # Ids from 0, a first category for the group of the others, the user's name of an image in
    # "extra"; key points of a class of two.
    name = "field_jpg.rf.0a1b2c3d4e5f60718293a4b5c6d7e8f9.jpg"
    content = {
        "info": {"year": "2024", "version": "3", "description": "Exported from roboflow.com"},
        "licenses": [{"id": 1, "url": "", "name": "CC BY 4.0"}],
        "categories": [{"id": 0, "name": "ships", "supercategory": "none"},
                       {"id": 1, "name": "ship", "supercategory": "ships",
                        "keypoints": ["bow", "stern"], "skeleton": [[0, 1]]}],
        "images": [{"id": 0, "license": 1, "file_name": name, "height": 20, "width": 30,
                    "date_captured": "2024-01-01T00:00:00+00:00", "extra": {"name": "field.jpg"}}],
        "annotations": [{"id": 0, "image_id": 0, "category_id": 1, "bbox": [1, 2, 6, 4.5],
                         "area": 27, "segmentation": [], "iscrowd": 0,
                         "keypoints": [2, 3, 2, 0, 0, 0]}],
    }  # fmt: skip
    path = write(tmp_path / "train/_annotations.coco.json", content)
    image(tmp_path / "train" / name)
    data = read_clicks(path, images=tmp_path / "train")
    assert found(data) == {name: [("ship", (2, 3, 1))]}
