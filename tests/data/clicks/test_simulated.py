from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pointsam.data.clicks.simulated import PLACEMENTS, Annotator, click_image, draw_points
from pointsam.data.records import ImageRecord, InstanceRecord
from pointsam.errors import InputError

SIZE = (20, 30)


def box(x0, y0, x1, y1):
    mask = np.zeros(SIZE, dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def square(x, y, side):
    return [[x, y, x + side, y, x + side, y + side, x, y + side]]


def record(*squares):
    instances = (InstanceRecord(i, "ship", (), square(*s)) for i, s in enumerate(squares, start=5))
    return ImageRecord(1, "a.png", SIZE, tuple(instances), ((0.0, 0.0),))


def draw(mask, taken, seed=0, **wanted):
    generator = torch.Generator().manual_seed(seed)
    return draw_points(mask, taken, generator=generator, **wanted)


@pytest.mark.parametrize("placement", PLACEMENTS)
@given(seed=st.integers(0, 2**16))
def test_positives_lie_on_the_object_and_negatives_off_all(placement, seed):
    mask, taken = box(3, 4, 9, 8), box(2, 3, 16, 18)
    points = draw(mask, taken, seed, positives=3, negatives=3, placement=placement)
    assert [label for _, _, label in points] == [1, 1, 1, 0, 0, 0]
    assert len({(x, y) for x, y, _ in points}) == 6
    assert all(mask[int(y), int(x)] for x, y, _ in points[:3])
    assert not any(taken[int(y), int(x)] for x, y, _ in points[3:])


def test_negatives_go_onto_other_objects_where_there_is_no_other_room():
    full = np.ones(SIZE, dtype=bool)
    points = draw(box(0, 0, 15, 20), full, positives=0, negatives=5)
    assert len(points) == 5
    assert all(x >= 15 for x, _, _ in points)


def test_no_room_gives_fewer_points():
    full = np.ones(SIZE, dtype=bool)
    assert len(draw(full, full, positives=2, negatives=3)) == 2
    assert draw(box(7, 9, 8, 10), full, positives=3, negatives=0) == [(7, 9, 1)]
    assert draw(box(0, 0, 0, 0), box(0, 0, 0, 0), positives=3, negatives=0) == []


def test_uniform_points_reach_every_pixel_as_often():
    mask = box(3, 4, 7, 8)
    generator = torch.Generator().manual_seed(0)
    counts = np.zeros(SIZE)
    for _ in range(1600):
        [(x, y, _)] = draw_points(mask, mask, positives=1, negatives=0, generator=generator)
        counts[int(y), int(x)] += 1
    assert counts.sum() == counts[mask].sum()
    assert counts[mask].min() > 60  # 100 expected, standard deviation 10
    assert counts[mask].max() < 140


def test_the_centre_is_the_deepest_pixel():
    assert draw(box(4, 6, 13, 11), box(0, 0, 0, 0), positives=1, negatives=0,
                placement="centre")[0][1] == 8  # fmt: skip
    # A hook: the middle of its box is not on it, its deepest pixel is.
    hook = box(2, 2, 20, 4) | box(2, 2, 9, 18)
    [(x, y, _)] = draw(hook, hook, positives=1, negatives=0, placement="centre")
    assert x == 5
    assert 5 <= y <= 14
    # The image's border is an outline too.
    [(x, y, _)] = draw(box(0, 0, 5, 5), hook, positives=1, negatives=0, placement="centre")
    assert (x, y) == (2, 2)


def test_placements_differ_in_depth():
    mask = box(2, 2, 19, 19)
    generator = torch.Generator().manual_seed(0)
    depths = {}
    for placement in PLACEMENTS:
        points = [
            draw_points(mask, mask, positives=1, negatives=0, generator=generator,
                        placement=placement)[0]
            for _ in range(100)
        ]  # fmt: skip
        depths[placement] = np.mean([min(x - 1, 19 - x, y - 1, 19 - y) for x, y, _ in points])
    order = ["boundary", "uniform", "near-centre", "centre"]
    assert all(depths[a] < depths[b] - 0.5 for a, b in pairwise(order))


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_fewer_points_are_the_first_of_more(placement):
    image = record((2, 2, 6), (12, 5, 9))
    one = click_image(image, Annotator(1, 1, placement), seed=3)
    three = click_image(image, Annotator(3, 2, placement), seed=3)
    for few, many in zip(one.instances, three.instances, strict=True):
        assert many.points[0] == few.points[0]
        assert many.points[3] == few.points[1]


def test_a_draw_depends_on_the_id_not_on_the_neighbours():
    both = click_image(record((2, 2, 6), (12, 5, 9)), Annotator(2, 0), seed=3)
    alone = record((2, 2, 6), (12, 5, 9))
    alone = ImageRecord(9, "b.png", SIZE, alone.instances[1:])
    assert click_image(alone, Annotator(2, 0), seed=3).instances[0] == both.instances[1]
    assert click_image(alone, Annotator(2, 0), seed=4).instances[0] != both.instances[1]


def test_masks_go_and_the_rest_stays():
    clicked = click_image(record((2, 2, 6)), Annotator(), seed=0)
    assert clicked.background_points == ((0, 0),)
    assert clicked.instances[0].segmentation is None
    assert (clicked.instances[0].id, clicked.instances[0].category) == (5, "ship")
    assert click_image(ImageRecord(1, "a.png", SIZE), Annotator(), seed=0).instances == ()


def test_shares_of_missed_and_misplaced_points():
    image = record(*[(x, y, 4) for x in range(1, 26, 6) for y in range(1, 16, 6)] * 20)
    count = len(image.instances)
    assert click_image(image, Annotator(missed=1), seed=0).instances == ()
    left = len(click_image(image, Annotator(missed=0.3), seed=0).instances)
    assert left / count == pytest.approx(0.7, abs=0.1)
    sloppy = click_image(image, Annotator(2, 0, misplaced=0.25), seed=0)
    off = 0
    for instance, clicked in zip(image.instances, sloppy.instances, strict=True):
        x0, y0, x1, _, _, y1 = instance.segmentation[0][:6]
        for x, y, label in clicked.points:
            assert label == 1
            slip = np.hypot(max(x0 - x, x - x1 + 1, 0), max(y0 - y, y - y1 + 1, 0))
            off += slip > 0
            assert slip <= 3
    assert off / (2 * count) == pytest.approx(0.25, abs=0.08)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"positives": 0}, "at least 1 positive point, got 0"),
        ({"negatives": -1}, "number of points, got -1"),
        ({"missed": 1.5}, r"missed is a share in \[0, 1\], got 1.5"),
        ({"misplaced": -0.1}, "misplaced is a share"),
    ],
)
def test_impossible_annotators_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        Annotator(**settings)
