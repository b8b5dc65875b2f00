"""Names of columns and fields that say what a click is, by one rule for tables and vector files."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pointsam.errors import InputError

COLUMNS = ("image", "x", "y", "label", "class", "instance")
"""Of a table that is written here."""

PIXELS, LON_LAT, MAP = ("x", "y"), ("lon", "lat"), ("map_x", "map_y")
"""Columns with the place of a click: in an image, on earth, or on the scene's own map."""

_ALIASES = {
    "longitude": "lon", "long": "lon", "lng": "lon", "latitude": "lat",
    "easting": "map_x", "northing": "map_y",
    "category": "class", "class_name": "class", "classname": "class", "category_name": "class",
    "labels": "label", "point_label": "label", "point_labels": "label",
    "positive": "label", "is_positive": "label", "foreground": "label", "is_foreground": "label",
    "instance_id": "instance",
}  # fmt: skip
_ALIASES |= {name[:10]: known for name, known in _ALIASES.items()}  # as a Shapefile cuts them
# No "object_id": ArcGIS numbers the rows of every table by it.

_IMAGES = {
    "images", "file", "filename", "file_name", "filepath", "file_path", "img", "img_name",
    "img_path", "image_name", "imagename", "image_path", "imagepath", "image_file",
    "image_filename",
}  # fmt: skip
"""Names of the column of images in tables alone: of a point on a map, they may name a photo."""


_GAPS = re.compile(r"[ .-]+")
"""What stands for the underscores of a name: ``Image Name``, ``class-name``."""


def known_columns(path: Path, given: Sequence[str], *, images: bool) -> tuple[str, ...]:
    """Give the known names of columns, unless the file has that name, too.

    Args:
        path: for messages.
        given: names as the file has them, in small letters.
        images: whether other names for the column of images are known.

    Raises:
        InputError: two columns for one thing, of which one would have to be guessed.
    """
    aliases = _ALIASES | dict.fromkeys(_IMAGES if images else (), "image")
    meant = [_known(name, aliases) for name in given]
    known = [name if one in given else one for name, one in zip(given, meant, strict=True)]
    for column in COLUMNS + LON_LAT + MAP:
        names = [name for name, one in zip(given, known, strict=True) if one == column]
        if len(names) > 1:
            raise InputError(f"{path} has the columns {' and '.join(names)}: keep one of them.")
    return tuple(known)


def _known(name: str, aliases: Mapping[str, str]) -> str:
    plain = _GAPS.sub("_", name)
    if plain in {*COLUMNS, *LON_LAT, *MAP}:
        return plain
    return aliases.get(plain, name)


def place_columns(columns: Iterable[str]) -> tuple[str, str] | None:
    """Name the two columns that place a click."""
    there = {*columns}
    return next((where for where in (PIXELS, LON_LAT, MAP) if {*where} <= there), None)


def not_read(path: Path, names: Iterable[str], *, what: str = "columns") -> list[str]:
    """Say which columns, fields, attributes or tags are not read, in one line or none."""
    listed = ", ".join(name for name in names if name)
    return [f"{path}: {what} not read: {listed}"] if listed else []
