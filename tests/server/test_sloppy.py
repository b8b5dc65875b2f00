"""Slips of the hand are pointed out."""

from unittest.mock import patch

import numpy as np

from pointsam.server.clicked import ClickedObject
from pointsam.server.crops import MaskCrop
from pointsam.server.sloppy import SlipFinder


def square(number, x, side, click=None):
    mask = MaskCrop.cut(np.ones((side, side), dtype=bool), x=x)
    return ClickedObject(number, "ship", (click or (x + 1.0, 1.0, 1),), mask)


def kinds(objects):
    return [(found.kind, found.objects) for found in SlipFinder().find(objects)]


def test_tidy_clicks_are_left_alone():
    assert kinds([square(1, 0, 4), square(2, 10, 4), square(3, 20, 5)]) == []


def test_two_clicks_on_one_object_and_a_click_in_anothers_mask():
    assert kinds([square(1, 0, 10), square(2, 0, 10)]) == [("same", (1, 2))]
    assert kinds([square(1, 0, 10), square(2, 6, 4)]) == [("holds", (1, 2))]


def test_an_object_ten_times_its_classs_usual_size():
    usual = [square(n, 100 * n, 4) for n in range(1, 5)]
    assert kinds([*usual, square(9, 2000, 20)]) == [("size", (9,))]
    assert kinds([*usual[:2], square(9, 2000, 20)]) == []  # a class of three has no usual size


def test_objects_that_stayed_are_not_compared_again():
    finder = SlipFinder()
    objects = [square(n, n, 30) for n in range(20)]
    first = finder.find(objects)
    assert len([found for found in first if found.kind == "same"]) > 20
    with patch.object(MaskCrop, "shared", autospec=True, side_effect=MaskCrop.shared) as compared:
        assert finder.find(objects) == first
        assert compared.call_count == 0
        moved = [*objects[:-1], square(19, 22, 30)]
        assert finder.find(moved) == SlipFinder().find(moved)
        # 19 pairs of the moved one; 190 of the finder that starts anew.
        assert compared.call_count == 19 + 190
