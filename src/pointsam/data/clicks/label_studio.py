"""Reads clicks from Label Studio: its exports JSON and JSON-MIN, and its storage files."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlparse

from pointsam.data.clicks.asked import Asked, stated_size
from pointsam.data.clicks.content import Content
from pointsam.data.clicks.gather import Click, gather
from pointsam.data.clicks.told import Told
from pointsam.data.clicks.values import OBJECT, text_of
from pointsam.data.rasters.images import ENDINGS
from pointsam.data.records import Dataset
from pointsam.errors import InputError, in_words
from pointsam.frames import to_middles

POINTS = ("keypointlabels", "keypoint")
"""Kinds of results that are clicks; the second has its class in another result of the same id."""

INSTANCE = "instance"
"""Name, in any case, of the control (number, text, choices) that joins the clicks of one object."""

_VALUES = {"textarea": "text", "number": "number", "choices": "choices", "labels": "labels"}
"""Where a result of each kind keeps its value: the others repeat the region's x, y and width."""

_HASH = re.compile(r"[0-9a-f]{8}")
_MIN_POINT = {"x", "y", "width", "original_width", "original_height"}
_OWN_KEYS = {"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time"}


@dataclass(frozen=True)
class _Region:
    """One click of one task."""

    told: Told
    result: dict[str, Any]
    fields: dict[str, Any]
    """Values of the other results of its id, by the control's name in small letters and by their
    kind."""
    place: str


def holds_label_studio(content: Content) -> bool:
    """Say whether a file, or the first of a folder, holds tasks of Label Studio."""
    sample = content.sample
    if isinstance(sample, list):
        return any(isinstance(task, dict) for task in sample)
    return isinstance(sample, dict) and (
        ("data" in sample and ("annotations" in sample or "completions" in sample))
        or ("result" in sample and isinstance(sample.get("task"), dict))
    )


def read_label_studio(content: Content, asked: Asked) -> Dataset:
    """Read Label Studio: key points of the first annotation of each task.

    Each click is on the image that its ``to_name`` and ``item_index`` show. A control named
    ``instance`` joins the clicks of one object.

    Raises:
        FileNotFoundError: an image is missing.
        InputError: not such an export; names the task.
    """
    regions: list[_Region] = []
    dropped: list[str] = []
    for path, entry in content.entries():
        for task in entry if isinstance(entry, list) else [entry]:
            place = f"{path}: task {task.get('id') if isinstance(task, dict) else task!r}"
            try:
                regions += _regions(task, place, dropped)
            except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
                if isinstance(error, InputError):
                    raise
                raise InputError(
                    f"{place} is not as Label Studio exports it ({in_words(error)})."
                ) from error
    names = asked.pictures.named([region.told for region in regions])
    sizes: dict[str, tuple[int, int]] = {}
    clicks = []
    for region in regions:
        name = names.get(region.told.link)
        if name is not None:
            stated = tuple(region.result.get(f"original_{side}") for side in ("height", "width"))
            sizes[name] = stated_size(asked, name, (stated[0], stated[1]), region.place)
            clicks.append(_click(region, name, sizes[name]))
    return gather(clicks, sizes, negative=asked.negative, dropped=dropped)


def _regions(task: dict[str, Any], place: str, dropped: list[str]) -> Iterator[_Region]:
    """List the clicks of a task, and the parts of it that are left out."""
    data, results, others = _parts(task)
    if others:
        dropped.append(f"{place}: {others} further annotations, the first is read")
    points = [r for r in results if r["type"] in POINTS]
    drawn = {r.get("id") for r in results if "x" in r["value"] or "points" in r["value"]}
    left = len(drawn - {r.get("id") for r in points})
    if left and points:
        dropped.append(f"{place}: {left} regions that are no key points")
    if not points:
        dropped.append(f"{place}: no key points")
    for result in points:
        if result.get("image_rotation"):
            raise InputError(
                f"{place}: the image was turned by {result['image_rotation']} degrees in the tool: "
                "turn the file, or click on it as it is."
            )
        labels = result["value"].get("keypointlabels") or []
        if len(labels) > 1:
            dropped.append(f"{place}: labels of a key point after the first, {labels[0]}")
        yield _Region(_image_of(result, data, place), result, _fields(result, results), place)


