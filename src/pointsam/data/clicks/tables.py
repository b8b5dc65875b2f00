"""Clicks in tables: CSV in pixels or degrees, YOLO's boxes as their centres."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pointsam.data.clicks.gather import Click, gather
from pointsam.data.rasters.georeference import degrees_to_pixels, read_georeference
from pointsam.data.rasters.images import image_size, list_images
from pointsam.data.rasters.opening import within
from pointsam.data.records import Dataset
from pointsam.errors import InputError
from pointsam.files import list_files, read_text, replacing
from pointsam.frames import to_middles
from pointsam.prompts import NEGATIVE, POSITIVE

COLUMNS = ("image", "x", "y", "label", "class", "instance")


def read_csv(path: Path, images: Path, *, negative: str) -> Dataset:
    """Read a table of clicks: ``image,x,y`` in pixels, or ``image,lon,lat`` in degrees.

    Further columns are read where they are: ``label`` (1 or 0), ``class``, ``instance``. Columns
    are parted by comma, semicolon or tab.

    Args:
        path: of the table.
        images: folder of the images, for their sizes and places.
        negative: class of clicks off the objects, where there is no ``label``.

    Raises:
        FileNotFoundError: the table or an image is missing.
        InputError: columns or values that cannot be read; names the line.
    """
    rows = list(_rows(path))
    sizes = {
        name: image_size(within(images, name))
        for name in dict.fromkeys(r["image"] for _, r in rows)
    }
    clicks = []
    for place, row in rows:
        x, y = _position(place, row, images)
        category = row.get("class") or "object"
        clicks.append(
            Click(
                image=row["image"],
                x=x,
                y=y,
                label=_label(place, row.get("label"), category == negative),
                category=category,
                instance=row.get("instance") or None,
                place=place,
            )
        )
    return gather(clicks, sizes)


def write_csv(data: Dataset, path: Path) -> None:
    """Write a table that `read_csv` gives back; images without clicks are not in it."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for image in data.images:
            for instance in image.instances:
                for x, y, label in instance.points:
                    row = [image.file_name, x, y, label, instance.category, instance.id]
                    writer.writerow(row)
            for x, y in image.background_points:
                writer.writerow([image.file_name, x, y, NEGATIVE, "", ""])


def read_yolo(path: Path, images: Path) -> Dataset:
    """Read YOLO's boxes as one positive point each, in the middle.

    Args:
        path: folder of the ``.txt`` files, named as their images; ``classes.txt`` there names
            the classes, a line each.
        images: folder of the images.

    Raises:
        InputError: lines that are no boxes, or no image of a file's name; names file and line.
    """
    named = path / "classes.txt"
    names = read_text(named).split("\n") if named.is_file() else []
    pictures = {picture.stem: picture for picture in list_images(images)}
    sizes, clicks = {}, []
    for file in list_files(path, (".txt",)):
        if file == named:
            continue
        if file.stem not in pictures:
            raise InputError(f"{file} has no image {file.stem}.* in {images}.")
        picture = pictures[file.stem]
        height, width = sizes[picture.name] = image_size(picture)
        for number, line in enumerate(read_text(file).splitlines(), start=1):
            if line.strip():
                place = f"{file}: line {number}"
                kind, x, y = _box_centre(place, line)
                known = kind < len(names) and names[kind].strip()
                category = names[kind].strip() if known else f"class {kind}"
                point = (to_middles(x * width), to_middles(y * height))
                clicks.append(Click(picture.name, *point, POSITIVE, category, place=place))
    return gather(clicks, sizes)


def _rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Give each line's place and its values by column."""
    if not path.is_file():
        raise FileNotFoundError(f"no point file {path}.")
    lines = read_text(path).splitlines()
    if not lines:
        raise InputError(f"{path} is empty.")
    reader = csv.reader(lines, delimiter=max(",;\t", key=lines[0].count), strict=True)
    columns = [name.strip().lower() for name in _next_row(path, reader) or []]
    if "image" not in columns or not ({"x", "y"} <= {*columns} or {"lon", "lat"} <= {*columns}):
        raise InputError(
            f"{path} has the columns {', '.join(columns)}; expected image and x, y (pixels) or "
            "lon, lat (degrees), and if there are any label, class, instance, parted by comma, "
            "semicolon or tab."
        )
    while (values := _next_row(path, reader)) is not None:
        place = f"{path}: line {reader.line_num}"
        if not any(value.strip() for value in values):
            continue
        if len(values) != len(columns):
            raise InputError(f"{place} has {len(values)} values for {len(columns)} columns.")
        row = zip(columns, values, strict=True)
        yield place, {name: value.strip() for name, value in row}


def _next_row(path: Path, reader: Any) -> list[str] | None:
    """Read a line; None at the end."""
    try:
        row: list[str] | None = next(reader, None)
    except csv.Error as error:
        raise InputError(f"{path}: line {reader.line_num} cannot be read ({error}).") from error
    return row


def _position(place: str, row: Mapping[str, str], images: Path) -> tuple[float, float]:
    if "x" in row:
        return _number(place, row["x"]), _number(place, row["y"])
    degrees = _number(place, row["lon"]), _number(place, row["lat"])
    path = within(images, row["image"])
    georeference = read_georeference(path)
    if georeference is None:
        raise InputError(f"{place} is in degrees, but {path} has no coordinate system.")
    return degrees_to_pixels(degrees, georeference, what=place)


def _number(place: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{place}: {text!r} is not a number.") from error


def _label(place: str, text: str | None, off: bool) -> int:
    if not text:
        return NEGATIVE if off else POSITIVE
    if text not in ("0", "1"):
        raise InputError(f"{place} has label {text!r}, expected 1 (on the object) or 0 (off it).")
    return int(text)


def _box_centre(place: str, line: str) -> tuple[int, float, float]:
    values = line.split()
    try:
        numbers = [float(value) for value in values[1:]]
        kind = int(values[0])
    except ValueError as error:
        raise InputError(f"{place} is not numbers: {line.strip()!r}.") from error
    if len(numbers) not in (4, 5) or kind < 0:
        raise InputError(
            f"{place} has {len(values)} values, expected a box: class, x, y, width, height."
        )
    return kind, numbers[0], numbers[1]
