"""Clicks in tables: CSV in pixels, in degrees, or in map coordinates."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pointsam.data.clicks.asked import Asked
from pointsam.data.clicks.content import Content
from pointsam.data.clicks.gather import Click, gather
from pointsam.data.clicks.map_points import MapPoints, read_map_points
from pointsam.data.clicks.pictures import Picture
from pointsam.data.clicks.told import Told
from pointsam.data.clicks.values import category_of, label_of, number_of, text_of
from pointsam.data.rasters.georeference import DEGREES
from pointsam.data.records import Dataset
from pointsam.errors import InputError
from pointsam.files import from_text, read_text

COLUMNS = ("image", "x", "y", "label", "class", "instance")

PIXELS, LON_LAT, MAP = ("x", "y"), ("lon", "lat"), ("map_x", "map_y")
"""Columns with the place of a click: in an image, on earth, or on the scene's own map."""

DELIMITERS = ",;\t"

_ALIASES = {
    "longitude": "lon", "long": "lon", "lng": "lon", "latitude": "lat",
    "easting": "map_x", "northing": "map_y",
    "file": "image", "filename": "image", "file_name": "image", "category": "class",
}  # fmt: skip
_SEP = re.compile(r"sep=(.)[ \r\n]*", re.IGNORECASE)


@dataclass(frozen=True)
class Table:
    """Lines of a file by column, with their places for messages."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[str, Mapping[str, str]], ...]

    @property
    def where(self) -> tuple[str, str] | None:
        """The two columns that place a click."""
        return next((w for w in (PIXELS, LON_LAT, MAP) if {*w} <= {*self.columns}), None)

    @property
    def names_images(self) -> bool:
        """Whether each line says which image it is of."""
        return "image" in self.columns


def holds_table(content: Content) -> bool:
    """Say whether a file's first line holds columns that place clicks, or its ending is .csv."""
    if content.is_folder or not content.text:
        return content.path.suffix.lower() == ".csv" and not content.is_folder
    if content.path.suffix.lower() in (".csv", ".tsv"):
        return True
    lines = content.text.splitlines()[:2]
    names = {_ALIASES.get(name, name) for line in lines for name in _split(line)}
    return any({*where} <= names for where in (PIXELS, LON_LAT, MAP))


def table_of(content: Content) -> Table:
    """Read the table of a file, once.

    Raises:
        InputError: no columns that place a click, or lines that cannot be read.
    """
    if "table" not in content.kept:
        content.kept["table"] = _read_table(content.path)
    table: Table = content.kept["table"]
    return table


def table_on_map(content: Content) -> bool:
    """Say whether a table's clicks name no image and are looked for on all."""
    table = table_of(content)
    return not table.names_images and table.where in (LON_LAT, MAP)


def read_table(content: Content, asked: Asked) -> Dataset:
    """Read a table of clicks.

    Columns ``image,x,y`` are in pixels, ``image,lon,lat`` in degrees, ``image,map_x,map_y`` in
    the coordinate system of the image. Without ``image``, clicks in degrees or on the map are put
    on the images that they lie on, and pixels are of the one image that is asked about. Further
    columns are read where they are: ``label`` (1 or 0), ``class``, ``instance``. Columns are
    separated by comma, semicolon or tab; a comma may be decimal if it does not separate columns.

    Raises:
        FileNotFoundError: an image is missing.
        InputError: columns or values that cannot be read; names the line.
    """
    pictures = asked.needed(content)
    table = table_of(content)
    if table_on_map(content):
        return read_map_points(_map_points(table), asked)
    if not table.names_images:
        if pictures.only is None:
            raise _unknown_columns(table.path, list(table.columns))
        names = {"": pictures.only.name}
    else:
        told = {row["image"]: Told.of_path(row["image"]) for _, row in table.rows}
        found = pictures.named(told.values())
        names = {raw: found[one.link] for raw, one in told.items() if one.link in found}
    sizes = {name: pictures.size(name) for name in names.values()}
    members: dict[str, list[int]] = {}
    for number, (_, row) in enumerate(table.rows):
        members.setdefault(row.get("image", ""), []).append(number)
    clicks: dict[int, Click] = {}
    for raw, name in names.items():
        numbers = members.get(raw, [])
        read = _of_image(table, [table.rows[number] for number in numbers], name, asked)
        clicks.update(zip(numbers, read, strict=True))
    in_order = [clicks[number] for number in sorted(clicks)]
    return gather(in_order, sizes, negative=asked.negative, beside=pictures.placed is not None)


