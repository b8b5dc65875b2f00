"""What tools let users say of a click beside its class: read, or named as not read."""

import pytest
from tests.data.clicks.tool_files import found, image, write

from pointsam.data.clicks.formats import read_clicks


def via(folder, *attributes):
    """A project of VIA 2 with a point for each mapping of attributes."""
    image(folder / "I/1.jpg")
    regions = [
        {"shape_attributes": {"name": "point", "cx": 4 + 5 * n, "cy": 5}, "region_attributes": one}
        for n, one in enumerate(attributes)
    ]
    entry = {"filename": "1.jpg", "size": 99, "regions": regions, "file_attributes": {}}
    write(folder / "p.json", {"_via_settings": {}, "_via_img_metadata": {"1.jpg99": entry}})
    return read_clicks(folder / "p.json", images=folder / "I")


@pytest.mark.parametrize(("on", "off"), [("1", "0"), ("true", "False"), (1, 0)])
def test_labels_of_via_say_whether_a_click_is_on_its_object(tmp_path, on, off):
    data = via(
        tmp_path,
        {"class": "ship", "instance": "3", "label": on},
        {"class": "ship", "instance": "3", "label": off},
        {"Label": off},
    )
    assert found(data) == {"1.jpg": [("ship", (3.5, 4.5, 1), (8.5, 4.5, 0))]}
    assert data.images[0].background_points == ((13.5, 4.5),)
    assert data.notes == ()


def test_labels_of_via_that_are_names_are_classes(tmp_path):
    data = via(tmp_path, {"label": "1"}, {"label": "ship"})
    assert [one.category for one in data.images[0].instances] == ["1", "ship"]


def test_attributes_of_via_that_are_not_read_are_named(tmp_path):
    data = via(tmp_path, {"species": "oak", "quality": "good"}, {"class": "ship", "Sure": "yes"})
    assert [one.category for one in data.images[0].instances] == ["object", "ship"]
    assert data.notes == (f"{tmp_path}/p.json: attributes not read: species, quality, sure",)


def cvat(folder, *attributes):
    shapes = "".join(
        f'<points label="ship" occluded="0" points="{4 + 5 * n}.5,5.5" z_order="0">'
        + "".join(f'<attribute name="{name}">{value}</attribute>' for name, value in one.items())
        + "</points>"
        for n, one in enumerate(attributes)
    )
    text = f'<annotations><image id="0" name="1.jpg" width="30" height="20">{shapes}</image>'
    return read_clicks(write(folder / "a.xml", f"{text}</annotations>"))


def test_labels_of_cvat_say_whether_a_click_is_on_its_object(tmp_path):
    data = cvat(tmp_path, {"instance": 2, "label": 1}, {"instance": 2, "Label": "0"}, {"label": 0})
    assert found(data) == {"1.jpg": [("ship", (4, 5, 1), (9, 5, 0))]}
    assert data.images[0].background_points == ((14, 5),)
    assert data.notes == ()


def test_attributes_of_cvat_that_are_not_read_are_named(tmp_path):
    data = cvat(tmp_path, {"negative": "true", "label": "big"})
    assert data.notes == (f"{tmp_path}/a.xml: attributes not read: negative, label",)


def test_controls_of_label_studio_that_are_not_read_are_named(tmp_path):
    at = {"x": 10, "y": 10, "width": 0.5}
    own = {"id": "a", "to_name": "image", "original_width": 30, "original_height": 20}
    results = [
        {**own, "type": "keypoint", "from_name": "kp", "value": at},
        {**own, "type": "labels", "from_name": "class", "value": {**at, "labels": ["ship"]}},
        {**own, "type": "number", "from_name": "instance", "value": {**at, "number": 4}},
        {**own, "type": "choices", "from_name": "sure", "value": {**at, "choices": ["no"]}},
    ]
    task = {"id": 1, "annotations": [{"id": 1, "result": results}], "data": {"image": "1.jpg"}}
    data = read_clicks(write(tmp_path / "e.json", [task]))
    assert [(one.id, one.category) for one in data.images[0].instances] == [(4, "ship")]
    assert data.notes == (f"{tmp_path}/e.json: controls not read: sure",)


def test_flags_of_labelme_that_are_set_are_named(tmp_path):
    shape = {"label": "ship", "points": [[3.5, 4.5]], "shape_type": "point", "group_id": None}
    shapes = [{**shape, "flags": {"negative": True, "hard": False}}]
    content = {"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": "1.jpg",
               "imageData": None, "imageHeight": 20, "imageWidth": 30}  # fmt: skip
    data = read_clicks(write(tmp_path / "1.json", content))
    assert data.notes == (f"{tmp_path}/1.json: flags not read: negative",)


def test_attributes_of_x_anylabeling_say_what_those_of_cvat_do(tmp_path):
    def shape(x, group, description="", **attributes):
        return {"label": "ship", "score": None, "points": [[x + 0.5, 4.5]], "group_id": group,
                "description": description, "difficult": False, "shape_type": "point", "flags": {},
                "attributes": attributes, "kie_linking": []}  # fmt: skip

    shapes = [
        shape(3, None, Instance="4", label="1"),
        shape(5, 7, instance="4", label="0", state="old"),
        shape(9, 8, instance="", description="small"),
    ]
    content = {"version": "2.5.4", "flags": {}, "shapes": shapes, "imagePath": "1.jpg",
               "imageData": None, "imageHeight": 20, "imageWidth": 30}  # fmt: skip
    data = read_clicks(write(tmp_path / "1.json", content))
    objects = {one.id: one.points for one in data.images[0].instances}
    assert objects == {4: ((3, 4, 1), (5, 4, 0)), 8: ((9, 4, 1),)}
    assert data.notes == (f"{tmp_path}/1.json: attributes not read: state, description",)


def test_tags_of_supervisely_that_are_not_read_are_named(tmp_path):
    tags = [{"name": "Instance", "value": 4}, {"name": "negative", "value": None}]
    figure = {"id": 1, "classTitle": "ship", "geometryType": "point", "tags": tags,
              "points": {"exterior": [[4, 5]], "interior": []}}  # fmt: skip
    content = {"description": "", "tags": [], "size": {"height": 20, "width": 30},
               "objects": [figure]}  # fmt: skip
    data = read_clicks(write(tmp_path / "P/1.jpg.json", content).parent)
    assert data.images[0].instances[0].id == 4
    assert data.notes == (f"{tmp_path}/P: tags not read: negative",)
