"""Clicks from Supervisely: figures of type point in its annotation files, one an image."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from pointsam.data.clicks.asked import Asked, stated_size
from pointsam.data.clicks.columns import not_read
from pointsam.data.clicks.content import Content
from pointsam.data.clicks.gather import Click, gather
from pointsam.data.clicks.told import Told
from pointsam.data.clicks.values import category_of, text_of
from pointsam.data.rasters.images import find_image
from pointsam.data.records import Dataset
from pointsam.errors import InputError, in_words

ANN = "ann"
"""Folder of a data set with one file an image, ``img/1.jpg`` being that of ``ann/1.jpg.json``."""

IMG = "img"
"""Folder of its images."""

INSTANCE = "instance"
"""Tag, in any case of letters, whose value joins the clicks of one object."""


def _is_annotation(entry: Any) -> bool:
    return isinstance(entry, dict) and "objects" in entry and "size" in entry


def holds_supervisely(content: Content) -> bool:
    """Say whether a file, or one of a folder, is an annotation of Supervisely."""
    return any(_is_annotation(entry) for _, entry in content.entries())


def read_supervisely(content: Content, asked: Asked) -> Dataset:
    """Read Supervisely: points, whose whole numbers are indices of pixels, as here.

    Raises:
        FileNotFoundError: an image is missing.
        InputError: not as Supervisely writes it; names the file.
    """
    root = content.path if content.is_folder else content.path.parent
    files = {path: entry for path, entry in content.entries() if _is_annotation(entry)}
    folder = asked.pictures.folder
    told = {path: Told.of_path(_image_path(path.relative_to(root), folder)) for path in files}
    names = asked.pictures.named(told.values())
    clicks: list[Click] = []
    tags: dict[str, None] = {}
    sizes: dict[str, tuple[int, int]] = {}
    dropped = []
    for path, entry in files.items():
        name = names.get(told[path].link)
        if name is None:
            continue
        try:
            stated = (entry["size"]["height"], entry["size"]["width"])
            sizes[name] = stated_size(asked, name, stated, str(path))
            found = list(_clicks(entry["objects"], name, path))
            tags |= dict.fromkeys(_other_tags(entry["objects"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"{path} is not as Supervisely writes it ({in_words(error)})."
            ) from error
        clicks += found
        left = len(entry["objects"]) - len(found)
        if left:
            dropped.append(f"{path}: {left} figures that are no points")
    notes = not_read(content.path, tags, what="tags")
    return gather(clicks, sizes, negative=asked.negative, dropped=dropped, notes=notes)


def _image_path(below: Path, images: Path | None) -> str:
    """Name the image of an annotation file: ``a/ann/1.jpg.json`` is of ``a/img/1.jpg``.

    Where that one is not there, it is of ``a/1.jpg``.
    """
    name = below.name.removesuffix(".json")
    parts = PurePosixPath(below.as_posix()).parts[:-1]
    inside = "/".join([*(IMG if part == ANN else part for part in parts), name])
    if images is not None and find_image(images, inside) is not None:
        return inside
    return "/".join([*(part for part in parts if part != ANN), name])


def _other_tags(objects: list[dict[str, Any]]) -> Iterator[str]:
    """Name the tags of points that say nothing here."""
    points = (figure for figure in objects if figure.get("geometryType") == "point")
    names = (tag["name"] for figure in points for tag in figure.get("tags", []))
    return (name for name in names if name.lower() != INSTANCE)


def _clicks(objects: list[dict[str, Any]], name: str, path: Path) -> Iterator[Click]:
    for number, figure in enumerate(objects):
        if figure.get("geometryType") != "point":
            continue
        [[x, y]] = figure["points"]["exterior"]
        tags = {tag["name"].lower(): tag.get("value") for tag in figure.get("tags", [])}
        yield Click(
            name,
            float(x),
            float(y),
            category=category_of(figure["classTitle"]),
            instance=text_of(tags.get(INSTANCE)),
            place=f"{path}: object {number}",
        )
