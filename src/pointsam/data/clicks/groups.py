"""Clicks that a tool's own structure joins: an annotation, a skeleton, a track, a group."""

from collections.abc import Sequence, Set
from dataclasses import replace

from pointsam.data.clicks.gather import Click, label_in
from pointsam.prompts import POSITIVE


def without_own_groups(
    clicks: Sequence[Click], negative: str, *, named: Set[tuple[str, str]] = frozenset()
) -> list[Click]:
    """Take clicks off the objects out of groups that hold no others: they serve the whole image.

    A tool puts every click into some structure, so that alone names no object.

    Args:
        clicks: in the order of the file.
        negative: class of clicks off the objects.
        named: images and names of the objects that the user named; those stay as they are.
    """
    objects = {(c.image, c.instance) for c in clicks if label_in(c, negative) == POSITIVE} | named
    return [c if (c.image, c.instance) in objects else replace(c, instance=None) for c in clicks]
