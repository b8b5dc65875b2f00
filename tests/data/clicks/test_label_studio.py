"""Label Studio's exports, by the source of its editor (KeyPointRegion) and of its converter."""

import pytest
from tests.data.clicks.tool_files import found, write

from pointsam.data.clicks.formats import ClickFile, read_clicks
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


def mark(x, y, **value):
    """A value of a control as JSON-MIN writes it."""
    return {"x": x, "y": y, "width": 0.5, "original_width": 30, "original_height": 20, **value}


def record(*, number=1, annotation=1, image="/data/upload/1/0a1b2c3d-1.jpg", **controls):
    return {"id": number, "image": image, "annotator": 1, "annotation_id": annotation, **controls}


def test_json_min_joins_key_points_with_the_labels_beside_them(tmp_path):
    # <KeyPoint> and <Labels>: two lists, without the ids that join them in JSON.
    min_record = record(
        kp=[mark(10, 10), mark(50, 50)],
        lab=[mark(50, 50, labels=["Background"]), mark(10, 10, labels=["roof"])],
    )
    data = read_clicks(write(tmp_path / "min.json", [min_record]))
    assert found(data) == {"1.jpg": [("roof", (2.5, 1.5, 1))]}
    assert data.images[0].background_points == ((14.5, 9.5),)


@pytest.mark.parametrize("name", ["instance", "Instance"])
def test_json_min_joins_the_clicks_of_one_object(tmp_path, name):
    points = [
        mark(10, 10, keypointlabels=["roof"]),
        mark(50, 50, keypointlabels=["background"]),
        mark(90, 50, keypointlabels=["roof"]),
    ]
    values = [mark(10, 10, number=7), mark(50, 50, number=7)]
    min_record = record(kp=points, **{name: values}, note=[{"number": 3}])
    data = read_clicks(write(tmp_path / "min.json", [min_record]))
    assert [(i.id, i.points) for i in data.images[0].instances] == [
        (7, ((2.5, 1.5, 1), (14.5, 9.5, 0))),
        (8, ((26.5, 9.5, 1),)),
    ]


@pytest.mark.parametrize(
    ("controls", "message"),
    [
        (
            {"kp": [mark(10, 10), mark(10, 10)],
             "lab": [mark(10, 10, labels=["a"]), mark(10, 10, labels=["b"])]},
            r"of task 1 at \(10, 10\) percent has 2 key points and 2 values of lab",
        ),
        (
            {"kp": [mark(10, 10), mark(10, 10)], "instance": [mark(10, 10, number=1)]},
            "2 key points and 1 values of instance.*: export JSON",
        ),
        (
            {"kp": [mark(10, 10, keypointlabels=["a"])], "instance": "7"},
            "has instance without the places of its regions.*: export JSON",
        ),
        (
            {"kp": [mark(10, 10, labels=["a"], keypointlabels=["a"])]},
            "has a key point of a smart tool.*: export JSON",
        ),
        (
            {"kp": [mark(10, 10, labels=["a"])], "lab": [mark(10, 10, labels=["a"])]},
            "has a key point of a smart tool",
        ),
    ],
)  # fmt: skip
def test_json_min_that_does_not_tell_what_belongs_together_is_refused(tmp_path, controls, message):
    path = write(tmp_path / "min.json", [record(**controls)])
    with pytest.raises(InputError, match=message):
        read_clicks(path)


def test_two_clicks_at_one_place_share_what_is_equal(tmp_path):
    labels = [mark(10, 10, labels=["a"]), mark(10, 10, labels=["a"])]
    path = write(tmp_path / "min.json", [record(kp=[mark(10, 10), mark(10, 10)], lab=labels)])
    assert found(read_clicks(path)) == {"1.jpg": [("a", (2.5, 1.5, 1))] * 2}


def test_other_regions_of_json_min_are_named(tmp_path):
    box = mark(10, 10, height=5, rotation=0)
    controls = {
        "kp": [mark(10, 10, keypointlabels=["a"])],
        "box": [box],
        "lab": [box | {"labels": ["b"]}],
        "outline": [{"points": [[1, 2], [3, 4], [5, 6]], "polygonlabels": ["b"]}],
    }
    data = read_clicks(write(tmp_path / "min.json", [record(**controls)]))
    assert found(data) == {"1.jpg": [("a", (2.5, 1.5, 1))]}
    assert data.dropped == (
        f"{tmp_path}/min.json: annotation 1 of task 1: 2 regions that are no key points",
    )


def test_a_click_on_a_list_of_images_says_which(tmp_path):
    links = [f"/data/upload/1/0a1b2c3d-{number}.jpg" for number in (1, 2)]
    min_record = record(image=links, kp=[mark(10, 10, keypointlabels=["a"])])
    with pytest.raises(InputError, match=r"task 1 has a list of 2 images, .*: export JSON"):
        read_clicks(write(tmp_path / "min.json", [min_record]))
    for number in (None, 2, -1):
        tasks = [task([key_point("a", 10, 10, item_index=number)], link=links)]
        with pytest.raises(InputError, match=f"has a list of 2 images, .* item_index {number}"):
            read_clicks(write(tmp_path / "e.json", tasks))
    one = record(image=links[:1], kp=[mark(10, 10, keypointlabels=["a"])])
    assert set(found(read_clicks(write(tmp_path / "one.json", [one])))) == {"1.jpg"}


