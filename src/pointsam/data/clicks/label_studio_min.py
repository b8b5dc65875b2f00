"""Brings a record of Label Studio's JSON-MIN to the form of a task in its JSON."""

from typing import Any

from pointsam.data.clicks.label_studio_links import looks_like_image

_POINT = {"x", "y", "width", "original_width", "original_height"}
_OWN_KEYS = {"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time"}


def of_min(record: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Split a record, in which data and values of controls are mixed: give data and results."""
    controls = {
        name: value
        for name, value in record.items()
        if isinstance(value, list) and value and all(isinstance(v, dict) for v in value)
    }
    data = {name: v for name, v in record.items() if name not in controls and name not in _OWN_KEYS}
    if not any(looks_like_image(value) for value in data.values()):
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
        if "keypointlabels" in value or {*value} <= _POINT
    ]
    return data, results