def _of_image(
    table: Table, rows: list[tuple[str, Mapping[str, str]]], name: str, asked: Asked
) -> list[Click]:
    """Read the clicks of one image, those on a map through its place there."""
    if table.where == PIXELS:
        return [
            replace(_known(place, row), image=name, x=x, y=y)
            for (place, row), (x, y) in zip(rows, _places(table, rows), strict=True)
        ]
    georeference = asked.pictures.georeference(name)
    if georeference is None:
        unit = "in degrees" if table.where == LON_LAT else "on a map"
        raise InputError(
            f"{rows[0][0]} is {unit}, but {asked.pictures.path(name)} has no coordinate system."
        )
    picture = Picture(name, georeference.size, georeference.transform, georeference.crs)
    points = _map_points(Table(table.path, table.columns, tuple(rows)))
    pixels = points.on(picture).tolist()
    return [
        replace(click, image=name, x=x, y=y)
        for click, (x, y) in zip(points.clicks, pixels, strict=True)
    ]


def _map_points(table: Table) -> MapPoints:
    places = np.array(_places(table, table.rows), dtype=float).reshape(-1, 2)
    clicks = [_known(place, row) for place, row in table.rows]
    crs = DEGREES if table.where == LON_LAT else None
    return MapPoints(table.path, places, crs, clicks)


def _places(
    table: Table, rows: Iterable[tuple[str, Mapping[str, str]]]
) -> list[tuple[float, float]]:
    assert table.where is not None
    across, down = table.where
    places = []
    for place, row in rows:
        x, y = number_of(row[across], place), number_of(row[down], place)
        if table.where == LON_LAT and not (abs(x) <= 360 and abs(y) <= 90):
            raise InputError(f"{place}: lon {x:g}, lat {y:g} is no place on earth.")
        places.append((x, y))
    return places


def _known(place: str, row: Mapping[str, str]) -> Click:
    return Click(
        "",
        0.0,
        0.0,
        label_of(row.get("label"), place),
        category_of(row.get("class")),
        text_of(row.get("instance")),
        place,
    )


def _read_table(path: Path) -> Table:
    # Lines keep their ends, and end where csv's do: a text in quotes may hold several.
    lines = list(io.StringIO(read_text(path), newline=None))
    stated = _SEP.fullmatch(lines[0]) if lines else None
    first = 1 if stated else 0
    if len(lines) <= first:
        raise InputError(f"{path} is empty.")
    delimiter = stated.group(1) if stated else max(DELIMITERS, key=lines[0].count)
    reader = csv.reader(lines[first:], delimiter=delimiter, skipinitialspace=True, strict=True)
    given = [name.strip().lower() for name in _next_row(path, reader, first) or []]
    columns = tuple(_column(name, given) for name in given)
    _refuse_twice(path, given, columns)
    table = Table(path, columns, ())
    if table.where is None:
        raise _unknown_columns(path, given)
    return replace(table, rows=tuple(_rows(path, reader, columns, first)))


def _refuse_twice(path: Path, given: list[str], columns: tuple[str, ...]) -> None:
    """Refuse two columns for one thing, of which one would have to be guessed."""
    for column in COLUMNS + LON_LAT + MAP:
        names = [name for name, known in zip(given, columns, strict=True) if known == column]
        if len(names) > 1:
            raise InputError(f"{path} has the columns {' and '.join(names)}: keep one of them.")


def _unknown_columns(path: Path, columns: list[str]) -> InputError:
    return InputError(
        f"{path} has the columns {', '.join(columns)}; expected image and x, y (pixels), lon, lat "
        "(degrees) or map_x, map_y (the scene's own map), and if there are any label, class, "
        "instance, separated by comma, semicolon or tab."
    )


def _column(name: str, given: list[str]) -> str:
    """Give the known name of a column, unless the file has that name, too."""
    known = _ALIASES.get(name, name)
    return name if known in given else known


def _split(line: str) -> list[str]:
    delimiter = max(DELIMITERS, key=line.count)
    return [name.strip().strip('"').lower() for name in line.split(delimiter)]


def _rows(
    path: Path, reader: Any, columns: tuple[str, ...], first: int
) -> Iterator[tuple[str, dict[str, str]]]:
    """Give each line's place and its values by column."""
    while (values := _next_row(path, reader, first)) is not None:
        place = f"{path}: line {reader.line_num + first}"
        if not any(value.strip() for value in values):
            continue
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
