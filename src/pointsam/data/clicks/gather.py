"""Clicks as other tools keep them, one by one, gathered to instances of images."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pointsam.data.records import Box, Dataset, ImageRecord, InstanceRecord
from pointsam.errors import InputError
from pointsam.frames import on_image
from pointsam.prompts import POSITIVE

Owner = tuple[str, str]
"""Image and name of an instance."""


@dataclass(frozen=True)
class Click:
    """One point of one image."""

    image: str
    """File name."""
    x: float
    y: float
    """In the image frame: an integer is the index of a pixel."""
    label: int
    category: str = "object"
    instance: str | None = None
    """Joins the clicks of one object of an image; without it a positive click is an object and a
    negative one is background for all objects of its image."""
    place: str = ""
    """Where it was read, for messages: file and line or entry."""
    box: Box | None = None
    """Around the object, where the tool drew one."""


def gather(
    clicks: Iterable[Click],
    sizes: Mapping[str, tuple[int, int]],
    *,
    dropped: Sequence[str] = (),
) -> Dataset:
    """Join clicks to instances.

    Instances whose names are whole numbers, each once, keep them as ids; else they are numbered
    from 1.

    Args:
        clicks: in the order of the file.
        sizes: height and width of every image that is to be in the data set.
        dropped: what was left out while reading, a line each.

    Raises:
        InputError: a click on no known image, or off its image, or an image without a size.
    """
    for name, size in sizes.items():
        if min(size) < 1:
            raise InputError(f"{name} is said to be {size[1]} x {size[0]} px (width x height).")
    owners: dict[Owner, list[Click]] = {}
    background: dict[str, list[tuple[float, float]]] = {}
    for number, click in enumerate(clicks):
        _check(click, sizes)
        if click.instance is not None:
            owners.setdefault((click.image, click.instance), []).append(click)
        elif click.label == POSITIVE:
            owners[click.image, f"click {number}"] = [click]
        else:
            background.setdefault(click.image, []).append((click.x, click.y))
    lines = list(dropped)
    for owner, members in list(owners.items()):
        if not any(click.label == POSITIVE for click in members):
            lines.append(f"{members[0].place}: instance {owner[1]} has no positive point")
            del owners[owner]
    ids = _ids(list(owners))
    instances: dict[str, list[InstanceRecord]] = {}
    for owner, members in owners.items():
        points = tuple((click.x, click.y, click.label) for click in members)
        box = next((click.box for click in members if click.box), None)
        record = InstanceRecord(ids[owner], _category(members), points, box=box)
        instances.setdefault(owner[0], []).append(record)
    images = tuple(
        ImageRecord(
            number, name, size, tuple(instances.get(name, ())), tuple(background.get(name, ()))
        )
        for number, (name, size) in enumerate(sizes.items(), start=1)
    )
    categories = dict.fromkeys(i.category for image in images for i in image.instances)
    return Dataset(images, tuple(categories), tuple(lines))


def _check(click: Click, sizes: Mapping[str, tuple[int, int]]) -> None:
    if click.image not in sizes:
        raise InputError(f"{click.place}: there is no image {click.image!r}.")
    height, width = sizes[click.image]
    finite = math.isfinite(click.x) and math.isfinite(click.y)
    if not (finite and on_image(click.x, click.y, (height, width))):
        raise InputError(
            f"{click.place}: point ({click.x:g}, {click.y:g}) is off {click.image}, which is "
            f"{width} x {height} px (x, y)."
        )


def _ids(owners: list[Owner]) -> dict[Owner, int]:
    names = [name for _, name in owners]
    if len(set(names)) == len(names) and all(name.isdecimal() for name in names):
        return {owner: int(owner[1]) for owner in owners}
    return {owner: number for number, owner in enumerate(owners, start=1)}


def _category(members: list[Click]) -> str:
    """Give the class of the first positive: a negative may be of class background."""
    return next(click.category for click in members if click.label == POSITIVE)
