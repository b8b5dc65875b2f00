"""Label Studio's exports, by the source of its editor (KeyPointRegion) and of its converter."""

import pytest
from tests.data.clicks.tool_files import found, write

from pointsam.data.clicks.formats import read_clicks
from pointsam.errors import InputError


def key_point(number, x, y, *, label="roof", **more):
    """A key point as the export JSON writes it."""
    return {
        "original_width": 30, "original_height": 20, "image_rotation": 0,
        "value": {"x": x, "y": y, "width": 0.5, "keypointlabels": [label]},
        "id": number, "from_name": "kp", "to_name": "image", "type": "keypointlabels", **more,
    }  # fmt: skip


def number_of(region, number):
    """The control ``instance`` of a key point."""
    value = {"x": 10, "y": 10, "width": 0.5, "number": number}
    return {"id": region, "from_name": "instance", "to_name": "image", "type": "number",
            "value": value}  # fmt: skip


def task(results, *, number=1, link="/data/upload/1/0a1b2c3d-1.jpg"):
    return {"id": number, "data": {"image": link}, "annotations": [{"result": results}]}


def test_negative_clicks_of_smart_key_points_are_off_the_object(tmp_path):
    results = [
        key_point("a", 10, 10, is_positive=True), key_point("b", 50, 50, is_positive=False),
        number_of("a", 7), number_of("b", 7), key_point("c", 90, 50, is_positive=False),
    ]  # fmt: skip
    [record] = read_clicks(write(tmp_path / "e.json", [task(results)])).images
    assert [i.points for i in record.instances] == [((2.5, 1.5, 1), (14.5, 9.5, 0))]
    assert record.background_points == ((26.5, 9.5),)


def test_a_positive_smart_key_point_of_the_background_is_off_the_objects(tmp_path):
    results = [key_point("a", 10, 10), key_point("b", 50, 50, label="background", is_positive=True)]
    [record] = read_clicks(write(tmp_path / "e.json", [task(results)])).images
    assert record.background_points == ((14.5, 9.5),)


def test_smart_key_points_without_labels_of_their_own_take_those_of_the_region(tmp_path):
    point = {**key_point("a", 10, 10), "type": "keypoint", "is_positive": True}
    point["value"] = {"x": 10, "y": 10, "width": 0.5, "labels": ["roof"]}
    data = read_clicks(write(tmp_path / "e.json", [task([point])]))
    assert found(data) == {"1.jpg": [("roof", (2.5, 1.5, 1))]}


def test_relations_between_regions_are_left_out(tmp_path):
    relation = {"from_id": "a", "to_id": "b", "type": "relation", "direction": "right"}
    results = [key_point("a", 10, 10), relation, key_point("b", 50, 50)]
    data = read_clicks(write(tmp_path / "e.json", [task(results)]))
    assert found(data) == {"1.jpg": [("roof", (2.5, 1.5, 1)), ("roof", (14.5, 9.5, 1))]}
    damaged = key_point("a", 10, 10)
    del damaged["value"]
    with pytest.raises(InputError, match=r"task 1 is not as Label Studio .*it has no 'value'"):
        read_clicks(write(tmp_path / "d.json", [task([damaged])]))
