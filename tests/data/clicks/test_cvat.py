"""CVAT's exports of videos and projects, by the source of its exporter (formats/cvat.py)."""

import pytest
from tests.data.clicks.tool_files import found, image, write

from pointsam.data.clicks.formats import ClickFile, read_clicks
from pointsam.errors import InputError

META = (
    "<meta><task><original_size><width>30</width><height>20</height></original_size></task></meta>"
)


def shape(frame, x, *, outside=0, inner=""):
    return f'<points frame="{frame}" outside="{outside}" points="{x},5">{inner}</points>'


def track(number, *shapes, label="ship", group=None, subset=None):
    more = "" if group is None else f' group_id="{group}"'
    more += "" if subset is None else f' task_id="1" subset="{subset}"'
    return f'<track id="{number}" label="{label}"{more}>{"".join(shapes)}</track>'


def video(path, *tracks):
    return write(path, f"<annotations>{META}{''.join(tracks)}</annotations>")


def picture(name, x=3.5, *, subset=None, inner=None):
    more = "" if subset is None else f' subset="{subset}" task_id="1"'
    inner = f'<points label="ship" points="{x},5"/>' if inner is None else inner
    return f'<image id="0" name="{name}" width="30" height="20"{more}>{inner}</image>'


def pictures(path, *images):
    return write(path, f"<annotations>{''.join(images)}</annotations>")


def objects(data):
    return {
        record.file_name: [(i.id, i.category, [p[::2] for p in i.points]) for i in record.instances]
        for record in data.images
    }


def test_tracks_of_one_group_are_one_object_of_their_frame(tmp_path):
    # A single shape is a track of its own; its group stands on the track.
    path = video(
        tmp_path / "a.xml",
        track(0, shape(0, 3.5), shape(1, 3.5, outside=1), group=4),
        track(1, shape(0, 9.5), shape(1, 9.5, outside=1), group=4),
        track(2, shape(0, 15.5), label="background", group=4),
        track(3, shape(0, 20.5), group=0),
        track(4, shape(0, 25.5)),
        track(5, shape(0, 28.5), label="background", group=7),
    )
    data = read_clicks(path)
    assert objects(data) == {
        "frame_000000.PNG": [
            (4, "ship", [(3, 1), (9, 1), (15, 0)]),
            (5, "ship", [(20, 1)]),
            (6, "ship", [(25, 1)]),
        ]
    }
    assert data.images[0].background_points == ((28, 4.5),)


def test_groups_of_a_video_are_as_those_of_images(tmp_path):
    own = '<attribute name="instance">9</attribute>'
    tracks = [
        track(0, shape(0, 3.5), group=4),
        track(1, shape(0, 9.5), label="boat", group=4),
        track(2, shape(0, 15.5, inner=own), group=4),
    ]
    points = '<points label="{}" group_id="4" points="{},5">{}</points>'
    inner = "".join(
        points.format(label, x, more)
        for label, x, more in (("ship", 3.5, ""), ("boat", 9.5, ""), ("ship", 15.5, own))
    )
    data = read_clicks(video(tmp_path / "v.xml", *tracks))
    same = read_clicks(pictures(tmp_path / "i.xml", picture("frame_000000.PNG", inner=inner)))
    assert objects(data) == objects(same)
    assert data.notes[0].endswith("instance 4 has the classes boat, ship: the first is read")


def test_a_skeleton_of_a_track_in_a_group_joins_it(tmp_path):
    skeleton = (
        '<skeleton frame="0" keyframe="1"><points label="bow" outside="0" points="9.5,5"/>'
        '<points label="mast" outside="1" points="1,5"/></skeleton>'
    )
    path = video(tmp_path / "a.xml", track(0, shape(0, 3.5), group=4), track(1, skeleton, group=4))
    assert objects(read_clicks(path)) == {"frame_000000.PNG": [(4, "ship", [(3, 1), (9, 1)])]}


def test_a_frame_without_a_visible_shape_needs_no_file(tmp_path):
    image(tmp_path / "I/frame_000000.PNG")
    hidden = '<points label="bow" outside="1" points="9.5,5"/>'
    skeleton = f'<skeleton frame="{{}}">{hidden}{{}}</skeleton>'
    path = video(
        tmp_path / "a.xml",
        track(0, shape(0, 3.5), shape(1, 3.5, outside=1)),
        track(1, skeleton.format(0, hidden.replace("1", "0", 1)), skeleton.format(2, "")),
    )
    for images in (None, tmp_path / "I"):
        assert set(found(read_clicks(path, images=images))) == {"frame_000000.PNG"}
    empty = video(tmp_path / "b.xml", track(0, shape(0, 3.5, outside=1)))
    with pytest.raises(InputError, match=r"b\.xml holds no clicks: no track has a point"):
        read_clicks(empty)


