"""Finds clicks of one image that look like mistakes."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

import numpy as np
import shapely

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


class SlipFinder:
    """Looks for slips in one image, click after click.

    Two objects that stayed as they were are not compared again: a click in an image with a
    hundred objects costs a hundred comparisons at most, not all five thousand.
    """

    def __init__(self) -> None:
        self._compared: dict[tuple[ClickedObject, ClickedObject], tuple[Slip, ...]] = {}

    def find(self, objects: Iterable[ClickedObject]) -> list[Slip]:
        """List two clicks on one object, clicks in another object's mask, and odd sizes."""
        made = [one for one in objects if one.mask is not None]
        # Replaced at once, never changed: several threads may ask.
        known = self._compared
        compared = {pair: known[pair] if pair in known else _meeting(*pair) for pair in _near(made)}
        self._compared = compared
        return [*(slip for slips in compared.values() for slip in slips), *_odd_sizes(made)]


def _meeting(one: ClickedObject, other: ClickedObject) -> tuple[Slip, ...]:
    assert one.mask is not None
    assert other.mask is not None
    both = one.mask.shared(other.mask)
    if not both:
        return ()
    if both > SAME * (one.mask.area + other.mask.area - both):
        text = f"objects {one.id} and {other.id} have one mask: two clicks on one object?"
        return (Slip("same", (one.id, other.id), text),)
    return tuple(
        Slip(
            "holds",
            (holder.id, held.id),
            f"the mask of object {holder.id} holds a click of object {held.id}.",
        )
        for holder, held in ((one, other), (other, one))
        if _holds_a_click(holder, held)
    )


def _near(objects: list[ClickedObject]) -> Iterable[tuple[ClickedObject, ClickedObject]]:
    """Give the pairs whose masks' boxes meet, by a tree and not by all pairs."""
    boxes = np.array([one.mask.box for one in objects if one.mask is not None]).reshape(-1, 4)
    shapes = shapely.box(*boxes.T)
    ones, others = shapely.STRtree(shapes).query(shapes)
    earlier = ones < others
    for one, other in sorted(zip(ones[earlier].tolist(), others[earlier].tolist(), strict=True)):
        yield objects[one], objects[other]


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
                text = f"object {number} has {area} px; objects of class {category} have {usual:g}."
                found.append(Slip("size", (number,), text))
    return found
