"""Clicks given on the command line, one by one."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pointsam.data.records import ImageRecord, InstanceRecord
from pointsam.errors import InputError
from pointsam.frames import on_image
from pointsam.prompts import POSITIVE

Click = tuple[float, float, int]


def click(text: str) -> Click:
    """Read ``x,y`` or ``x,y,label``."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3) or (len(numbers) == 3 and numbers[2] not in (0, 1)):
        raise argparse.ArgumentTypeError(f"{text!r}: give X,Y or X,Y,LABEL with label 1 or 0")
    label = int(numbers[2]) if len(numbers) == 3 else 1
    return numbers[0], numbers[1], label


def clicked_image(
    image: Path, size: tuple[int, int], clicks: Sequence[tuple[float, float, int]]
) -> ImageRecord:
    """Make the record of one image from clicks: each positive one is an object of its own.

    Args:
        image: whose name the record has.
        size: of the image, height and width in pixels.
        clicks: ``(x, y, label)``; those with label 0 serve all objects.

    Raises:
        InputError: a click off the image, or none on an object.
    """
    height, width = size
    for x, y, _ in clicks:
        if not on_image(x, y, size):
            raise InputError(
                f"--point {x:g},{y:g} is off {image}, which is {width} x {height} px (x, y)."
            )
    objects = [one for one in clicks if one[2] == POSITIVE]
    if not objects:
        raise InputError("--point: all have label 0; at least one must be on an object.")
    return ImageRecord(
        id=1,
        file_name=image.name,
        size=size,
        instances=tuple(
            InstanceRecord(number, "object", (one,)) for number, one in enumerate(objects, 1)
        ),
        background_points=tuple((x, y) for x, y, label in clicks if label != POSITIVE),
    )
