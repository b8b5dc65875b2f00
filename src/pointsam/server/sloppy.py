"""Finds clicks of one image that look like mistakes."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

import numpy as np

from pointsam.prompts import POSITIVE
from pointsam.server.clicked import ClickedObject

SAME = 0.8
"""IoU of two masks above which they are one object."""
SIZES = 10.0
"""An object is odd if its area differs from its class's median by more than this factor."""
MIN_OF_A_CLASS = 4
"""Least number of objects of a class for a usual size."""


@dataclass(frozen=True)
class Slip:
    """A click that looks like a mistake."""

    kind: str
    """``same``, ``holds`` or ``size``."""
    objects: tuple[int, ...]
    """Ids, the one to look at first."""
    text: str


def find_sloppy(objects: Iterable[ClickedObject]) -> list[Slip]:
    """List two clicks on one object, clicks in another object's mask, and odd sizes."""
    made = [one for one in objects if one.mask is not None]
    return [*_meeting(made), *_odd_sizes(made)]


def _meeting(objects: list[ClickedObject]) -> list[Slip]:
    found = []
    for one, other in _near(objects):
        assert one.mask is not None
        assert other.mask is not None
        if not one.mask.shared(other.mask):
            continue
        if one.mask.iou(other.mask) > SAME:
            text = f"objects {one.id} and {other.id} have one mask: two clicks on one object?"
            found.append(Slip("same", (one.id, other.id), text))
            continue
        for holder, held in ((one, other), (other, one)):
            if _holds_a_click(holder, held):
                text = f"the mask of object {holder.id} holds a click of object {held.id}."
                found.append(Slip("holds", (holder.id, held.id), text))
    return found


def _near(objects: list[ClickedObject]) -> Iterable[tuple[ClickedObject, ClickedObject]]:
    """Give the pairs whose masks' boxes overlap, by a tree and not by all pairs."""
    boxes = np.array([one.mask.box for one in objects if one.mask is not None]).reshape(-1, 4)
    for index, (x0, y0, x1, y1) in enumerate(boxes):
        later = boxes[index + 1 :]
        meets = (later[:, 0] < x1) & (later[:, 2] > x0) & (later[:, 1] < y1) & (later[:, 3] > y0)
        for other in np.flatnonzero(meets).tolist():
            yield objects[index], objects[index + 1 + other]


def _holds_a_click(holder: ClickedObject, held: ClickedObject) -> bool:
    assert holder.mask is not None
    return any(label == POSITIVE and holder.mask.holds((x, y)) for x, y, label in held.points)


def _odd_sizes(objects: list[ClickedObject]) -> list[Slip]:
    found = []
    for category in dict.fromkeys(one.category for one in objects):
        sizes = {
            one.id: one.mask.area
            for one in objects
            if one.category == category and one.mask is not None
        }
        if len(sizes) < MIN_OF_A_CLASS:
            continue
        usual = median(sizes.values())
        for number, area in sizes.items():
            if area > SIZES * usual or area * SIZES < usual:
                text = f"object {number} has {area} px; a {category} here usually has {usual:g}."
                found.append(Slip("size", (number,), text))
    return found
