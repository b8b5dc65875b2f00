"""Lines of YOLO that have as many numbers as a box has, by Ultralytics' save_txt and others."""

import pytest
from tests.data.clicks.tool_files import found, image, write

from pointsam.data.clicks.formats import read_clicks
from pointsam.errors import InputError

CORNERS = "0 0.1 0.1 0.3 0.2 0.2 0.5 0 0.4"


def read(folder, line, **more):
    image(folder / "I/a.jpg")
    write(folder / "Y/a.txt", line)
    for name, text in more.items():
        write(folder / "Y" / f"{name}.yaml", text)
    return read_clicks(folder / "Y", images=folder / "I")


@pytest.mark.parametrize("ending", ["", " 0.87", " 3", " 0.87 3", " 1 1"])
def test_a_score_and_a_track_are_left_out(tmp_path, ending):
    box = found(read(tmp_path, f"0 0.5 0.5 0.2 0.1{ending}"))
    assert box == {"a.jpg": [("class 0", (14.5, 9.5, 1))]}
    corners = found(read(tmp_path, CORNERS + ending))
    assert corners == {"a.jpg": [("class 0", (pytest.approx(4), pytest.approx(5.5), 1))]}


@pytest.mark.parametrize(
    "line",
    [
        "0 0.1 0.1 0.3 0.2 0.2 0.5",  # a triangle
        "0 0.1 0.1 0.3 0.2 0.2 1",  # one at the lower edge
        "0 0.1 0.1 0.3 0.2 0.2 0.5 0 0.4 0.1 0.2",  # five corners
        "0 0.5 0.5 0.2 0.2 0.45 0.45 2 0.5 0.5 2",  # a pose of two points with visibility
    ],
)
def test_polygons_and_poses_of_as_many_numbers_are_no_boxes(tmp_path, line):
    with pytest.raises(InputError, match=r"values, expected a box|cross or bend inwards|above 1"):
        read(tmp_path, line)


def test_two_key_points_are_no_corners(tmp_path):
    with pytest.raises(InputError, match=r"line 1 has four corners that cross or bend inwards"):
        read(tmp_path, "0 0.5 0.5 0.2 0.2 0.45 0.45 0.55 0.9")


def test_a_data_set_of_poses_is_told_by_its_yaml(tmp_path):
    poses = {"data": "kpt_shape: [2, 2]\nnames: [ship]\n"}
    with pytest.raises(InputError, match=r"line 1 is a pose, since .*data\.yaml has kpt_shape"):
        read(tmp_path, CORNERS, **poses)
    assert found(read(tmp_path, "0 0.5 0.5 0.2 0.1", **poses))["a.jpg"]


def test_corners_that_were_rounded_to_pixels_may_bend_a_little(tmp_path):
    # On an image of 30 x 20 px the third corner lies 0.7 px inside the line of its neighbours.
    line = "0 0.1 0.1 0.3 0.1 0.183333 0.175 0.1 0.3"
    assert len(found(read(tmp_path, line))["a.jpg"]) == 1


@pytest.mark.parametrize(
    "line", ["10 10 20 10 20 20 10 20 3 0", "10.5 10 20 10 20 20 10 20 3", "0 50 50 10 10"]
)
def test_pixels_are_told_from_shares(tmp_path, line):
    with pytest.raises(InputError, match=r"line 1 has values above 1, expected shares .* DOTA"):
        read(tmp_path, line)


@pytest.mark.parametrize("value", ["nan", "-inf", "1e308"])
def test_values_that_are_no_places_are_refused(tmp_path, value):
    with pytest.raises(InputError, match="line 1 has 9 values, expected a box"):
        read(tmp_path, f"0 0.1 0.1 0.3 {value} 0.2 0.5 0 {value}")


@pytest.mark.parametrize(
    "line",
    [
        "0 0.8 0.8 0.95 0.95",  # two corners
        "0 0.9 0.5 0.5 0.1 0.1",  # a score before the box
        "0 0.1 0.8 0.5 0.1",  # the left upper corner
    ],
)
def test_boxes_that_reach_off_their_image_are_pointed_out(tmp_path, line):
    data = read(tmp_path, f"0 0.5 0.5 1 1\n{line}\n{line}\n")
    [note] = [note for note in data.notes if "reaches off" in note]
    assert note.startswith(
        f"{tmp_path}/Y/a.txt: line 2: the box reaches off its image, and so do 1"
    )


def test_a_box_may_be_rounded_off_its_image(tmp_path):
    data = read(tmp_path, f"0 0.5 0.5 1.02 1.02\n{CORNERS}\n")
    assert not any("reaches off" in note for note in data.notes)