def _parts(task: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]], int]:
    """Give a task's data, the results of its first annotation, and how many more it has."""
    if "result" in task and isinstance(task.get("task"), dict):  # as in a target storage
        return task["task"]["data"], task["result"], 0
    if "data" not in task and not {"annotations", "completions"} & set(task):
        return _of_min(task)
    found = task["annotations"] if "annotations" in task else task["completions"]
    given = [a for a in found if not (a.get("was_cancelled") or a.get("skipped"))]
    return task["data"], given[0]["result"] if given else [], max(0, len(given) - 1)


def _of_min(task: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]], int]:
    """Split a task of JSON-MIN, in which data and values of controls are mixed."""
    controls = {
        name: value
        for name, value in task.items()
        if isinstance(value, list) and value and all(isinstance(v, dict) for v in value)
    }
    data = {name: v for name, v in task.items() if name not in controls and name not in _OWN_KEYS}
    if not any(_looks_like_image(value) for value in data.values()):
        raise KeyError("data")
    results = [
        {
            "id": f"{name} {number}",
            "type": "keypointlabels",
            "from_name": name,
            "original_width": value.get("original_width"),
            "original_height": value.get("original_height"),
            "value": value,
        }
        for name, values in controls.items()
        for number, value in enumerate(values)
        if "keypointlabels" in value or {*value} <= _MIN_POINT
    ]
    return data, results, 0


def _fields(result: dict[str, Any], results: list[dict[str, Any]]) -> dict[str, Any]:
    """Give the other results of a region's id, by control and by kind."""
    found: dict[str, Any] = {}
    for other in results:
        if other is result or other.get("id") != result["id"]:
            continue
        value = other["value"].get(_VALUES.get(other["type"], other["type"]))
        first = value[0] if isinstance(value, list) and value else value
        found.setdefault(str(other.get("from_name")).lower(), first)
        found.setdefault(f"type {other['type']}", first)
    return found


def _click(region: _Region, name: str, size: tuple[int, int]) -> Click:
    """Read one key point, in percent of the image's sides."""
    value = region.result["value"]
    named = value.get("keypointlabels") or [region.fields.get("type labels")]
    return Click(
        name,
        to_middles(float(value["x"]) / 100 * size[1]),
        to_middles(float(value["y"]) / 100 * size[0]),
        category=text_of(named[0]) or OBJECT,
        instance=text_of(region.fields.get(INSTANCE)),
        place=region.place,
    )


def _image_of(result: dict[str, Any], data: dict[str, Any], place: str) -> Told:
    """Find the image that a click is on: what its ``to_name`` shows, or the only image there is."""
    shown = data.get(str(result.get("to_name")))
    if shown is None:
        images = [value for value in data.values() if _looks_like_image(value)]
        if not images:  # links without an ending
            images = [value for value in data.values() if isinstance(value, str | list)]
        if len(images) != 1:
            raise InputError(
                f"{place} has {len(images)} images, and {result.get('to_name')!r}, which the click "
                "is on, names none of them: name the images in the task as in the labelling setup."
            )
        shown = images[0]
    if isinstance(shown, list):
        shown = shown[int(result.get("item_index", 0))]
    if not isinstance(shown, str):
        raise ValueError(f"the image of {result.get('to_name')!r} is no text")
    return _told(shown)


def _looks_like_image(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(_looks_like_image(one) for one in value)
    return isinstance(value, str) and PurePosixPath(_told(value).path).suffix.lower() in ENDINGS


def _told(link: str) -> Told:
    """Read a link: the path it ends in, and for an upload the user's own name."""
    parts = urlparse(link)
    asked = parse_qs(parts.query).get("d")  # without its escapes already
    path = (asked[0] if asked else unquote(parts.path)).replace("\\", "/")
    name = PurePosixPath(path).name
    digits, dash, rest = name.partition("-")
    if "/upload/" in parts.path and dash and _HASH.fullmatch(digits):
        return Told(link, rest, stored=name)
    return Told(link, path)
