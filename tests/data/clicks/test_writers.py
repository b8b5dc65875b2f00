"""What is written comes back as the same objects."""

import pytest
from tests.data.clicks.tool_files import image, write

from pointsam.data.clicks.formats import read_clicks
from pointsam.data.clicks.writers import names_of, write_clicks
from pointsam.data.records import ImageRecord, InstanceRecord


def record(*objects):
    """Make an image with an object of each pair of id and key."""
    instances = tuple(InstanceRecord(n, "roof", ((n, 1, 1),), key=key) for n, key in objects)
    return ImageRecord(1, "1.png", (20, 30), instances)


def test_a_made_id_does_not_join_another_object(tmp_path):
    for name in ("1.png", "2.png"):
        image(tmp_path / "I" / name)
    rows = "1.png,5,5,\n1.png,15,15,1\n2.png,5,5,1\n"
    table = write(tmp_path / "c.csv", f"image,x,y,instance\n{rows}")
    data = read_clicks(table, images=tmp_path / "I")
    assert [len(image.instances) for image in data.images] == [2, 1]
    write_clicks(data, tmp_path / "o.csv", images=None)
    again = read_clicks(tmp_path / "o.csv", images=tmp_path / "I")
    assert [[i.points for i in image.instances] for image in again.images] == [
        [i.points for i in image.instances] for image in data.images
    ]


@pytest.mark.parametrize(
    ("objects", "names"),
    [
        ([(1, ""), (2, "1")], [3, "1"]),
        ([(2, "1"), (1, "")], ["1", 3]),
        ([(1, ""), (2, "1"), (3, "7")], [8, "1", "7"]),
        ([(2, "2.0"), (4, "2")], ["2", 5]),
        ([(1, "a"), (2, "a"), (3, "")], ["a", 4, 3]),
        ([(1, "nan"), (2, "-1"), (0, "")], [1, "-1", 0]),
        ([], []),
    ],
)
def test_objects_of_one_image_have_names_that_differ(objects, names):
    assert names_of(record(*objects)) == names
