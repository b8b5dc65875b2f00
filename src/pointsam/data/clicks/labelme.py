"""Reads clicks of LabelMe and of tools with its format (X-AnyLabeling, AnyLabeling)."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from pointsam.data.clicks.asked import Asked, stated_size
from pointsam.data.clicks.columns import not_read
from pointsam.data.clicks.content import Content
from pointsam.data.clicks.gather import Click, gather
from pointsam.data.clicks.pictures import Pictures
from pointsam.data.clicks.told import Told
from pointsam.data.clicks.values import category_of, is_label, label_of, text_of
from pointsam.data.records import Dataset
from pointsam.errors import InputError, in_words
from pointsam.frames import to_middles

TOOL = "LabelMe"
CLICKS = ("point", "points")
"""Kinds of shapes that are clicks; ``points`` holds several."""


INSTANCE, LABEL = "instance", "label"
"""Attributes of X-AnyLabeling, in any case of letters: the first joins the clicks of one object,
the second says by 1 and 0 whether a click is on its object."""


def holds_labelme(content: Content) -> bool:
    """Say whether a file, or one of a folder, has LabelMe's list of shapes."""
    return any(_is_labelme(entry) for _, entry in content.entries())


def read_labelme(content: Content, asked: Asked) -> Dataset:
    """Read LabelMe: shapes of type point; ``group_id`` joins the clicks of one object.

    So does an attribute ``instance``, which comes before it.

    A file belongs to the image that its ``imagePath`` names, relative to the file. If that image
    is missing, the image with the file's own name is used, and a note says so.

    Raises:
        FileNotFoundError: an image is missing.
        InputError: a file that is not LabelMe's, two files of one image, or no image size.
    """
    files = {path: _without_pixels(e) for path, e in content.entries() if _is_labelme(e)}
    others = len(content.members) - len(files)
    told, dropped = _told(content, files, asked.pictures)
    notes = [f"{content.path}: {others} .json files are not LabelMe's"] if others else []
    names = asked.pictures.named(told.values())
    sizes: dict[str, tuple[int, int]] = {}
    clicks: list[Click] = []
    flags: dict[str, None] = {}
    attributes: dict[str, None] = {}
    for path, entry in files.items():
        name = names.get(told[path].link)
        if name is None:
            continue
        try:
            stated = (entry.get("imageHeight"), entry.get("imageWidth"))
            sizes[name] = stated_size(asked, name, stated, str(path))
            clicks += _clicks(entry["shapes"], name, path)
            flags |= dict.fromkeys(_flags(entry["shapes"]))
            attributes |= dict.fromkeys(_unread(entry["shapes"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if isinstance(error, InputError):
                raise
            raise _damaged(path, error) from error
        left = sum(shape.get("shape_type", "polygon") not in CLICKS for shape in entry["shapes"])
        if left:
            dropped.append(f"{path}: {left} shapes that are no points")
    notes += not_read(content.path, flags, what="flags")
    notes += not_read(content.path, attributes, what="attributes")
    return gather(clicks, sizes, negative=asked.negative, dropped=dropped, notes=notes)


def _is_labelme(entry: Any) -> bool:
    return isinstance(entry, dict) and "shapes" in entry


def _without_pixels(entry: dict[str, Any]) -> dict[str, Any]:
    """Drop the large image that older versions store inside the file."""
    return {key: value for key, value in entry.items() if key != "imageData"}


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(f"{path} is not as LabelMe writes it ({in_words(error)}).")


def _told(
    content: Content, files: dict[Path, Any], pictures: Pictures
) -> tuple[dict[Path, Told], list[str]]:
    """Give the image of each file, with notes where the file's own name was used instead.

    Raises:
        InputError: two files of one image, or one that names none.
    """
    root = content.path if content.is_folder else content.path.parent
    told: dict[Path, Told] = {}
    owners: dict[str, Path] = {}
    lines = []
    for path, entry in files.items():
        stated = entry.get("imagePath")
        if not isinstance(stated, str) or not stated.strip():
            raise _damaged(path, KeyError("imagePath"))
        below = path.parent.relative_to(root).as_posix()
        slashed = stated.replace("\\", "/")
        one = Told.of_path((PurePosixPath(below) / slashed).as_posix())
        own = _of_own_name(path, below, one, pictures)
        if own is not None:
            lines.append(f"{path}: imagePath {stated} is not there, {own} of the same name is read")
            one = Told.of_path(own)
        other = owners.setdefault(one.link, path)
        if other != path:
            raise InputError(
                f"{other} and {path} are both of {stated}: name in each the image it is of "
                "(imagePath), or take one out."
            )
        told[path] = one
    return told, lines


def _of_own_name(path: Path, below: str, told: Told, pictures: Pictures) -> str | None:
    """Find the one image that is named as the file, where the stated one is missing."""
    if not pictures.known or pictures.hold(told):
        return None
    try:
        return pictures.with_stem(path, (PurePosixPath(below) / path.stem).as_posix())
    except FileNotFoundError:
        return None


def _flags(shapes: list[dict[str, Any]]) -> Iterator[str]:
    """Name the flags that are set on points; they say nothing here."""
    points = (shape for shape in shapes if shape.get("shape_type") in CLICKS)
    return (str(name) for one in points for name, on in (one.get("flags") or {}).items() if on)


def _attributes(shape: dict[str, Any]) -> dict[str, str | None]:
    """Give the attributes of a shape by name, in small letters."""
    found = shape.get("attributes") or {}
    return {str(name).lower(): text_of(value) for name, value in found.items()}


def _unread(shapes: list[dict[str, Any]]) -> Iterator[str]:
    """Name the attributes and remarks of points that say nothing here."""
    for shape in shapes:
        if shape.get("shape_type") not in CLICKS:
            continue
        for name, text in _attributes(shape).items():
            read = name == INSTANCE or (name == LABEL and text is not None and is_label(text))
            if text is not None and not read:
                yield name
        if text_of(shape.get("description")):
            yield "description"


def _clicks(shapes: list[dict[str, Any]], name: str, path: Path) -> Iterator[Click]:
    for number, shape in enumerate(shapes):
        if shape.get("shape_type", "polygon") not in CLICKS:
            continue
        points = shape["points"]
        if shape["shape_type"] == "point" and len(points) != 1:
            raise ValueError(f"shape {number} is a point of {len(points)} places")
        given = _attributes(shape)
        label, place = given.get(LABEL) or "", f"{path}: shape {number}"
        for x, y in points:
            yield Click(
                name,
                to_middles(float(x)),
                to_middles(float(y)),
                label=label_of(label, place) if is_label(label) else None,
                category=category_of(shape["label"]),
                instance=given.get(INSTANCE) or text_of(shape.get("group_id")),
                place=place,
            )
