"""Clicks from annotation tools: LabelMe, Label Studio, CVAT, and COCO keypoints.

LabelMe, Label Studio and CVAT count from the image's edge, this project from the middle of its
first pixel: half a pixel is taken off. COCO keypoints count pixels, as this project does.
"""

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse
from xml.etree import ElementTree

from pointsam.data.clicks.gather import Click, gather
from pointsam.data.coco.schema import read_coco_json, refuse
from pointsam.data.records import Dataset
from pointsam.errors import InputError, in_words
from pointsam.files import list_files
from pointsam.frames import to_middles
from pointsam.prompts import NEGATIVE, POSITIVE

Sizes = dict[str, tuple[int, int]]


def read_labelme(path: Path, *, negative: str) -> Dataset:
    """Read LabelMe: shapes of type point; ``group_id`` joins the clicks of one object.

    Args:
        path: of one file, or of a folder of them.
        negative: label of clicks off the objects.

    Raises:
        InputError: a file that is not LabelMe's, or states no image size; names it.
    """
    sizes: Sizes = {}
    clicks: list[Click] = []
    dropped: list[str] = []
    for file in list_files(path, (".json",)) if path.is_dir() else [path]:
        content = read_json(file)
        try:
            name = _base_name(content["imagePath"])
            sizes[name] = int(content["imageHeight"]), int(content["imageWidth"])
            others = 0
            for number, shape in enumerate(content["shapes"]):
                if shape["shape_type"] != "point":
                    others += 1
                    continue
                [[x, y]] = shape["points"]
                clicks.append(
                    Click(
                        name,
                        to_middles(float(x)),
                        to_middles(float(y)),
                        NEGATIVE if shape["label"] == negative else POSITIVE,
                        str(shape["label"]),
                        _text(shape.get("group_id")),
                        f"{file}: shape {number}",
                    )
                )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{file} is not as LabelMe writes it ({in_words(error)}).") from error
        if others:
            dropped.append(f"{file}: {others} shapes that are no points")
    return gather(clicks, sizes, dropped=dropped)


def read_label_studio(path: Path, *, negative: str) -> Dataset:
    """Read Label Studio's JSON export: key points of the first annotation of each task.

    A field named ``instance`` on a region joins the clicks of one object.

    Raises:
        InputError: not such an export; names the task.
    """
    sizes: Sizes = {}
    clicks: list[Click] = []
    dropped: list[str] = []
    for task in read_json(path):
        place = f"{path}: task {task.get('id') if isinstance(task, dict) else task!r}"
        try:
            given = [a for a in task["annotations"] if not a.get("was_cancelled")]
            regions = given[0]["result"] if given else []
            points = [r for r in regions if r["type"] in ("keypointlabels", "keypoint")]
            name = _studio_name(task)
            for region in points:
                sizes[name] = int(region["original_height"]), int(region["original_width"])
                clicks.append(_studio_click(region, regions, name, sizes[name], negative, place))
        except (KeyError, TypeError, ValueError, AttributeError, StopIteration) as error:
            raise InputError(
                f"{place} is not as Label Studio exports it ({in_words(error)})."
            ) from error
        if len(given) > 1:
            dropped.append(f"{place}: {len(given) - 1} further annotations, the first is read")
        if not points:
            dropped.append(f"{place}: no key points")
    return gather(clicks, sizes, dropped=dropped)


def read_cvat(path: Path, *, negative: str) -> Dataset:
    """Read "CVAT for images 1.1": ``points``, each of one or several clicks.

    An attribute ``instance``, or else CVAT's own group, joins the clicks of one object.

    Raises:
        InputError: not such a file.
    """
    try:
        root = ElementTree.fromstring(path.read_bytes())
    except ElementTree.ParseError as error:
        raise InputError(f"{path} is not XML ({error}).") from error
    if root.find("image") is None:
        raise InputError(f"{path} has no images: export as 'CVAT for images 1.1'.")
    sizes: Sizes = {}
    clicks: list[Click] = []
    try:
        for image in root.iter("image"):
            name = image.attrib["name"]
            sizes[name] = int(image.attrib["height"]), int(image.attrib["width"])
            for shape in image.iter("points"):
                clicks.extend(_cvat_clicks(shape, name, negative, f"{path}: image {name}"))
    except (KeyError, ValueError) as error:
        raise InputError(f"{path} is not as CVAT writes it ({in_words(error)}).") from error
    return gather(clicks, sizes)


def read_keypoints(path: Path) -> Dataset:
    """Read COCO key points: those of one annotation that are labelled are one object's clicks.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: not COCO, or key points that are not threes of numbers.
    """
    content = read_coco_json(path, refuse)
    images = {image["id"]: image for image in content["images"]}
    clicks = []
    for entry in content["annotations"]:
        place = f"{path}: annotation {entry['id']}"
        values = entry.get("keypoints") or []
        numbers = isinstance(values, list) and all(isinstance(v, int | float) for v in values)
        if not numbers or len(values) % 3:
            raise InputError(f"{place} has key points that are not x, y, v each.")
        for x, y, seen in zip(values[::3], values[1::3], values[2::3], strict=True):
            if seen > 0:
                name = images[entry["image_id"]]["file_name"]
                category = content["names"][entry["category_id"]]
                owner = str(entry["id"])
                clicks.append(Click(name, float(x), float(y), POSITIVE, category, owner, place))
    sizes = {i["file_name"]: (i["height"], i["width"]) for i in content["images"]}
    return gather(clicks, sizes)


def read_json(path: Path) -> Any:
    """Read JSON.

    Raises:
        InputError: it is none.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON ({error}).") from error


def _base_name(path: str) -> str:
    """Give the name at the end of a path of any system."""
    return PurePosixPath(path.replace("\\", "/")).name


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)


def _studio_name(task: dict[str, Any]) -> str:
    """Give the image's name: of the upload, without the digits put before it, or of the link."""
    link = next(value for value in task["data"].values() if isinstance(value, str))
    parts = urlparse(link)
    name = _base_name(unquote(parse_qs(parts.query).get("d", [parts.path])[0]))
    digits, dash, rest = name.partition("-")
    uploaded = "/upload/" in parts.path and dash and len(digits) == 8
    return rest if uploaded else name


def _studio_click(
    region: dict[str, Any],
    regions: list[dict[str, Any]],
    name: str,
    size: tuple[int, int],
    negative: str,
    place: str,
) -> Click:
    """Read one key point, in percent of the image's sides."""
    value = region["value"]
    category = str((value.get("keypointlabels") or ["object"])[0])
    fields = (r for r in regions if r.get("id") == region["id"] and r["from_name"] == "instance")
    owner = None
    for field in fields:
        found = next(iter(field["value"].values()))
        owner = _text(found[0] if isinstance(found, list) else found)
    return Click(
        name,
        to_middles(value["x"] / 100 * size[1]),
        to_middles(value["y"] / 100 * size[0]),
        NEGATIVE if category == negative else POSITIVE,
        category,
        owner,
        place,
    )


def _cvat_clicks(
    shape: ElementTree.Element, image: str, negative: str, place: str
) -> Iterator[Click]:
    attributes = {a.attrib["name"]: (a.text or "").strip() for a in shape.iter("attribute")}
    owner = attributes.get("instance") or shape.attrib.get("group_id")
    category = shape.attrib["label"]
    label = NEGATIVE if category == negative else POSITIVE
    for pair in shape.attrib["points"].split(";"):
        x, y = map(float, pair.split(","))
        yield Click(image, to_middles(x), to_middles(y), label, category, _text(owner), place)
