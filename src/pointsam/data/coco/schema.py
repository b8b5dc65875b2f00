"""Reads COCO JSON, and checks its lists, keys and ids."""

from collections.abc import Callable
from pathlib import Path
from posixpath import normpath
from typing import Any, NoReturn

from pointsam.errors import InputError
from pointsam.texts import read_json

Entry = dict[str, Any]

OnFault = Callable[[str], None]
"""Called with a line about a fault; if it returns, reading goes on without the entry."""

MAX_NUMBER = 2**63
"""Ids of this size or more fit no column of a vector file."""

MAX_SIDE = 2**31
"""Of an image, in pixels."""

_NEEDED: dict[str, dict[str, type]] = {
    "images": {"id": int, "file_name": str, "height": int, "width": int},
    "annotations": {"id": int, "image_id": int, "category_id": int},
    "categories": {"id": int, "name": str},
}
"""Keys of the lists of a COCO file, and what they hold."""


def refuse(fault: str) -> NoReturn:
    """End reading at the first fault."""
    raise InputError(fault)


def read_coco_json(path: Path, on_fault: OnFault) -> dict[str, Any]:
    """Read COCO JSON; the result has no contradictions.

    Returns:
        The file's content, its lists without faulty entries, names of images in one form, and
        ``names``: category names by id.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: not JSON, or not COCO; other faults go to `on_fault`.
    """
    if not path.is_file():
        if path.is_dir():
            raise InputError(f"{path} is a folder, expected an annotation file (.json).")
        raise FileNotFoundError(f"no annotation file {path}: check the folder and the name.")
    content = read_json(path)
    missing = [
        key
        for key in _NEEDED
        if not isinstance(content, dict) or not isinstance(content.get(key), list)
    ]
    if missing:
        raise InputError(f"{path} is not COCO JSON: it has no list {', '.join(missing)}.")
    sound: dict[str, Any] = dict(content)
    for kind in _NEEDED:
        sound[kind] = _with_keys(path, kind, content[kind], on_fault)
        sound[kind] = _once(f"{path}: {kind} id", "id", sound[kind], on_fault)
    named = [image | {"file_name": _plain(image["file_name"])} for image in sound["images"]]
    sound["images"] = _once(f"{path}: file name", "file_name", named, on_fault)
    sound["images"] = [i for i in sound["images"] if _has_size(path, i, on_fault)]
    sound["names"] = {category["id"]: category["name"] for category in sound["categories"]}
    sound["annotations"] = _linked(path, sound, on_fault)
    return sound


def _with_keys(path: Path, kind: str, entries: list[Any], on_fault: OnFault) -> list[Entry]:
    """Keep entries that have their keys, with values of the right kind."""
    keys = _NEEDED[kind]
    kept = []
    for place, entry in enumerate(entries):
        if isinstance(entry, dict):
            entry = entry | _whole({key: entry[key] for key in keys if key in entry})
        lacking = [key for key in keys if not isinstance(entry, dict) or key not in entry]
        wrong = [key for key in keys if not lacking and not _is_a(entry[key], keys[key])]
        if lacking:
            on_fault(f"{path}: {kind}[{place}] has no {', '.join(lacking)}.")
        elif wrong:
            needed = "text of one line" if keys[wrong[0]] is str else "a whole number of 63 bits"
            on_fault(
                f"{path}: {kind}[{place}] has {wrong[0]} {entry[wrong[0]]!r}, expected {needed}."
            )
        else:
            kept.append(entry)
    return kept


def _whole(values: Entry) -> Entry:
    """Give whole numbers that were written as fractions: 2.0 is 2."""
    return {
        key: int(value) if isinstance(value, float) and value.is_integer() else value
        for key, value in values.items()
    }


def _is_a(value: Any, kind: type) -> bool:
    if kind is str:  # a name with a line break would look like two in every list of names
        return isinstance(value, str) and all(ord(character) >= 32 for character in value)
    # True is an int to Python; tables and rasters hold no longer numbers.
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < MAX_NUMBER


def _once(what: str, key: str, entries: list[Entry], on_fault: OnFault) -> list[Entry]:
    """Keep the first entry of each value of a key."""
    kept: dict[Any, Entry] = {}
    for entry in entries:
        value = entry[key]
        if value in kept:
            on_fault(f"{what} {value} appears more than once; each must be unique.")
        else:
            kept[value] = entry
    return list(kept.values())


def _plain(name: str) -> str:
    """Write a name in one way: ``./1.jpg`` is ``1.jpg``, and folders end in a slash."""
    return normpath(name.replace("\\", "/")) if name else name


def _has_size(path: Path, image: Entry, on_fault: OnFault) -> bool:
    height, width = image["height"], image["width"]
    sound: bool = 0 < min(height, width) and max(height, width) < MAX_SIDE
    if not sound:
        on_fault(f"{path}: {image['file_name']} has height {height} and width {width}.")
    return sound


def _linked(path: Path, content: dict[str, Any], on_fault: OnFault) -> list[Entry]:
    """Keep annotations whose image and category are listed."""
    images = {image["id"] for image in content["images"]}
    kept = []
    for entry in content["annotations"]:
        if entry["image_id"] not in images:
            on_fault(
                f"{path}: annotation {entry['id']} belongs to image {entry['image_id']}, "
                "which the file does not list."
            )
        elif entry["category_id"] not in content["names"]:
            on_fault(
                f"{path}: annotation {entry['id']} has category {entry['category_id']}, known are "
                f"{sorted(content['names'])}."
            )
        else:
            kept.append(entry)
    return kept
