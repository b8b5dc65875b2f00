from math import cos, radians, sin

import cv2
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from pointsam.evaluation.box_scores import rotated_iou
from pointsam.prediction.boxes import (
    Trim,
    oriented_box,
    trimmed,
)
from pointsam.prediction.rectangles import minimum_area_rectangle

NO_POINTS = np.zeros((0, 2))
AS_IT_IS = Trim()


def box_values(corners):
    """Centre x, centre y, longer and shorter side, and the longer one's angle in [-90, 90)."""
    sides = np.diff(corners[[0, 1, 2]], axis=0)
    lengths = np.linalg.norm(sides, axis=1)
    x, y = sides[lengths.argmax()]
    angle = (np.degrees(np.arctan2(y, x)) + 90) % 180 - 90
    return (*corners.mean(axis=0), lengths.max(), lengths.min(), angle)


def _turned(x, y, width, height, angle):
    turn = np.array(
        [[cos(radians(angle)), sin(radians(angle))], [-sin(radians(angle)), cos(radians(angle))]]
    )
    half = np.array([[-width, -height], [width, -height], [width, height], [-width, height]]) / 2
    return half @ turn + (x, y)


def _area(corners):
    return shapely.Polygon(corners).area


def test_the_box_of_one_pixel_has_side_one():
    mask = np.zeros((5, 5), dtype=bool)
    mask[3, 1] = True
    box = oriented_box(mask, points=NO_POINTS, trim=AS_IT_IS)
    assert sorted(box.tolist()) == [[1, 3], [1, 4], [2, 3], [2, 4]]
    assert box_values(box)[:4] == (1.5, 3.5, 1.0, 1.0)


def test_an_upright_mask_has_an_upright_box():
    mask = np.zeros((20, 30), dtype=bool)
    mask[4:10, 3:25] = True
    box = oriented_box(mask, points=NO_POINTS, trim=AS_IT_IS)
    assert box_values(box) == (14.0, 7.0, 22.0, 6.0, 0.0)
    box = oriented_box(mask.T, points=NO_POINTS, trim=AS_IT_IS)
    assert box_values(box) == (7.0, 14.0, 22.0, 6.0, -90.0)


def test_an_empty_mask_has_no_box():
    assert oriented_box(np.zeros((3, 3), dtype=bool), points=NO_POINTS, trim=AS_IT_IS) is None


@pytest.mark.parametrize("angle", [-60, -20, 0, 15, 30, 45, 77])
def test_a_turned_rectangle_is_found_to_a_pixel(angle):
    truth = _turned(100, 90, 80, 30, angle)
    mask = np.zeros((200, 200), np.uint8)
    cv2.fillPoly(mask, [np.round((truth - 0.5) * 256).astype(np.int32)], 1, shift=8)
    box = oriented_box(mask.astype(bool), points=NO_POINTS, trim=AS_IT_IS)
    x, y, width, height, found = box_values(box)
    assert (x, y) == pytest.approx((100, 90), abs=1)
    assert (width, height) == pytest.approx((80, 30), abs=3.5)
    assert abs((found - angle + 90) % 180 - 90) < 2
    assert rotated_iou([box], [truth])[0, 0] > 0.9


@given(seed=st.integers(0, 2**16))
def test_no_angle_gives_a_smaller_rectangle(seed):
    points = np.random.default_rng(seed).normal(size=(12, 2)) * (3, 1)
    best = minimum_area_rectangle(points)
    assert shapely.Polygon(best).buffer(1e-9).covers(shapely.MultiPoint(points))
    for angle in np.radians(np.arange(0, 90, 0.5)):
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        assert _area(best) <= np.ptp(points @ turn, axis=0).prod() + 1e-9


def test_corners_go_clockwise_along_the_longest_side_first():
    corners = minimum_area_rectangle(np.array([[0.0, 0], [2, 0], [2, 5], [0, 5], [1, 1]]))
    (x0, y0), (x1, y1), (x2, y2), _ = corners
    assert abs(y1 - y0) == 5
    assert (x1 - x0) * (y2 - y1) - (y1 - y0) * (x2 - x1) > 0


@given(seed=st.integers(0, 2**16))
def test_iou_is_that_of_finely_drawn_boxes(seed):
    random = np.random.default_rng(seed)
    drawn = []
    boxes = [
        _turned(*random.uniform(40, 60, 2), *random.uniform(20, 50, 2), random.uniform(-90, 90))
        for _ in range(2)
    ]
    x, y = np.meshgrid((np.arange(400) + 0.5) / 4, (np.arange(400) + 0.5) / 4)
    for box in boxes:
        inside = np.ones(x.shape, dtype=bool)
        for (x0, y0), (x1, y1) in zip(box, np.roll(box, -1, axis=0), strict=True):
            inside &= (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) >= 0
        drawn.append(inside)
    expected = (drawn[0] & drawn[1]).sum() / (drawn[0] | drawn[1]).sum()
    assert rotated_iou(boxes[:1], boxes[1:])[0, 0] == pytest.approx(expected, abs=0.01)


def test_iou_by_hand():
    square = np.array([[0.0, 0], [2, 0], [2, 2], [0, 2]])
    half = square + np.array([1, 0])
    far = square + 9
    diamond = np.array([[1.0, 0], [2, 1], [1, 2], [0, 1]])
    iou = rotated_iou([square, far], [square, half, diamond, square[::-1]])
    assert iou.tolist() == [[1, pytest.approx(1 / 3), 0.5, 1], [0, 0, 0, 0]]
    assert rotated_iou([], [square]).shape == (0, 1)


def test_a_bridge_is_cut_and_the_clicked_side_kept():
    mask = np.zeros((60, 120), dtype=bool)
    mask[10:50, 10:50] = mask[10:50, 70:110] = mask[28:32, 50:70] = True
    kept = trimmed(mask, points=np.array([[30.0, 30.0]]), trim=Trim(bridge=8))
    assert kept[10:50, 10:50].mean() > 0.99
    assert not kept[:, 60:].any()
    assert kept[:, 50:].sum() < 30
    assert np.array_equal(trimmed(mask, points=NO_POINTS, trim=AS_IT_IS), mask)
    thin = np.zeros((60, 120), dtype=bool)
    thin[28:32, 50:70] = True
    assert np.array_equal(trimmed(thin, points=NO_POINTS, trim=Trim(bridge=8)), thin)


def test_ghosts_go_and_the_clicked_part_stays():
    mask = np.zeros((20, 40), dtype=bool)
    mask[2:6, 2:6] = mask[2:12, 20:30] = True
    one_part = Trim(one_part=True)
    assert trimmed(mask, points=np.array([[3.0, 3.0]]), trim=one_part).sum() == 16
    assert trimmed(mask, points=np.array([[15.0, 15.0]]), trim=one_part).sum() == 100
    assert trimmed(mask, points=NO_POINTS, trim=one_part).sum() == 100
    both = np.array([[3.0, 3.0], [25.0, 5.0]])
    assert trimmed(mask, points=both, trim=one_part).sum() == 116
