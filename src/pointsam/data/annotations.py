"""COCO masks and point files to records; what is dropped is counted and named.

A file that cannot be trusted (an id twice, an annotation of no image, a point off its image) is
refused whole, because every later number would be wrong. What is merely useless (an empty mask, a
crowd) is dropped, and its image stays.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pointsam.data.records import Dataset, ImageRecord, InstanceRecord, Point, Segmentation
from pointsam.errors import InputError
from pointsam.files import replacing
from pointsam.masks import count_drawn
from pointsam.prompts import NEGATIVE, POSITIVE

Entry = dict[str, Any]

_NEEDED: dict[str, dict[str, type]] = {
    "images": {"id": int, "file_name": str, "height": int, "width": int},
    "annotations": {"id": int, "image_id": int, "category_id": int},
    "categories": {"id": int, "name": str},
}
"""Keys of the lists of a COCO file, and what they hold."""


def read_coco(path: Path) -> Dataset:
    """Read COCO instance masks.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: not COCO, or ids that contradict each other.
    """
    content = _read_json(path)
    dropped: list[str] = []
    instances: dict[int, list[InstanceRecord]] = {}
    sizes = {image["id"]: _size(path, image) for image in content["images"]}
    for entry in content["annotations"]:
        name = f"{path}: annotation {entry['id']}"
        if entry.get("iscrowd"):
            dropped.append(f"{name} is a crowd, not an instance")
            continue
        segmentation = entry.get("segmentation")
        if not segmentation:
            dropped.append(f"{name} has no mask")
            continue
        if _is_empty(segmentation, sizes[entry["image_id"]], name):
            dropped.append(f"{name} has an empty mask")
            continue
        instances.setdefault(entry["image_id"], []).append(
            InstanceRecord(
                id=entry["id"],
                category=content["names"][entry["category_id"]],
                segmentation=segmentation,
            )
        )
    return _dataset(path, content, instances, dropped)


def read_points(path: Path) -> Dataset:
    """Read a point file: COCO JSON whose annotations carry ``points``; masks are never opened.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: not a point file, contradicting ids, or points that lie off their image.
    """
    content = _read_json(path)
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
        if not entry.get("points"):
            dropped.append(f"{name} has no points")
            continue
        points = _points(entry["points"], _size(path, image), name)
        if not any(label == POSITIVE for _, _, label in points):
            dropped.append(f"{name} has no positive point")
            continue
        instances.setdefault(entry["image_id"], []).append(
            InstanceRecord(
                id=entry["id"], category=content["names"][entry["category_id"]], points=points
            )
        )
    return _dataset(path, content, instances, dropped)


def pair(masks: Dataset, points: Dataset) -> Dataset:
    """Give the masks their points: the same annotation id in the image of the same name.

    Instances whose mask was dropped lose their points too, and are named.

    Raises:
        InputError: a mask without points, or points and mask in images of different names.
    """
    clicked = {
        instance.id: (image, instance) for image in points.images for instance in image.instances
    }
    background = {image.file_name: image.background_points for image in points.images}
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
                    instance.id, instance.category, found[1].points, instance.segmentation
                )
            )
        images.append(
            ImageRecord(
                image.id,
                image.file_name,
                image.size,
                tuple(instances),
                background.get(image.file_name, ()),
            )
        )
    unused = [f"instance {i} of {image.file_name} has points, no mask" for i, (image, _) in
              clicked.items()]  # fmt: skip
    return Dataset(tuple(images), masks.categories, (*masks.dropped, *points.dropped, *unused))


def write_points(dataset: Dataset, path: Path) -> None:
    """Write a point file that `read_points` gives back as it was."""
    names = list(dataset.categories)
    content = {
        "images": [
            {
                "id": image.id,
                "file_name": image.file_name,
                "height": image.size[0],
                "width": image.size[1],
                **(
                    {"background_points": [list(p) for p in image.background_points]}
                    if image.background_points
                    else {}
                ),
            }
            for image in dataset.images
        ],
        "categories": [{"id": i, "name": name} for i, name in enumerate(names, start=1)],
        "annotations": [
            {
                "id": instance.id,
                "image_id": image.id,
                "category_id": names.index(instance.category) + 1,
                "points": [list(point) for point in instance.points],
            }
            for image in dataset.images
            for instance in image.instances
        ],
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content))


def _read_json(path: Path) -> dict[str, Any]:
    """Read COCO JSON and check that its ids agree; add ``names``, category names by id."""
    if not path.is_file():
        raise FileNotFoundError(f"no annotation file {path}.")
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not JSON ({error}).") from error
    missing = [
        key
        for key in ("images", "annotations", "categories")
        if not isinstance(content, dict) or not isinstance(content.get(key), list)
    ]
    if missing:
        raise InputError(f"{path} is not COCO JSON: it has no list {', '.join(missing)}.")
    _check_keys(path, content)
    for kind in ("images", "annotations", "categories"):
        _refuse_twice(path, f"{kind} id", (entry["id"] for entry in content[kind]))
    _refuse_twice(path, "file name", (image["file_name"] for image in content["images"]))
    content["names"] = {category["id"]: category["name"] for category in content["categories"]}
    images = {image["id"] for image in content["images"]}
    for entry in content["annotations"]:
        if entry["image_id"] not in images:
            raise InputError(
                f"{path}: annotation {entry['id']} belongs to image {entry['image_id']}, "
                "which the file does not list."
            )
        if entry["category_id"] not in content["names"]:
            raise InputError(
                f"{path}: annotation {entry['id']} has category {entry['category_id']}, known are "
                f"{sorted(content['names'])}."
            )
    checked: dict[str, Any] = content
    return checked


def _check_keys(path: Path, content: dict[str, Any]) -> None:
    for kind, keys in _NEEDED.items():
        for place, entry in enumerate(content[kind]):
            lacking = [key for key in keys if not isinstance(entry, dict) or key not in entry]
            if lacking:
                raise InputError(f"{path}: {kind}[{place}] has no {', '.join(lacking)}.")
            wrong = [key for key, needed in keys.items() if not isinstance(entry[key], needed)]
            if wrong:
                raise InputError(
                    f"{path}: {kind}[{place}] has {wrong[0]} {entry[wrong[0]]!r}, expected "
                    f"{'text' if keys[wrong[0]] is str else 'a whole number'}."
                )


def _refuse_twice(path: Path, what: str, values: Iterable[Any]) -> None:
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        raise InputError(f"{path}: {what} {twice[0]} appears more than once; each must be unique.")


def _size(path: Path, image: Entry) -> tuple[int, int]:
    height, width = image["height"], image["width"]
    if min(height, width) < 1:
        raise InputError(f"{path}: {image['file_name']} has height {height} and width {width}.")
    return height, width


def _points(values: Any, size: tuple[int, int], name: str) -> tuple[Point, ...]:
    if not isinstance(values, list):
        raise InputError(f"{name}: points {values} are not a list of [x, y, label].")
    return tuple(_point(point, size, name) for point in values)


def _point(values: Any, size: tuple[int, int], name: str) -> Point:
    """Check one ``[x, y, label]``; a pixel reaches half a pixel around its index."""
    numbers = isinstance(values, list) and all(isinstance(v, int | float) for v in values)
    if not numbers or len(values) != 3 or values[2] not in (POSITIVE, NEGATIVE):
        raise InputError(f"{name}: point {values} is not [x, y, label] with label 1 or 0.")
    x, y, label = values
    height, width = size
    inside = -0.5 <= x < width and -0.5 <= y < height
    if not (math.isfinite(x) and math.isfinite(y) and inside):
        raise InputError(
            f"{name}: point ({x}, {y}) is off the image, which is {width} x {height} px (x, y)."
        )
    return float(x), float(y), int(label)


def _is_empty(segmentation: Any, size: tuple[int, int], name: str) -> bool:
    polygons = isinstance(segmentation, list) and all(isinstance(p, list) for p in segmentation)
    if not polygons and not isinstance(segmentation, dict):
        raise InputError(f"{name} has a mask that is neither polygons nor an RLE.")
    try:
        return count_drawn(segmentation, size) == 0
    except (ValueError, TypeError) as error:
        raise InputError(f"{name} has a mask that cannot be drawn: {error}.") from error


def _dataset(
    path: Path,
    content: dict[str, Any],
    instances: dict[int, list[InstanceRecord]],
    dropped: list[str],
) -> Dataset:
    images = []
    for image in content["images"]:
        size = _size(path, image)
        name = f"{path}: background points of {image['file_name']}"
        places = image.get("background_points") or []
        if not isinstance(places, list) or not all(isinstance(p, list) for p in places):
            raise InputError(f"{name}: {places} is not a list of [x, y].")
        background = _points([[*place, NEGATIVE] for place in places], size, name)
        images.append(
            ImageRecord(
                id=image["id"],
                file_name=image["file_name"],
                size=size,
                instances=tuple(instances.get(image["id"], ())),
                background_points=tuple((x, y) for x, y, _ in background),
            )
        )
    return Dataset(tuple(images), tuple(content["names"].values()), tuple(dropped))
