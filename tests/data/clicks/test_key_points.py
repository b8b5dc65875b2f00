"""Key points of COCO, and points of CVAT that are joined by the tool's own structure."""

import pytest
from tests.data.clicks.tool_files import found, image, write

from pointsam.data.clicks.formats import read_clicks
from pointsam.errors import InputError

ROOF, BACKGROUND = {"id": 1, "name": "roof"}, {"id": 2, "name": "background"}


def coco(*entries, categories=(ROOF, BACKGROUND)):
    """A COCO file of one image; each entry is its key points and its category's id."""
    return {
        "images": [{"id": 1, "file_name": "1.jpg", "height": 20, "width": 30}],
        "categories": list(categories),
        "annotations": [
            {"id": number, "image_id": 1, "category_id": category, "keypoints": points}
            for number, (points, category) in enumerate(entries, start=1)
        ],
    }


@pytest.mark.parametrize("points", [[1, 2, 3, 4, 5, 6], [1, 2, 0.93], [1, 2, -1]])
def test_key_points_whose_third_number_is_no_visibility_are_refused(tmp_path, points):
    path = write(tmp_path / "k.json", coco((points, 1)))
    with pytest.raises(InputError, match=r"annotation 1 has a key point with v .*: write x, y, v"):
        read_clicks(path)


def test_key_points_named_background_are_off_the_object(tmp_path):
    named = ROOF | {"keypoints": ["ridge", "Background"], "skeleton": []}
    content = coco(([3, 4, 2, 9, 4, 2], 1), ([0, 0, 0, 20, 4, 2], 1), categories=[named])
    data = read_clicks(write(tmp_path / "k.json", content))
    assert found(data) == {"1.jpg": [("roof", (3, 4, 1), (9, 4, 0))]}
    assert data.images[0].background_points == ((20, 4),)
    assert data.dropped == ()
    other = read_clicks(tmp_path / "k.json", negative="RIDGE")
    assert found(other)["1.jpg"][0] == ("roof", (3, 4, 0), (9, 4, 1))


def test_annotations_of_the_background_serve_the_whole_image(tmp_path):
    path = write(tmp_path / "k.json", coco(([3, 4, 2], 1), ([9, 4, 2, 20, 4, 1], 2)))
    data = read_clicks(path)
    assert found(data) == {"1.jpg": [("roof", (3, 4, 1))]}
    assert data.images[0].background_points == ((9, 4), (20, 4))
    assert data.dropped == ()


def test_key_points_of_label_studio_have_their_class_as_name(tmp_path):
    # update_categories_for_keypoints and process_keypoints_for_coco of its converter: all key
    # points of a task in one annotation, one for each label.
    merged = {"id": 0, "name": "default", "supercategory": "default", "skeleton": []}
    merged |= {"keypoints": ["roof", "tank", "background"]}
    content = coco(([3, 4, 2, 9, 4, 2, 20, 4, 2], 0), categories=[merged])
    data = read_clicks(write(tmp_path / "k.json", content))
    assert found(data) == {"1.jpg": [("roof", (3, 4, 1)), ("tank", (9, 4, 1))]}
    assert data.images[0].background_points == ((20, 4),)
    assert "keeps one key point a label and image: export JSON" in data.notes[0]


def cvat(path, inner):
    image = f'<image id="0" name="1.jpg" width="30" height="20">{inner}</image>'
    return write(path, f"<annotations><version>1.1</version>{image}</annotations>")


def test_points_of_a_skeleton_named_background_are_off_the_object(tmp_path):
    skeleton = (
        '<skeleton label="roof"><points label="1" points="3.5,4.5"/>'
        '<points label="background" points="9.5,4.5"/></skeleton>'
    )
    path = cvat(tmp_path / "a.xml", skeleton)
    assert found(read_clicks(path)) == {"1.jpg": [("roof", (3, 4, 1), (9, 4, 0))]}
    assert found(read_clicks(path, negative="1")) == {"1.jpg": [("roof", (3, 4, 0), (9, 4, 1))]}


def test_what_cvat_joins_serves_the_whole_image_where_all_of_it_is_background(tmp_path):
    inner = (
        '<skeleton label="background"><points label="1" points="3.5,4.5"/></skeleton>'
        '<skeleton label="roof"><points label="background" points="5.5,4.5"/></skeleton>'
        '<points label="background" points="9.5,4.5" group_id="2"/>'
        '<points label="background" points="12.5,4.5" group_id="2"/>'
        '<points label="background" points="15.5,4.5" group_id="3"/>'
        '<points label="roof" points="20.5,4.5" group_id="3"/>'
    )
    data = read_clicks(cvat(tmp_path / "a.xml", inner))
    assert found(data) == {"1.jpg": [("roof", (15, 4, 0), (20, 4, 1))]}
    assert data.images[0].background_points == ((3, 4), (5, 4), (9, 4), (12, 4))
    assert data.dropped == ()


def test_an_object_that_the_user_named_is_missed_where_all_of_it_is_background(tmp_path):
    attribute = '<attribute name="Instance">7</attribute>'
    inner = f'<points label="background" points="9.5,4.5">{attribute}</points>'
    data = read_clicks(cvat(tmp_path / "a.xml", inner))
    assert data.images[0].background_points == ()
    assert "instance 7 has no positive point" in data.dropped[0]


VIDEO = """<annotations><meta><task><original_size><width>30</width><height>20</height>
</original_size></task></meta><track id="5" label="background">
<points frame="0" outside="0" points="3.5,4.5"/></track></annotations>"""


def test_a_track_of_the_background_serves_the_whole_of_its_frames(tmp_path):
    data = read_clicks(write(tmp_path / "a.xml", VIDEO))
    assert data.images[0].background_points == ((3, 4),)
    assert data.dropped == ()


def test_images_exported_as_a_video_are_told_from_one(tmp_path):
    image(tmp_path / "I/1.jpg")
    path = write(tmp_path / "a.xml", VIDEO)
    with pytest.raises(
        FileNotFoundError, match=r"no image frame_000000\.\* .* 'CVAT for images 1\.1'"
    ):
        read_clicks(path, images=tmp_path / "I")
