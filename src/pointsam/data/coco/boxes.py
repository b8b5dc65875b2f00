"""Converts boxes between COCO's form, from the image's edge, and this project's."""

import math
from typing import Any

from pointsam.data.records import Box
from pointsam.frames import to_edges, to_middles
from pointsam.prompts import refuse_odd_box


def box_of(values: Any, size: tuple[int, int], name: str) -> Box | None:
    """Read COCO's ``[x, y, width, height]``, counted from the image's edge; None if invalid.

    Boxes are optional beside points; a command that prompts with boxes refuses missing ones.

    Args:
        values: of the file.
        size: height and width of the image in pixels.
        name: of the annotation, for messages.

    Raises:
        InputError: the box is off its image.
    """
    numbers = isinstance(values, list) and all(type(value) in (int, float) for value in values)
    if not numbers or len(values) != 4 or not all(math.isfinite(value) for value in values):
        return None
    x, y, width, height = values
    if min(width, height) <= 0:
        return None
    box = to_middles(x), to_middles(y), to_middles(x + width), to_middles(y + height)
    refuse_odd_box(box, size, told=f"{name}: bbox {values}")
    return box


def coco_box(box: Box) -> list[float]:
    """Give COCO's form of a box."""
    x0, y0, x1, y1 = box
    return [to_edges(x0), to_edges(y0), x1 - x0, y1 - y0]
