"""Clicks from the VGG Image Annotator, versions 1 to 3."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pointsam.data.clicks.asked import Asked
from pointsam.data.clicks.columns import not_read
from pointsam.data.clicks.content import Content
from pointsam.data.clicks.gather import Click, gather
from pointsam.data.clicks.told import Told
from pointsam.data.clicks.values import OBJECT, category_of, is_label, label_of, text_of
from pointsam.data.clicks.via_content import Region, images_in, is_via
from pointsam.data.records import Dataset
from pointsam.errors import InputError, in_words
from pointsam.frames import to_middles

CLASS_ATTRIBUTES = ("class", "category", "label", "type", "name")
"""Region attributes that are read as the class, in any case; else the only one there is."""

INSTANCE, LABEL = "instance", "label"


def holds_via(content: Content) -> bool:
    """Say whether VIA wrote a file: a project, or annotations as JSON or CSV."""
    return is_via(content)


def read_via(content: Content, asked: Asked) -> Dataset:
    """Read VIA: regions that are points; an attribute ``instance`` joins those of one object.

    An attribute ``label`` whose values are all 1 and 0 says whether a click is on its object.

    Raises:
        FileNotFoundError: an image is missing.
        InputError: not as VIA writes it, or nobody said where the images are.
    """
    pictures = asked.needed(content)
    try:
        found = images_in(content)
    except (KeyError, TypeError, ValueError, AttributeError, StopIteration, csv.Error) as error:
        if isinstance(error, InputError):
            raise
        raise content.damaged("VIA", in_words(error)) from error
    told = [Told.of_path(name) for name, _ in found.images.values()]
    names = pictures.named(told)
    clicks: list[Click] = []
    sizes, dropped = {}, []
    marks = _marks(regions for _, regions in found.images.values())
    unread: dict[str, None] = {}
    for one, (_, regions) in zip(told, found.images.values(), strict=True):
        name = names.get(one.link)
        if name is None:
            continue
        if name in sizes:
            raise InputError(f"{content.path} holds {one.link} twice: keep one of them.")
        sizes[name] = pictures.size(name)
        read = list(_clicks(regions, name, content.path, marks=marks, unread=unread))
        clicks += read
        if len(read) < len(regions):
            dropped.append(f"{content.path}: {name}: {len(regions) - len(read)} regions, no points")
    if found.elsewhere:
        dropped.append(f"{content.path}: {len(found.elsewhere)} regions that are of no image alone")
    others = len(found.others)
    notes = [f"{content.path}: {others} .json files are not VIA's"] if others else []
    notes += not_read(content.path, unread, what="attributes")
    return gather(clicks, sizes, negative=asked.negative, dropped=dropped, notes=notes)


def _clicks(
    regions: Sequence[Region], name: str, path: Path, *, marks: bool, unread: dict[str, None]
) -> Iterator[Click]:
    """Give the clicks of one image.

    Args:
        regions: of the image.
        name: of its file.
        path: of the annotations, for messages.
        marks: whether `LABEL` says if a click is on its object.
        unread: filled with the attributes that say nothing here.
    """
    for number, (place, given) in enumerate(regions):
        if place is None:
            continue
        attributes = {str(key).lower(): value for key, value in given.items()}
        where = f"{path}: {name}: region {number}"
        read = {INSTANCE, LABEL} if marks else {INSTANCE}
        others = [key for key in attributes if key not in read]
        named = [key for key in CLASS_ATTRIBUTES if key in others]
        chosen = named or (others if len(others) == 1 else [])
        unread |= dict.fromkeys(key for key in others if key not in chosen[:1])
        yield Click(
            name,
            to_middles(place[0]),
            to_middles(place[1]),
            label=label_of(attributes.get(LABEL), where) if marks else None,
            category=_category(attributes[chosen[0]]) if chosen else OBJECT,
            instance=text_of(attributes.get(INSTANCE)),
            place=where,
        )


def _marks(images: Iterable[Sequence[Region]]) -> bool:
    """Say whether every label is 1 or 0, or true or false: then it is no class."""
    given = (attributes for regions in images for place, attributes in regions if place)
    found = {
        text_of(value) for one in given for key, value in one.items() if str(key).lower() == LABEL
    }
    return bool(found) and all(text is not None and is_label(text) for text in found)


def _category(value: Any) -> str:
    """Read the class: a text, or the one box that was ticked."""
    if isinstance(value, dict):
        ticked = [one for one, on in value.items() if on]
        value = ticked[0] if len(ticked) == 1 else None
    return category_of(value) if value is not None else OBJECT
