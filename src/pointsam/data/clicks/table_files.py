"""The lines of a table of clicks, by column; what they mean is read elsewhere."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from pointsam.data.clicks.columns import known_columns, not_read, place_columns
from pointsam.data.clicks.content import Content
from pointsam.data.rasters.images import ENDINGS
from pointsam.errors import InputError
from pointsam.texts import from_text, read_text

DELIMITERS = ",;\t"

Row = tuple[str, Mapping[str, str]]
"""Place of a line for messages, and its values by column."""

_MAKE_SENSE = ("class", "x", "y", "image", "image_width", "image_height")
"""Columns of make-sense's table of points, which has no line that names them.

Source: PointLabelsExport.ts of SkalskiP/make-sense.
"""

_SEP = re.compile(r"sep=(.)[ \r\n]*", re.IGNORECASE)


@dataclass(frozen=True)
class Table:
    """Lines of a file by column, with their places for messages."""

    path: Path
    columns: tuple[str, ...]
    delimiter: str
    rows: tuple[Row, ...]

    @property
    def where(self) -> tuple[str, str] | None:
        """The two columns that place a click."""
        return place_columns(self.columns)

    @property
    def names_images(self) -> bool:
        """Whether each line says which image it is of."""
        return "image" in self.columns

    @property
    def unread(self) -> list[str]:
        """The columns that say nothing of a click."""
        read = {*(self.where or ()), "image", "label", "class", "instance"}
        return [name for name in self.columns if name not in read]

    @property
    def notes(self) -> list[str]:
        """Say what was not read."""
        return not_read(self.path, self.unread)


def holds_table(content: Content) -> bool:
    """Say whether a file's first line holds columns that place clicks, or its ending is .csv."""
    if content.is_folder or not content.text:
        return content.path.suffix.lower() == ".csv" and not content.is_folder
    if content.path.suffix.lower() in (".csv", ".tsv"):
        return True
    names = {name for line in content.text.splitlines()[:2] for name in _split(line)}
    # Each name alone: two that mean one thing are refused later, by name.
    known = {one for name in names for one in known_columns(content.path, [name], images=True)}
    return place_columns(known) is not None


def table_of(content: Content) -> Table:
    """Read the table of a file, once.

    Raises:
        InputError: no columns that place a click, or lines that cannot be read.
    """
    if "table" not in content.kept:
        content.kept["table"] = _read_table(content.path)
    table: Table = content.kept["table"]
    return table


def unknown_columns(path: Path, columns: Sequence[str]) -> InputError:
    """Say that a table does not tell what its clicks are on."""
    return InputError(
        f"{path} has the columns {', '.join(columns)}; expected image and x, y (pixels), lon, lat "
        "(degrees) or map_x, map_y (the scene's own map), and if there are any label, class, "
        "instance, separated by comma, semicolon or tab."
    )


def _read_table(path: Path) -> Table:
    # Lines keep their ends, and end where csv's do: a text in quotes may hold several.
    lines = list(io.StringIO(read_text(path), newline=None))
    first = _next_filled(lines, 0)
    stated = _SEP.fullmatch(lines[first]) if first < len(lines) else None
    if stated:
        first = _next_filled(lines, first + 1)
    if len(lines) <= first:
        raise InputError(f"{path} is empty.")
    delimiter = stated.group(1) if stated else max(DELIMITERS, key=lines[first].count)
    reader = csv.reader(lines[first:], delimiter=delimiter, skipinitialspace=True, strict=True)
    given = [name.strip().lower() for name in _next_row(path, reader, first) or []]
    if _is_make_sense(given):
        reader = csv.reader(lines[first:], delimiter=delimiter, strict=True)
        table = Table(path, _MAKE_SENSE, delimiter, ())
    else:
        table = Table(path, known_columns(path, given, images=True), delimiter, ())
    if table.where is None:
        raise unknown_columns(path, given)
    return replace(table, rows=tuple(_rows(path, reader, table.columns, first, heads=given)))


def _is_make_sense(values: Sequence[str]) -> bool:
    """Say whether a first line is already a click: class, x, y, image, width, height."""
    if len(values) != len(_MAKE_SENSE):
        return False
    numbers = [
        values[_MAKE_SENSE.index(name)] for name in ("x", "y", "image_width", "image_height")
    ]
    return all(map(str.isdecimal, numbers)) and is_image_name(values[_MAKE_SENSE.index("image")])


def is_image_name(text: str) -> bool:
    """Say whether a text looks like the name of an image file."""
    return PurePath(text).suffix.lower() in ENDINGS


def _next_filled(lines: Sequence[str], start: int) -> int:
    """Give the index of the first line from `start` on that is not blank."""
    return next((n for n in range(start, len(lines)) if lines[n].strip()), len(lines))


def _split(line: str) -> list[str]:
    delimiter = max(DELIMITERS, key=line.count)
    return [name.strip().strip('"').lower() for name in line.split(delimiter)]


def _rows(
    path: Path, reader: Any, columns: tuple[str, ...], first: int, *, heads: Sequence[str]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Give each line's place and its values by column.

    Lines that name the columns again are none: tables were put together.
    """
    again = [] if columns == _MAKE_SENSE else [*heads]
    while (values := _next_row(path, reader, first)) is not None:
        place = f"{path}: line {reader.line_num + first}"
        if not any(value.strip() for value in values):
            continue
        if [value.strip().lower() for value in values] == again:
            continue
        while len(values) > len(columns) and not values[-1].strip():
            values = values[:-1]  # some programs end each line with a delimiter
        if len(values) != len(columns):
            raise InputError(f"{place} has {len(values)} values for {len(columns)} columns.")
        row = zip(columns, values, strict=True)
        yield place, {name: from_text(value.strip()) for name, value in row}


def _next_row(path: Path, reader: Any, first: int) -> list[str] | None:
    """Read a line; None at the end."""
    try:
        row: list[str] | None = next(reader, None)
    except csv.Error as error:
        line = reader.line_num + first
        raise InputError(f"{path}: line {line} cannot be read ({error}).") from error
    return row
