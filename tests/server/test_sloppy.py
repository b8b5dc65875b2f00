"""Slips of the hand are pointed out."""

import numpy as np

from pointsam.server.clicked import ClickedObject
from pointsam.server.crops import MaskCrop
from pointsam.server.sloppy import find_sloppy


def square(number, x, side, click=None):
    mask = MaskCrop.cut(np.ones((side, side), dtype=bool), x=x)
    return ClickedObject(number, "ship", (click or (x + 1.0, 1.0, 1),), mask)


def kinds(objects):
    return [(found.kind, found.objects) for found in find_sloppy(objects)]


def test_tidy_clicks_are_left_alone():
    assert kinds([square(1, 0, 4), square(2, 10, 4), square(3, 20, 5)]) == []


def test_two_clicks_on_one_object_and_a_click_in_anothers_mask():
    assert kinds([square(1, 0, 10), square(2, 0, 10)]) == [("same", (1, 2))]
    assert kinds([square(1, 0, 10), square(2, 6, 4)]) == [("holds", (1, 2))]


def test_an_object_ten_times_its_classs_usual_size():
    usual = [square(n, 100 * n, 4) for n in range(1, 5)]
    assert kinds([*usual, square(9, 2000, 20)]) == [("size", (9,))]
    assert kinds([*usual[:2], square(9, 2000, 20)]) == []  # a class of three has no usual size
