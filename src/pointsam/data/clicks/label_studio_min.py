"""Brings a record of Label Studio's JSON-MIN to the form of a task in its JSON.

JSON-MIN holds the values of each control in a list of its own, without the ids that join them. All
values of one region repeat its place, so equal places are one region.

Source: Converter.convert_to_json_min and prettify_result of the tool's own converter.
"""

from collections.abc import Iterator
from typing import Any

from pointsam.data.clicks.label_studio_links import looks_like_image
from pointsam.errors import InputError

INSTANCE = "instance"
"""Name, in any case, of the control (number, text, choices) that joins the clicks of one object."""

VALUES = {"textarea": "text", "number": "number", "choices": "choices", "labels": "labels"}
"""Where a result of each kind keeps its value: the others repeat the region's x, y and width."""

_PLACE = {"x", "y", "width"}
_POINT = {*_PLACE, "original_width", "original_height"}
_OWN_KEYS = {"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time"}

_Mark = tuple[str, dict[str, Any]]
"""Name of a control, and one of its values."""


def is_min(record: dict[str, Any]) -> bool:
    """Say whether a mapping is a record: a link to an image, and what the export adds to it."""
    lists = [value for value in record.values() if isinstance(value, list)]
    marked = any(isinstance(v, dict) and _PLACE <= v.keys() for values in lists for v in values)
    exported = record.keys() >= {"annotator", "annotation_id"}
    return (marked or exported) and any(map(looks_like_image, record.values()))


def of_min(record: dict[str, Any], place: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Split a record, in which data and values of controls are mixed: give data and results.

    Raises:
        InputError: nothing tells which value is of which click.
    """
    controls = {
        name: value
        for name, value in record.items()
        if isinstance(value, list) and value and all(isinstance(v, dict) for v in value)
    }
    data = {name: v for name, v in record.items() if name not in controls and name not in _OWN_KEYS}
    if not any(map(looks_like_image, data.values())):
        raise InputError(
            f"{place} has no link to an image that ends as an image's name does: export JSON."
        )
    regions: dict[str, list[_Mark]] = {}
    for name, values in controls.items():
        for value in values:
            shape = {
                key: value[key] for key in ("x", "y", "width", "height", "points") & value.keys()
            }
            regions.setdefault(repr(sorted(shape.items())), []).append((name, value))
    results = [result for name, marks in regions.items() for result in _results(name, marks, place)]
    bare = [name for name in data if name.lower() == INSTANCE]
    if bare and any(result["type"].startswith("keypoint") for result in results):
        raise InputError(
            f"{place} has {bare[0]} without the places of its regions, as JSON-MIN writes texts "
            "and choices, so nothing tells which click each is of: export JSON."
        )
    return data, results


def _results(region: str, marks: list[_Mark], place: str) -> Iterator[dict[str, Any]]:
    """Give the results of one place: its key points, each with the other values there."""
    first = marks[0][1]
    if "height" in first or not {"x", "y"} <= set(first):  # another shape, or of the whole image
        yield {"id": region, "type": "other", "value": first}
        return
    if first["x"] is None or first["y"] is None:
        raise ValueError("x or y of a key point is null")
    points = [mark for mark in marks if "keypointlabels" in mark[1] or {*mark[1]} <= _POINT]
    where = f"{place} at ({first['x']:g}, {first['y']:g}) percent"
    if not points or any("labels" in point for _, point in points):
        raise InputError(
            f"{where} has a key point of a smart tool, and JSON-MIN does not say whether it is on "
            "or off the object: export JSON."
        )
    beside = _beside(points, [mark for mark in marks if mark not in points], where)
    for number, (control, point) in enumerate(points):
        own = "keypointlabels" if "keypointlabels" in point else "keypoint"
        for kind, name, value in [(own, control, point), *beside]:
            yield {
                "id": f"{region} {number}",
                "type": kind,
                "from_name": name,
                "original_width": value.get("original_width"),
                "original_height": value.get("original_height"),
                "value": value,
            }


def _beside(
    points: list[_Mark], others: list[_Mark], where: str
) -> list[tuple[str, str, dict[str, Any]]]:
    """Give kind, control and value of what all key points of one place have beside them."""
    controls: dict[str, list[dict[str, Any]]] = {}
    for name, value in others:
        controls.setdefault(name, []).append(value)
    for name, values in controls.items():
        if len(values) != len(points) or any(value != values[0] for value in values):
            raise InputError(
                f"{where} has {len(points)} key points and {len(values)} values of {name}, and "
                "nothing in JSON-MIN tells which is of which: export JSON."
            )
    return [(_kind(values[0]), name, values[0]) for name, values in controls.items()]


def _kind(value: dict[str, Any]) -> str:
    """Tell the kind of a control by the key of its value."""
    return next((kind for kind, key in VALUES.items() if key in value), "other")
