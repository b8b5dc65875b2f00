"""Clicks from the VGG Image Annotator, version 1 and 2."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pointsam.data.clicks.asked import Asked
from pointsam.data.clicks.content import Content
from pointsam.data.clicks.gather import Click, gather
from pointsam.data.clicks.told import Told
from pointsam.data.clicks.values import OBJECT, category_of, text_of
from pointsam.data.records import Dataset
from pointsam.errors import InputError, in_words
from pointsam.frames import to_middles

CLASS_ATTRIBUTES = ("class", "category", "label", "type", "name")
"""Region attributes that are read as the class, in any case; else the only one there is."""

INSTANCE = "instance"
METADATA = "_via_img_metadata"


def holds_via(content: Content) -> bool:
    """Say whether a file is a project of VIA 2, or annotations as VIA 1 and 2 export them."""
    return _images(content.sample) is not None


def _images(entry: Any) -> Mapping[str, Any] | None:
    found = entry.get(METADATA, entry) if isinstance(entry, dict) else None
    if not isinstance(found, dict) or (not found and METADATA not in entry):
        return None
    whole = all(isinstance(v, dict) and "filename" in v and "regions" in v for v in found.values())
    return found if whole else None


def read_via(content: Content, asked: Asked) -> Dataset:
    """Read VIA: regions that are points; an attribute ``instance`` joins those of one object.

    Raises:
        FileNotFoundError: an image is missing.
        InputError: not as VIA writes it, or nobody said where the images are.
    """
    pictures = asked.needed(content)
    entries = [e for _, one in content.entries() for e in (_images(one) or {}).values()]
    told = [Told.of_path(str(entry["filename"])) for entry in entries]
    names = pictures.named(told)
    clicks: list[Click] = []
    sizes, dropped = {}, []
    for one, entry in zip(told, entries, strict=True):
        name = names.get(one.link)
        if name is None:
            continue
        if name in sizes:
            raise InputError(f"{content.path} holds {one.link} twice: keep one of them.")
        sizes[name] = pictures.size(name)
        regions = entry["regions"]
        rows = list(regions.values() if isinstance(regions, dict) else regions)
        try:
            found = list(_clicks(rows, name, content.path))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise content.damaged("VIA", in_words(error)) from error
        clicks += found
        if len(found) < len(rows):
            dropped.append(f"{content.path}: {name}: {len(rows) - len(found)} regions, no points")
    return gather(clicks, sizes, negative=asked.negative, dropped=dropped)


def _clicks(rows: list[dict[str, Any]], name: str, path: Path) -> Iterator[Click]:
    for number, region in enumerate(rows):
        shape = region["shape_attributes"]
        if shape["name"] != "point":
            continue
        attributes = {str(k).lower(): v for k, v in region["region_attributes"].items()}
        yield Click(
            name,
            to_middles(float(shape["cx"])),
            to_middles(float(shape["cy"])),
            category=_category(attributes),
            instance=text_of(attributes.get(INSTANCE)),
            place=f"{path}: {name}: region {number}",
        )


def _category(attributes: Mapping[str, Any]) -> str:
    """Read the class: a text, or the one box that was ticked."""
    others = [key for key in attributes if key != INSTANCE]
    named = [key for key in CLASS_ATTRIBUTES if key in attributes]
    chosen = named or (others if len(others) == 1 else [])
    value = attributes[chosen[0]] if chosen else None
    if isinstance(value, dict):
        ticked = [one for one, on in value.items() if on]
        value = ticked[0] if len(ticked) == 1 else None
    return category_of(value) if value is not None else OBJECT
