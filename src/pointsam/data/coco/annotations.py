"""Reads COCO masks and point files as records; each dropped entry is named.

A file with contradictions (an id twice, an annotation of no image, a point off its image) is
refused as a whole, since every later number would be wrong. An annotation without use (an empty
mask, a crowd) is dropped, and its image stays.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from pointsam.data.coco.boxes import box_of, coco_box
from pointsam.data.coco.masks import count_drawn
from pointsam.data.coco.schema import Entry, OnFault, read_coco_json, refuse
from pointsam.data.records import Dataset, ImageRecord, InstanceRecord, Point
from pointsam.errors import InputError
from pointsam.files import replacing
from pointsam.frames import on_image
from pointsam.prompts import NEGATIVE, POSITIVE

KEY = "instance"
"""Key of an annotation: the user's name of the object, if it is not its id."""

IDS_MADE = "ids_made"
"""Key of a point file: true if ids were made while clicks were read."""

MADE_NOTE = (
    "the ids of the points were made while they were read: masks with equal ids are chance. "
    "Give each object its annotation's id (column or field instance)"
)
"""Note where points without ids of their own are paired with masks."""


def read_coco(path: Path, *, on_fault: OnFault = refuse) -> Dataset:
    """Read COCO instance masks.

    Args:
        path: of the file.
        on_fault: takes what is wrong; reading ends at the first fault if not given.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: not COCO, ids that contradict each other, or a mask that cannot be drawn.
    """
    content = read_coco_json(path, on_fault)
    dropped: list[str] = []
    instances: dict[int, list[InstanceRecord]] = {}
    sizes = {image["id"]: _size(image) for image in content["images"]}
    for entry in content["annotations"]:
        name = f"{path}: annotation {entry['id']}"
        try:
            useless = _why_useless(entry, sizes[entry["image_id"]], name)
            weight = weight_of(entry, name)
        except InputError as error:
            on_fault(str(error))
            continue
        if useless:
            dropped.append(f"{name} {useless}")
            continue
        instances.setdefault(entry["image_id"], []).append(
            InstanceRecord(
                id=entry["id"],
                category=content["names"][entry["category_id"]],
                segmentation=entry["segmentation"],
                weight=weight,
            )
        )
    return _dataset(path, content, instances, dropped, on_fault)


def read_points(path: Path, *, on_fault: OnFault = refuse) -> Dataset:
    """Read a point file: COCO JSON whose annotations carry ``points``; masks are never opened.

    Args:
        path: of the file.
        on_fault: takes what is wrong; reading ends at the first fault if not given.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: not a point file, contradicting ids, or points or boxes off their image.
    """
    content = read_coco_json(path, on_fault)
    if content["annotations"] and not any("points" in e for e in content["annotations"]):
        raise InputError(
            f'{path} has no "points": it holds masks, not clicks. Make a point file of it with '
            "'pointsam points draw'."
        )
    dropped: list[str] = []
    instances: dict[int, list[InstanceRecord]] = {}
    images = {image["id"]: image for image in content["images"]}
    for entry in content["annotations"]:
        image = images[entry["image_id"]]
        name = f"{path}: annotation {entry['id']} of {image['file_name']}"
        try:
            points = _points(entry.get("points") or [], _size(image), name)
            box = box_of(entry.get("bbox"), _size(image), name)
        except InputError as error:
            on_fault(str(error))
            continue
        if not any(label == POSITIVE for _, _, label in points):
            dropped.append(f"{name} has no {'positive point' if points else 'points'}")
            continue
        instances.setdefault(entry["image_id"], []).append(
            InstanceRecord(
                id=entry["id"],
                category=content["names"][entry["category_id"]],
                points=points,
                box=box,
                key=str(entry.get(KEY) or ""),
            )
        )
    data = _dataset(path, content, instances, dropped, on_fault)
    return replace(data, ids_made=content.get(IDS_MADE) is True)


def of_other_size(masks: Dataset, points: Dataset) -> Iterator[str]:
    """Name the images whose size masks and points do not agree on."""
    sizes = {image.file_name: image.size for image in points.images}
    for image in masks.images:
        size = sizes.get(image.file_name, image.size)
        if size != image.size:
            yield (
                f"the masks say that {image.file_name} is {image.size} px (height, width), the "
                f"points that it is {size}: are they of two versions of the image?"
            )


def pair(masks: Dataset, points: Dataset) -> Dataset:
    """Give the masks their points: the same annotation id in the image of the same name.

    Instances whose mask was dropped lose their points too, and are named.

    Raises:
        InputError: a mask without points, or points and mask in images of different names, or of
            different sizes.
    """
    clicked = {
        instance.id: (image, instance) for image in points.images for instance in image.instances
    }
    background = {image.file_name: image.background_points for image in points.images}
    for line in of_other_size(masks, points):
        raise InputError(line)
    images = []
    for image in masks.images:
        instances = []
        for instance in image.instances:
            found = clicked.pop(instance.id, None)
            if found is None or found[0].file_name != image.file_name:
                where = "no points" if found is None else f"points in {found[0].file_name}"
                raise InputError(
                    f"instance {instance.id} of {image.file_name} has a mask but {where}: masks "
                    "and points must be of one data set, paired by annotation id and file name."
                )
            instances.append(
                InstanceRecord(
                    instance.id,
                    instance.category,
                    found[1].points,
                    instance.segmentation,
                    found[1].box,
                    instance.weight,
                    found[1].key,
                )
            )
        clicks = background.get(image.file_name, ())
        images.append(replace(image, instances=tuple(instances), background_points=clicks))
    unused = [f"instance {i} of {image.file_name} has points, no mask" for i, (image, _) in
              clicked.items()]  # fmt: skip
    notes = [*masks.notes, *points.notes, *([MADE_NOTE] if points.ids_made else [])]
    dropped = (*masks.dropped, *points.dropped, *unused)
    return Dataset(tuple(images), masks.categories, dropped, tuple(notes), points.ids_made)