def stored(number, x, *, of=3, **more):
    """One annotation as a target storage gets it."""
    data = {"image": "s3://bucket/1.jpg"}
    return {
        "id": number, "result": [key_point("a", x, 10)], "task": {"id": of, "data": data}, **more
    }  # fmt: skip


def test_a_second_annotator_of_json_min_is_named(tmp_path):
    records = [
        record(annotation=number, kp=[mark(x, 10, keypointlabels=["a"])])
        for number, x in ((8, 10), (5, 11))
    ]
    other = record(number=2, image="/data/upload/1/0a1b2c3d-2.jpg", kp=records[0]["kp"])
    path = write(tmp_path / "min.json", [*records, other])
    data = read_clicks(path)
    assert found(data) == {"1.jpg": [("a", (2.5, 1.5, 1))], "2.jpg": [("a", (2.5, 1.5, 1))]}
    assert data.dropped == (
        f"{path}: annotation 5 of task 1: a further annotation, {path}: annotation 8 of task 1 "
        "is read",
    )


def test_a_second_annotation_of_a_target_storage_is_named(tmp_path):
    write(tmp_path / "S/1.json", stored(1, 50, was_cancelled=True))
    write(tmp_path / "S/2.json", stored(2, 10))
    write(tmp_path / "S/3.json", stored(3, 12))
    data = read_clicks(tmp_path / "S")
    assert found(data) == {"1.jpg": [("roof", (2.5, 1.5, 1))]}
    assert data.dropped == (
        f"{tmp_path}/S/1.json: annotation 1 of task 3: no key points",
        f"{tmp_path}/S/3.json: annotation 3 of task 3: a further annotation, {tmp_path}/S/2.json: "
        "annotation 2 of task 3 is read",
    )


@pytest.mark.parametrize("side", [0, -3, 2**31, 1e308])
def test_a_side_that_no_image_has_is_refused(tmp_path, side):
    mark_of_it = mark(10, 10, keypointlabels=["a"]) | {"original_width": side}
    path = write(tmp_path / "min.json", [record(kp=[mark_of_it])])
    with pytest.raises(InputError, match="is said to be"):
        read_clicks(path)


def test_files_of_a_target_storage_have_no_ending(tmp_path):
    # label_studio/io_storages: an object is called by the annotation's number alone.
    write(tmp_path / "S/1", stored(1, 10))
    write(tmp_path / "S/2", stored(2, 50, of=4) | {"task": {"data": {"image": "s3://b/2.jpg"}}})
    (tmp_path / "S/LICENSE").write_text("none of them")
    assert found(read_clicks(tmp_path / "S")) == {
        "1.jpg": [("roof", (2.5, 1.5, 1))],
        "2.jpg": [("roof", (14.5, 1.5, 1))],
    }


def test_two_tasks_of_one_image_may_not_share_an_instance(tmp_path):
    first = task([key_point("a", 10, 10), number_of("a", 1)])
    second = task([key_point("b", 50, 50), number_of("b", 1)], number=2)
    path = write(tmp_path / "e.json", [first, second])
    with pytest.raises(InputError, match=r"task 1 and .*task 2 are both of 1\.jpg .* instance 1:"):
        read_clicks(path)
    other = task([key_point("b", 50, 50), number_of("b", 1)], link="/data/upload/1/0a1b2c3d-2.jpg")
    assert len(found(read_clicks(write(tmp_path / "two.json", [first, other])))) == 2


def test_two_tasks_of_one_image_without_common_instances_are_read_both(tmp_path):
    tasks = [
        task([key_point("a", 10, 10), number_of("a", 1), key_point("c", 90, 90)]),
        task([key_point("b", 50, 50), number_of("b", 2), key_point("c", 90, 50)], number=2),
    ]
    data = read_clicks(write(tmp_path / "e.json", tasks))
    assert [len(i.points) for i in data.images[0].instances] == [1] * 4


def test_a_folder_of_label_studio_is_known_by_any_of_its_files(tmp_path):
    write(tmp_path / "S/0.json", {"a": 1})
    write(tmp_path / "S/1.json", stored(1, 10))
    data = read_clicks(tmp_path / "S")
    assert found(data) == {"1.jpg": [("roof", (2.5, 1.5, 1))]}
    assert data.notes == (f"{tmp_path}/S/0.json is not Label Studio's, and is left out",)


@pytest.mark.parametrize(
    "content",
    [
        [{"image_id": 1, "category_id": 1, "keypoints": [5, 5, 2], "score": 0.9}],  # COCO's results
        [{"image": "1.jpg", "x": 5, "y": 6, "label": 1}],  # a table's records
        [{"ID": "x", "Labeled Data": "http://x/1.jpg", "Label": {"objects": []}}],  # Labelbox
        [{"file_name": "1.jpg", "annotations": [{"bbox": [1, 2, 3, 4]}]}],  # detectron2
    ],
)
def test_lists_of_other_programs_are_not_taken_for_label_studio(tmp_path, content):
    path = write(tmp_path / "e.json", content)
    assert "Label Studio" not in ClickFile(path).format.name
    with pytest.raises(InputError, match="is not COCO JSON"):
        read_clicks(path)


def test_a_record_of_json_min_without_an_image_is_named(tmp_path):
    point = [mark(10, 10, keypointlabels=["a"])]
    path = write(tmp_path / "min.json", [record(kp=point), record(number=2, image="?", kp=point)])
    with pytest.raises(InputError, match=r"task 2 has no link to an image .*: export JSON"):
        read_clicks(path)
