"""Clicks in tables: CSV in pixels, in degrees, or in map coordinates."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float

from pointsam.data.clicks.asked import Asked
from pointsam.data.clicks.columns import LON_LAT, MAP, PIXELS
from pointsam.data.clicks.content import Content
from pointsam.data.clicks.gather import Click, gather
from pointsam.data.clicks.map_points import MapPoints, read_map_points
from pointsam.data.clicks.pictures import Picture, Pictures
from pointsam.data.clicks.shares import shares_told
from pointsam.data.clicks.table_doubts import refuse_boxes, refuse_many
from pointsam.data.clicks.table_files import Row, Table, is_image_name, table_of, unknown_columns
from pointsam.data.clicks.told import Told
from pointsam.data.clicks.values import category_of, label_of, number_of, owner_of, text_of
from pointsam.data.rasters.georeference import DEGREES
from pointsam.data.records import Dataset
from pointsam.errors import InputError
from pointsam.frames import in_pixels

_MAY_BE_THOUSANDS = {
    ";": re.compile(r"[1-9]\d{0,2}\.\d{3}"),
    "\t": re.compile(r"[1-9]\d{0,2},\d{3}"),
}
"""Numbers whose decimals may be thousands, by the delimiter of programs that write them so."""


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
        names = {"": _only_image(table, pictures)}
    else:
        _refuse_unnamed(table)
        told = {row["image"]: Told.of_path(row["image"]) for _, row in table.rows}
        found = pictures.named(told.values())
        names = {raw: found[one.link] for raw, one in told.items() if one.link in found}
    sizes = {name: pictures.size(name) for name in names.values()}
    members: dict[str, list[int]] = {}
    for number, (_, row) in enumerate(table.rows):
        if not _is_empty(table, row):
            members.setdefault(row.get("image", ""), []).append(number)
    doubts = _doubts(table, names, sizes, members) if table.where == PIXELS else []
    clicks: dict[int, Click] = {}
    for raw, name in names.items():
        numbers = members.get(raw, [])
        read = _of_image(table, [table.rows[number] for number in numbers], name, asked)
        clicks.update(zip(numbers, read, strict=True))
    in_order = [clicks[number] for number in sorted(clicks)]
    return gather(
        in_order,
        sizes,
        negative=asked.negative,
        notes=[*_notes(table), *doubts],
        beside=pictures.placed is not None,
    )


def _refuse_unnamed(table: Table) -> None:
    """Refuse a line without an image, such as those below the first of merged cells.

    Raises:
        InputError: there is one; names it.
    """
    place = next((place for place, row in table.rows if not row["image"]), None)
    if place is not None:
        raise InputError(f"{place} names no image: fill in the column of images in every line.")


def _is_empty(table: Table, row: Mapping[str, str]) -> bool:
    """Say whether a row names an image and places nothing on it: nothing is clicked there."""
    places = [text_of(row[column]) for column in table.where or ()]
    return table.names_images and not any(places)


def _doubts(
    table: Table,
    names: Mapping[str, str],
    sizes: Mapping[str, tuple[int, int]],
    members: Mapping[str, Sequence[int]],
) -> list[str]:
    """Refuse what may be no pixels of these images, or note it.

    Raises:
        InputError: names the table or the line.
    """
    rows_of = {names[raw]: [table.rows[n] for n in members.get(raw, [])] for raw in names}
    refuse_many(table, rows_of)
    refuse_boxes(table, names, sizes)
    rows = [row for of_image in rows_of.values() for row in of_image]
    places = np.array(_places(table, rows), dtype=float).reshape(-1, 2)
    return shares_told(places, sizes.values(), str(table.path))


def _only_image(table: Table, pictures: Pictures) -> str:
    """Name the single image, which a table of pixels that names none is of.

    Raises:
        InputError: there are several, or a column of another name says which.
    """
    if pictures.only is None:
        raise unknown_columns(table.path, table.columns)
    for column in table.unread:
        named = next((row[column] for _, row in table.rows if is_image_name(row[column])), None)
        if named is not None:
            raise InputError(
                f"{table.path} has no column image, but {column or 'a column without name'} names "
                f"images ({named}): call it image."
            )
    return pictures.only.name


def _notes(table: Table) -> list[str]:
    """Note which columns are not read, and where decimals look as thousands do, too."""
    form = _MAY_BE_THOUSANDS.get(table.delimiter)
    texts = [row[column] for _, row in table.rows for column in table.where or ()]
    if form is None or table.where == LON_LAT or not texts or not all(map(form.fullmatch, texts)):
        return table.notes
    mark = texts[0].lstrip("0123456789")[0]
    return [
        *table.notes,
        f"{table.path}: all numbers are like {texts[0]}, and are read as decimals: if {mark!r} "
        "groups thousands, take it out",
    ]


def _of_image(table: Table, rows: Sequence[Row], name: str, asked: Asked) -> list[Click]:
    """Read the clicks of one image, those on a map through its place there."""
    if table.where == PIXELS:
        places = _places(table, rows)
        _refuse_map_places(table, places, name, asked)
        return [
            replace(_known(place, row), image=name, x=x, y=y)
            for (place, row), (x, y) in zip(rows, places, strict=True)
        ]
    picture = _picture(name, asked.pictures)
    if picture is None:
        unit = "in degrees" if table.where == LON_LAT else "on a map"
        raise InputError(
            f"{rows[0][0]} is {unit}, but {asked.pictures.path(name)} has no coordinate system."
        )
    points = _map_points(replace(table, rows=tuple(rows)))
    pixels = points.on(picture).tolist()
    return [
        replace(click, image=name, x=x, y=y)
        for click, (x, y) in zip(points.clicks, pixels, strict=True)
    ]


def _picture(name: str, pictures: Pictures) -> Picture | None:
    """Give an image with its place on the map; None where it has none."""
    found = pictures.georeference(name)
    return None if found is None else Picture(name, found.size, found.transform, found.crs)


def _refuse_map_places(
    table: Table, places: Sequence[tuple[float, float]], name: str, asked: Asked
) -> None:
    """Refuse ``x, y`` that may be places on the image's map, as QGIS names them in its tables.

    Raises:
        InputError: a place is off the image as a pixel and on it as a place; or all are on it in
            both ways, and no column image says that they are of it.
    """
    values = np.array(places, dtype=float).reshape(-1, 2)
    here = np.asarray(in_pixels(values[:, 0], values[:, 1], asked.pictures.size(name)))
    if here.all() and (table.names_images or not len(here)):
        return
    picture = _picture(name, asked.pictures)
    if picture is None:
        return
    for columns, crs in ((LON_LAT, DEGREES), (MAP, None)):
        there = _on_map(table, values, crs, picture)
        doubtful = there if here.all() else there & ~here
        if not (doubtful.all() if here.all() else doubtful.any()):
            continue
        x, y = values[int(np.flatnonzero(doubtful)[0])].tolist()
        what = "in degrees" if columns == LON_LAT else "on its map"
        image, names = asked.pictures.path(name), ",".join(columns)
        if here.all():
            raise InputError(
                f"{table.path}: x, y are pixels, but they lie on {image} as places {what} too, the "
                f"first at ({x:.9g}, {y:.9g}): name the columns {names}; or, if they are pixels, "
                "add a column image."
            )
        raise InputError(
            f"{table.path}: x, y are pixels, and ({x:.9g}, {y:.9g}) is off {image}, but lies on "
            f"it as a place {what}: name the columns {names}."
        )


def _on_map(
    table: Table, values: Float[np.ndarray, "places 2"], crs: str | None, picture: Picture
) -> Bool[np.ndarray, " places"]:
    """Say which values lie on an image, as degrees or in its own coordinate system."""
    inside: Bool[np.ndarray, " places"] = np.isfinite(values).all(axis=1)
    if crs == DEGREES:
        inside &= (np.abs(values) <= (360, 90)).all(axis=1)
    try:
        found = MapPoints(table.path, values[inside], crs, []).on(picture)
    except InputError:  # no way from degrees to the image's system
        return np.zeros(len(values), dtype=bool)
    inside[inside] = in_pixels(found[:, 0], found[:, 1], picture.size)
    return inside


def _map_points(table: Table) -> MapPoints:
    places = np.array(_places(table, table.rows), dtype=float).reshape(-1, 2)
    clicks = [_known(place, row) for place, row in table.rows]
    crs = DEGREES if table.where == LON_LAT else None
    return MapPoints(table.path, places, crs, clicks, notes=_notes(table))


def _places(table: Table, rows: Sequence[Row]) -> list[tuple[float, float]]:
    assert table.where is not None
    across, down = table.where
    places = []
    for place, row in rows:
        x, y = (
            number_of(row[column], place, commas_separate=table.delimiter == ",")
            for column in (across, down)
        )
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
        owner_of(row.get("instance"), place),
        place,
    )
