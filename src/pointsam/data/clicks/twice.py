"""Objects that are clicked at one place: most are one, clicked twice."""

from collections.abc import Iterator

import numpy as np
from scipy.spatial import KDTree

from pointsam.data.records import ImageRecord, InstanceRecord
from pointsam.prompts import POSITIVE

ONE_PLACE = 2.0
"""Pixels within which positive points of two objects look like a double click."""

_SAID = 3
"""Pairs of an image that are named one by one."""


def told_twice(image: ImageRecord) -> list[str]:
    """Name the first objects that are clicked at one place, and count the others."""
    lines = list(clicked_twice(image))
    more = len(lines) - _SAID
    if more > 0:
        lines[_SAID:] = [f"{image.file_name}: {more} more pairs are clicked at one place"]
    return lines


def clicked_twice(image: ImageRecord) -> Iterator[str]:
    """Name objects that have positive points at one place: most are one, clicked twice."""
    owners = [
        (x, y, place)
        for place, instance in enumerate(image.instances)
        for x, y, label in instance.points
        if label == POSITIVE
    ]
    if len(owners) < 2:
        return
    values = np.array(owners)
    near = KDTree(values[:, :2]).query_pairs(ONE_PLACE, output_type="ndarray")
    pairs = {tuple(sorted((int(values[a, 2]), int(values[b, 2])))): int(a) for a, b in near}
    for (first, second), at in sorted(pairs.items()):
        if first != second:
            x, y = values[at, :2].tolist()
            one, other = (called(image.instances[place]) for place in (first, second))
            yield (
                f"instances {one} and {other} of {image.file_name} are clicked at one place, "
                f"({x:g}, {y:g}): one object twice?"
            )


def called(instance: InstanceRecord) -> str:
    """Give the name that the user knows an object by."""
    return instance.key or str(instance.id)