def test_images_of_a_video_are_found_without_an_ending(tmp_path):
    path = pictures(tmp_path / "a.xml", picture("frame_000000"), picture("frame_000001"))
    names = ["frame_000000.PNG", "frame_000001.PNG"]
    for name in names:
        image(tmp_path / "I" / name)
    for images in (None, tmp_path / "I"):
        assert [*found(read_clicks(path, images=images))] == names
    assert [*found(read_clicks(path, images=tmp_path / "I" / names[1]))] == names[1:]
    image(tmp_path / "I/frame_000001.jpg")
    with pytest.raises(InputError, match=r"of frame_000001\.PNG or of frame_000001\.jpg"):
        read_clicks(path, images=tmp_path / "I")


def test_a_name_with_an_ending_is_no_stem(tmp_path):
    image(tmp_path / "I/1.jpg.png")
    path = pictures(tmp_path / "a.xml", picture("1.jpg"))
    with pytest.raises(FileNotFoundError, match=r"no image .*1\.jpg"):
        read_clicks(path, images=tmp_path / "I")
    image(tmp_path / "I/scan.v2.tif")
    path = pictures(tmp_path / "b.xml", picture("scan.v2"))
    assert [*found(read_clicks(path, images=tmp_path / "I"))] == ["scan.v2.tif"]


def test_a_missing_or_damaged_frame_is_skipped_once(tmp_path):
    image(tmp_path / "I/frame_000000.PNG")
    write(tmp_path / "I/frame_000001.PNG", "no image")
    path = pictures(tmp_path / "a.xml", *(picture(f"frame_00000{n}") for n in range(3)))
    data = ClickFile(path).read(tmp_path / "I", skip_broken=True)
    assert [*found(data)] == ["frame_000000.PNG"]
    assert len(data.dropped) == 2


def test_images_of_a_project_lie_in_folders_of_their_subsets(tmp_path):
    for name in ("Train/1.jpg", "Validation/1.jpg", "Train/sub/2.jpg", "Train/frame_000000.PNG"):
        image(tmp_path / "images" / name)
    path = pictures(
        tmp_path / "annotations.xml",
        picture("1.jpg", 3.5, subset="Train"),
        picture("1.jpg", 9.5, subset="Validation"),
        picture("sub/2.jpg", 15.5, subset="Train"),
        picture("frame_000000", 20.5, subset="Train"),
    )
    data = read_clicks(path, images=tmp_path / "images")
    assert {name: [o[1][0] for o in owned] for name, owned in found(data).items()} == {
        "Train/1.jpg": [3],
        "Validation/1.jpg": [9],
        "Train/sub/2.jpg": [15],
        "Train/frame_000000.PNG": [20],
    }
    assert data.notes == ()
    one = read_clicks(path, images=tmp_path / "images/Validation/1.jpg")
    assert found(one) == {"1.jpg": [("ship", (9, 4.5, 1))]}
    assert {"Train/1.jpg", "Validation/1.jpg"} < set(found(read_clicks(path)))


def test_the_name_alone_is_taken_where_it_is_there(tmp_path):
    image(tmp_path / "flat/1.jpg")
    path = pictures(tmp_path / "a.xml", picture("1.jpg", subset="Train"))
    data = read_clicks(path, images=tmp_path / "flat")
    assert ([*found(data)], data.notes) == (["1.jpg"], ())
    image(tmp_path / "flat/Train/1.jpg")
    data = read_clicks(path, images=tmp_path / "flat")
    assert [*found(data)] == ["1.jpg"]
    [note] = data.notes
    assert note.endswith("flat/Train/1.jpg is there, too")


def test_two_subsets_of_one_name_in_a_flat_folder_are_refused(tmp_path):
    image(tmp_path / "flat/1.jpg")
    both = [picture("1.jpg", subset=subset) for subset in ("Train", "Validation")]
    path = pictures(tmp_path / "a.xml", *both)
    with pytest.raises(InputError, match=r"are two images, and both would be 1\.jpg"):
        read_clicks(path, images=tmp_path / "flat")
    twice = pictures(tmp_path / "b.xml", both[0], both[0])
    with pytest.raises(InputError, match=r"image 1\.jpg is in the file twice, from two tasks"):
        read_clicks(twice)


def test_frames_of_a_project_lie_in_the_folder_of_their_subset(tmp_path):
    image(tmp_path / "images/Train/frame_000000.PNG")
    path = video(tmp_path / "a.xml", track(0, shape(0, 3.5), subset="Train"))
    data = read_clicks(path, images=tmp_path / "images")
    assert found(data) == {"Train/frame_000000.PNG": [("ship", (3, 4.5, 1))]}
