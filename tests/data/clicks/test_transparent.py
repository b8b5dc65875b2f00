"""Clicks where an image is transparent are left out by name."""

import numpy as np
import pytest
from PIL import Image

from pointsam.data.clicks.transparent import without_transparent
from pointsam.data.records import ImageRecord, InstanceRecord

SEEN, UNSEEN = (20.0, 5.0, 1), (4.0, 5.0, 1)
RECORD = ImageRecord(
    1,
    "a.png",
    (20, 30),
    (
        InstanceRecord(7, "roof", (SEEN,)),
        InstanceRecord(8, "roof", (UNSEEN, (20.0, 6.0, 0))),
        InstanceRecord(9, "roof", (UNSEEN, (21.0, 7.0, 1)), key="b 9"),
    ),
)


def rgba(path, alpha):
    """Save a grey image whose left ten columns have an alpha."""
    pixels = np.full((20, 30, 4), 255, dtype=np.uint8)
    pixels[:, :10, 3] = alpha
    Image.fromarray(pixels).save(path)


def test_points_on_transparent_pixels_are_left_out_by_name(tmp_path):
    rgba(tmp_path / "a.png", 0)
    left, lines = without_transparent(RECORD, tmp_path)
    assert [(i.id, i.points) for i in left.instances] == [(7, (SEEN,)), (9, ((21.0, 7.0, 1),))]
    assert lines == [
        f"{tmp_path}/a.png: object 8, clicked where it is transparent",
        f"{tmp_path}/a.png: clicks of object b 9 where it is transparent",
    ]


@pytest.mark.parametrize("alpha", [1, 255])
def test_what_is_seen_through_a_little_stays(tmp_path, alpha):
    rgba(tmp_path / "a.png", alpha)
    assert without_transparent(RECORD, tmp_path) == (RECORD, [])


def test_one_colour_of_a_palette_may_be_transparent(tmp_path):
    values = np.zeros((20, 30), dtype=np.uint8)
    values[:, :10] = 1
    image = Image.fromarray(values).convert("P")
    image.putpalette([9, 9, 9, 200, 0, 0])
    image.save(tmp_path / "a.png", transparency=1)
    assert [i.id for i in without_transparent(RECORD, tmp_path)[0].instances] == [7, 9]
