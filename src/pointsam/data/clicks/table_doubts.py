"""What the columns of a table in pixels say against taking ``x, y`` as they stand."""

from collections.abc import Mapping, Sequence

from pointsam.data.clicks.table_files import Row, Table
from pointsam.data.clicks.values import number_of, text_of
from pointsam.errors import InputError

_SIDES = (("width", "height"), ("w", "h"))
"""Columns with the sides of an image, or of a box whose corner is ``x, y``."""

_IMAGE_SIDES = tuple(
    (f"{start}{width}", f"{start}{height}")
    for start in ("image_", "img_", "original_", "image")
    for width, height in (("width", "height"), ("w", "h"))
)
"""Columns with the sides of an image alone."""

_PARTS = ("page", "frame", "slice", "video")
"""Columns that tell pictures of one file apart."""

_NAMES = ("image_id", "img_id", "imageid", "tile", "tile_id", "chip", "patch", "scene", *_PARTS)
"""Columns that may name the image, though nothing says that they do."""


def refuse_boxes(
    table: Table, images: Mapping[str, str], sizes: Mapping[str, tuple[int, int]]
) -> None:
    """Refuse corners of boxes, and sizes that are not those of the images.

    Args:
        table: in pixels.
        images: file name of each image by its name in the table.
        sizes: height and width by file name.

    Raises:
        InputError: the columns of sides are not those of the image.
    """
    for columns in (*_SIDES, *_IMAGE_SIDES):
        if not {*columns} <= {*table.unread}:
            continue
        for place, row in table.rows:
            name = images.get(row.get("image", ""))
            if name is None or any(text_of(row[column]) is None for column in columns):
                continue
            width, height = (number_of(row[column], place) for column in columns)
            if (height, width) == sizes[name]:
                continue
            told = f"{place} has {columns[0]} {width:g} and {columns[1]} {height:g}"
            size = f"{name} is {sizes[name][1]} x {sizes[name][0]} px (width x height)"
            if columns in _SIDES:
                raise InputError(
                    f"{told}, and {size}: if x, y are the corner of a box, make them its middle, "
                    "and take these columns out."
                )
            raise InputError(f"{told}, but {size}: are the clicks of another version of it?")


def refuse_many(table: Table, rows_of: Mapping[str, Sequence[Row]]) -> None:
    """Refuse a column that tells several pictures apart, where all would be put on one image.

    Args:
        table: in pixels.
        rows_of: the rows of each image.

    Raises:
        InputError: there are several in the rows of one image.
    """
    for column in _PARTS if table.names_images else _NAMES:
        if column not in table.unread:
            continue
        for image, rows in rows_of.items():
            found = {text_of(row[column]): place for place, row in rows}
            if len(found) > 1:
                first, second = (str(name) for name in [*found][:2])
                raise InputError(
                    f"{table.path}: the column {column} has {len(found)} values, {first} and "
                    f"{second} among them, but all clicks would be on {image}: give the file of "
                    "each in a column image, or a table of one."
                )
