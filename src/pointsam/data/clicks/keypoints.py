"""Reads clicks from COCO: point files, and labelled key points."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from pointsam.data.clicks.asked import Asked, in_folder
from pointsam.data.clicks.content import Content
from pointsam.data.clicks.gather import Click, gather
from pointsam.data.clicks.groups import without_own_groups
from pointsam.data.clicks.shares import shares_told
from pointsam.data.clicks.told import Told
from pointsam.data.clicks.values import is_background
from pointsam.data.coco.annotations import read_points
from pointsam.data.coco.schema import read_coco_json
from pointsam.data.records import Dataset
from pointsam.errors import InputError
from pointsam.frames import on_image

DEFAULT = "default"
"""Name and group of the category that Label Studio makes of all labels of key points."""

VISIBILITIES = (0, 1, 2)
"""Values of COCO's ``v``: not labelled, labelled but hidden, labelled."""


def holds_keypoints(content: Content) -> bool:
    """Say whether a file is COCO with key points, and no point file."""
    entries = _annotations(content)
    return any("keypoints" in e for e in entries) and not any("points" in e for e in entries)


def _annotations(content: Content) -> list[dict[str, Any]]:
    found = content.json.get("annotations") if isinstance(content.json, dict) else None
    return [e for e in found if isinstance(e, dict)] if isinstance(found, list) else []


def read_point_file(content: Content, asked: Asked) -> Dataset:
    """Read a point file: COCO JSON whose annotations carry ``points``.

    Raises:
        InputError: as `read_points` does.
    """
    return asked_about(read_points(content.path, on_fault=asked.on_fault), asked)


def read_keypoints(content: Content, asked: Asked) -> Dataset:
    """Read COCO key points: those of one annotation that are labelled are one object's clicks.

    In a folder of images, a path is that of the image that its longest end names.

    Raises:
        InputError: not COCO, key points that are not threes of numbers, or an image that is missing
            or of another size.
    """
    path = content.path
    found = read_coco_json(path, asked.on_fault)
    images = {image["id"]: image for image in found["images"]}
    categories = {category["id"]: category for category in found["categories"]}
    clicks: list[Click] = []
    dropped, notes = [], []
    for entry in found["annotations"]:
        place = f"{path}: annotation {entry['id']}"
        image, category = images[entry["image_id"]], categories[entry["category_id"]]
        points = list(_clicks(entry, category, image["file_name"], place, asked.negative))
        size = (image["height"], image["width"])
        clicks += points
        if not points:
            dropped.append(f"{place} has no labelled key point")
        elif not all(on_image(click.x, click.y, size) for click in points):
            asked.on_fault(
                f"{place}: a key point is off {image['file_name']}, which is {size[1]} x {size[0]} "
                "px (x, y)."
            )
    if any(map(_holds_classes, found["categories"])):
        notes.append(
            f"{path}: Label Studio's COCO keeps one key point a label and image: export JSON to "
            "have them all"
        )
    sizes = {i["file_name"]: (i["height"], i["width"]) for i in found["images"]}
    places = np.array([(click.x, click.y) for click in clicks]).reshape(-1, 2)
    notes += shares_told(places, sizes.values(), str(path))
    freed = without_own_groups(clicks, asked.negative)
    data = gather(freed, sizes, negative=asked.negative, dropped=dropped, notes=notes)
    return asked_about(in_folder(data, asked), asked)


def _holds_classes(category: dict[str, Any]) -> bool:
    """Say whether a category is the one into which Label Studio puts all its classes."""
    return {category["name"], category.get("supercategory")} == {DEFAULT} and bool(_names(category))


def _names(category: dict[str, Any]) -> list[str]:
    names = category.get("keypoints")
    return [str(name) for name in names] if isinstance(names, list) else []


def _clicks(
    entry: dict[str, Any], category: dict[str, Any], image: str, place: str, negative: str
) -> Iterator[Click]:
    """Read the labelled key points of an annotation, each by its name, where it has one."""
    names = _names(category)
    for number, (x, y) in _labelled(entry, place):
        name = names[number] if number < len(names) else category["name"]
        if _holds_classes(category):
            yield Click(image, x, y, category=name, place=place)
        else:
            kind = name if is_background(name, negative) else category["name"]
            yield Click(image, x, y, category=kind, instance=str(entry["id"]), place=place)


def _labelled(entry: dict[str, Any], place: str) -> Iterator[tuple[int, tuple[float, float]]]:
    """Give number and place of the key points that are labelled."""
    values = entry.get("keypoints") or []
    numbers = isinstance(values, list) and all(type(v) in (int, float) for v in values)
    if not numbers or len(values) % 3:
        raise InputError(f"{place} has key points that are not x, y, v each.")
    threes = zip(values[::3], values[1::3], values[2::3], strict=True)
    for number, (x, y, seen) in enumerate(threes):
        if seen not in VISIBILITIES:
            raise InputError(
                f"{place} has a key point with v {seen:g}, expected 0 (not labelled), 1 or 2: "
                "write x, y, v of each key point."
            )
        if seen > 0:
            yield number, (float(x), float(y))


def asked_about(data: Dataset, asked: Asked) -> Dataset:
    """Keep the one image that is asked about, under its own name.

    Raises:
        InputError: two images that could be it, or another size than its file has.
    """
    if asked.pictures.only is None:
        return data
    told = {record.file_name: Told.of_path(record.file_name) for record in data.images}
    names = asked.pictures.named(told.values())
    kept = [record for record in data.images if told[record.file_name].link in names]
    path = asked.pictures.only
    for record in kept:
        size = asked.pictures.size(path.name)
        if record.size != size:
            raise InputError(
                f"the points say that {record.file_name} is {record.size} px (height, width), "
                f"{path} is {size}: are they of another version of the image?"
            )
    return replace(data, images=tuple(replace(record, file_name=path.name) for record in kept))
