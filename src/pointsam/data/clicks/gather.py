"""Joins single clicks, as other tools store them, to instances of images."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from pointsam.data.clicks.naming_doubts import doubtful_classes, doubtful_owners
from pointsam.data.clicks.values import BACKGROUND, OBJECT, id_of, is_background
from pointsam.data.coco.schema import MAX_SIDE
from pointsam.data.records import Box, Dataset, ImageRecord, InstanceRecord
from pointsam.errors import InputError
from pointsam.frames import on_image
from pointsam.prompts import NEGATIVE, POSITIVE

_LISTED = 9
"""Most classes that a note lists."""


@dataclass(frozen=True)
class Click:
    """One point of one image."""

    image: str
    """File name."""
    x: float
    y: float
    """In the image frame: an integer is the index of a pixel."""
    label: int | None = None
    """None where the file does not say: then the class decides."""
    category: str = OBJECT
    instance: str | None = None
    """Joins the clicks of one object of an image; without it a positive click is an object and a
    negative one is background for all objects of its image."""
    place: str = ""
    """Where it was read, for messages: file and line or entry."""
    box: Box | None = None
    """Around the object, where the tool drew one."""
    number: int | None = None
    """Number of its entry in the file, if any: the id of an object without a name."""


@dataclass(frozen=True)
class _Owner:
    """Key of the clicks that belong to one object."""

    image: str
    key: str | None
    """As the user calls it."""
    order: int
    """Index of a click that is its own object; -1 where clicks have a key."""


@dataclass(frozen=True)
class _Ids:
    """Numbers of all objects."""

    of: Mapping[_Owner, int]
    made: bool
    """Whether some were made here."""


def gather(
    clicks: Iterable[Click],
    sizes: Mapping[str, tuple[int, int]],
    *,
    negative: str = BACKGROUND,
    dropped: Sequence[str] = (),
    notes: Sequence[str] = (),
    beside: bool = False,
    one_naming: bool = False,
) -> Dataset:
    """Join clicks to instances.

    An instance whose name is a whole number keeps it as id, if no two have the same number; the
    others get the next free numbers. The user's name of an instance is kept in its ``key``.

    Args:
        clicks: in the order of the file.
        sizes: height and width of every image that is to be in the data set.
        negative: class of clicks off the objects, for clicks without a label.
        dropped: entries that were left out while reading, one line each.
        notes: further lines for the user.
        beside: keep clicks that lie off their image.
        one_naming: names hold for the whole file and not for one image: an object in a second
            image is the same one, and gets a new id only there.

    Raises:
        InputError: a click on no known image, or off its image, or an image without a size.
    """
    _check_images(sizes)
    every = list(clicks)
    owners: dict[_Owner, list[Click]] = {}
    background: dict[str, list[tuple[float, float]]] = {}
    for order, click in enumerate(every):
        _check(click, sizes, beside=beside)
        if click.instance is not None:
            owners.setdefault(_Owner(click.image, click.instance, -1), []).append(click)
        elif label_in(click, negative) == POSITIVE:
            owners[_Owner(click.image, None, order)] = [click]
        else:
            background.setdefault(click.image, []).append((click.x, click.y))
    lines = [*dropped, *_without_positive(owners, negative)]
    ids = _ids(owners, one_naming=one_naming)
    instances: dict[str, list[InstanceRecord]] = {}
    said = [*notes, *_without_negatives(every, negative), *_doubts(every, owners, negative)]
    for owner, members in owners.items():
        said += _contradiction(owner, members, negative)
        record = _instance(owner, members, ids.of[owner], negative)
        instances.setdefault(owner.image, []).append(record)
    images = tuple(
        ImageRecord(
            number, name, size, tuple(instances.get(name, ())), tuple(background.get(name, ()))
        )
        for number, (name, size) in enumerate(sizes.items(), start=1)
    )
    categories = dict.fromkeys(i.category for image in images for i in image.instances)
    return Dataset(images, tuple(categories), tuple(lines), tuple(said), ids_made=ids.made)


def label_in(click: Click, negative: str) -> int:
    """Give the label of a click: its own, or else that of its class."""
    if click.label is not None:
        return click.label
    return NEGATIVE if is_background(click.category, negative) else POSITIVE


def _check_images(sizes: Mapping[str, tuple[int, int]]) -> None:
    for name, size in sizes.items():
        if any(ord(character) < 32 for character in name):
            raise InputError(f"{name!r} is no name of one line: give the image another name.")
        if min(size) < 1 or max(size) >= MAX_SIDE:
            raise InputError(f"{name} is said to be {size[1]} x {size[0]} px (width x height).")


def _check(click: Click, sizes: Mapping[str, tuple[int, int]], *, beside: bool) -> None:
    if click.image not in sizes:
        raise InputError(f"{click.place}: there is no image {click.image!r}.")
    height, width = sizes[click.image]
    finite = math.isfinite(click.x) and math.isfinite(click.y)
    if not (finite and (beside or on_image(click.x, click.y, (height, width)))):
        raise InputError(
            f"{click.place}: point ({click.x:g}, {click.y:g}) is off {click.image}, which is "
            f"{width} x {height} px (x, y)."
        )


def _without_positive(owners: dict[_Owner, list[Click]], negative: str) -> list[str]:
    """Remove instances without a positive point, and name them."""
    lines = []
    for owner, members in list(owners.items()):
        if not any(label_in(click, negative) == POSITIVE for click in members):
            lines.append(f"{members[0].place}: instance {owner.key} has no positive point")
            del owners[owner]
    return lines


def _without_negatives(clicks: Sequence[Click], negative: str) -> list[str]:
    """Note that no click is of the class that the user called the one off the objects."""
    found = dict.fromkeys(click.category for click in clicks)
    if not clicks or is_background(negative, BACKGROUND):
        return []
    if any(is_background(category, negative) for category in found):
        return []
    listed = ", ".join([*found][:_LISTED]) + (", ..." if len(found) > _LISTED else "")
    return [f"no click is of the class {negative} (--negative); these are there: {listed}"]


def _doubts(
    clicks: Sequence[Click], owners: Mapping[_Owner, Sequence[Click]], negative: str
) -> list[str]:
    """Note names that may mean something else than they are read as."""
    by_class = [click.category for click in clicks if click.label is None]
    positives = {
        (owner.image, owner.key): sum(label_in(click, negative) for click in members)
        for owner, members in owners.items()
        if owner.key is not None
    }
    return [
        *doubtful_classes(name for name in by_class if not is_background(name, negative)),
        *doubtful_owners(positives),
    ]


def _contradiction(owner: _Owner, members: list[Click], negative: str) -> list[str]:
    """Say where the clicks on one object name several classes."""
    names = {click.category for click in members if label_in(click, negative) == POSITIVE}
    if len(names) < 2:
        return []
    listed = ", ".join(sorted(names))
    return [f"{members[0].place}: instance {owner.key} has the classes {listed}: the first is read"]


def _instance(owner: _Owner, members: list[Click], number: int, negative: str) -> InstanceRecord:
    labels = [label_in(click, negative) for click in members]
    points = tuple((c.x, c.y, label) for c, label in zip(members, labels, strict=True))
    # The class of the first positive: a negative may be of class background.
    category = members[labels.index(POSITIVE)].category
    box = next((click.box for click in members if click.box), None)
    key = "" if owner.key is None or owner.key == str(number) else owner.key
    return InstanceRecord(number, category, points, box=box, key=key)


def _ids(owners: Mapping[_Owner, list[Click]], *, one_naming: bool) -> _Ids:
    """Number objects as the file does, unless two would get the same number."""
    named = any(owner.key is not None for owner in owners)
    wanted = {
        owner: members[0].number if owner.key is None and not named else id_of(owner.key or "")
        for owner, members in owners.items()
    }
    if one_naming:
        uses = Counter((owner.image, number) for owner, number in wanted.items())
    else:
        uses = Counter(("", number) for number in wanted.values())
    kept: dict[_Owner, int] = {}
    if all(times == 1 for (_, number), times in uses.items() if number is not None):
        first: dict[int, _Owner] = {}
        for owner, number in wanted.items():
            if number is not None:
                first.setdefault(number, owner)
        kept = {owner: number for number, owner in first.items()}
    free = count(max([0, *kept.values()]) + 1)
    numbers = {owner: kept[owner] if owner in kept else next(free) for owner in owners}
    return _Ids(numbers, bool(owners) and (not named or len(kept) < len(owners)))