def write_points(dataset: Dataset, path: Path) -> None:
    """Write a point file that `read_points` gives back as it was."""
    names = list(dataset.categories)
    content = {
        "images": [image_entry(image) for image in dataset.images],
        **({IDS_MADE: True} if dataset.ids_made else {}),
        "categories": [{"id": i, "name": name} for i, name in enumerate(names, start=1)],
        "annotations": [
            {
                "id": instance.id,
                "image_id": image.id,
                "category_id": names.index(instance.category) + 1,
                "points": [list(point) for point in instance.points],
                **({} if instance.box is None else {"bbox": coco_box(instance.box)}),
                **({KEY: instance.key} if instance.key else {}),
            }
            for image in dataset.images
            for instance in image.instances
        ],
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content))


def image_entry(image: ImageRecord) -> Entry:
    """Give COCO's entry of an image, with its clicks on no object where it has some."""
    height, width = image.size
    entry: Entry = {"id": image.id, "file_name": image.file_name, "height": height, "width": width}
    if image.background_points:
        entry["background_points"] = [list(point) for point in image.background_points]
    return entry


def weight_of(entry: Entry, name: str) -> float:
    """Read the trust that 'pointsam label' gives a mask; a mask without one has full trust."""
    weight = entry.get("label_weight", 1.0)
    if type(weight) not in (int, float) or not 0 <= weight <= 1:
        raise InputError(f"{name}: label_weight {weight!r} is no number in [0, 1].")
    return float(weight)


def _size(image: Entry) -> tuple[int, int]:
    return image["height"], image["width"]


def _points(values: Any, size: tuple[int, int], name: str) -> tuple[Point, ...]:
    if not isinstance(values, list):
        raise InputError(f"{name}: points {values} are not a list of [x, y, label].")
    return tuple(_point(point, size, name) for point in values)


def _point(values: Any, size: tuple[int, int], name: str) -> Point:
    """Check one ``[x, y, label]``; a pixel reaches half a pixel around its index."""
    # True is an int to Python.
    numbers = isinstance(values, list) and all(type(value) in (int, float) for value in values)
    if not numbers or len(values) != 3 or values[2] not in (POSITIVE, NEGATIVE):
        raise InputError(f"{name}: point {values} is not [x, y, label] with label 1 or 0.")
    x, y, label = values
    height, width = size
    inside = on_image(x, y, size)
    if not (math.isfinite(x) and math.isfinite(y) and inside):
        raise InputError(
            f"{name}: point ({x}, {y}) is off the image, which is {width} x {height} px (x, y)."
        )
    return float(x), float(y), int(label)


def _why_useless(entry: Entry, size: tuple[int, int], name: str) -> str:
    """Say why an annotation is no usable instance; empty text if it is one."""
    if entry.get("iscrowd") not in (None, 0, "0"):
        return "is a crowd, not an instance"
    segmentation = entry.get("segmentation")
    if not segmentation:
        return "has no mask"
    polygons = isinstance(segmentation, list) and all(isinstance(p, list) for p in segmentation)
    if not polygons and not isinstance(segmentation, dict):
        raise InputError(f"{name} has a mask that is neither polygons nor an RLE.")
    corners = chain.from_iterable(segmentation) if polygons else ()
    odd = [value for value in corners if not isinstance(value, int | float)]
    if odd:
        raise InputError(f"{name} has a mask with a corner at {odd[0]!r}, which is no number.")
    try:
        return "" if count_drawn(segmentation, size) else "has an empty mask"
    except (ValueError, TypeError) as error:
        raise InputError(f"{name} has a mask that cannot be drawn: {error}.") from error


def _dataset(
    path: Path,
    content: dict[str, Any],
    instances: dict[int, list[InstanceRecord]],
    dropped: list[str],
    on_fault: OnFault,
) -> Dataset:
    images = []
    for image in content["images"]:
        name = f"{path}: background points of {image['file_name']}"
        try:
            background = _background(image.get("background_points") or [], _size(image), name)
        except InputError as error:
            on_fault(str(error))
            background = ()
        images.append(
            ImageRecord(
                id=image["id"],
                file_name=image["file_name"],
                size=_size(image),
                instances=tuple(instances.get(image["id"], ())),
                background_points=background,
            )
        )
    return Dataset(tuple(images), tuple(content["names"].values()), tuple(dropped))


def _background(places: Any, size: tuple[int, int], name: str) -> tuple[tuple[float, float], ...]:
    if not isinstance(places, list) or not all(isinstance(place, list) for place in places):
        raise InputError(f"{name}: {places} is not a list of [x, y].")
    points = _points([[*place, NEGATIVE] for place in places], size, name)
    return tuple((x, y) for x, y, _ in points)
