"""The files of the VGG Image Annotator of all versions, brought to images with their regions.

Source: pack_via_metadata of VIA 1 and 2, project_save and export_to_via3_csv of VIA 3.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pointsam.data.clicks.content import Content
from pointsam.texts import parse_json, read_text

METADATA = "_via_img_metadata"
"""Key of the images in a project of version 2."""

TABLE = "filename,file_size,file_attributes,region_count,region_id"
"""Start of the table that version 2 exports; in version 1 a number sign stands before it."""

TABLE_3 = "# Exported using VGG Image Annotator"
ATTRIBUTES_3 = "# ATTRIBUTE = "
COLUMNS_3 = "# CSV_HEADER = "
"""Starts of lines in the table that version 3 exports."""

POINT_3, IMAGE_3 = 1, 2
"""Version 3's numbers of a shape and of a type of file."""

LINKS_3 = (2, 3)
"""Version 3's numbers of places that are addresses."""

Region = tuple[tuple[float, float] | None, Mapping[str, Any]]
"""``(x, y)`` from the image's edge, None where it is no point, and its attributes."""


@dataclass(frozen=True)
class ViaImages:
    """The content of a file."""

    images: dict[Any, tuple[str, list[Region]]] = field(default_factory=dict)
    """Name, path or address of each image, and its regions."""
    elsewhere: list[Region] = field(default_factory=list)
    """Regions of videos, sounds and groups of files."""
    others: list[Path] = field(default_factory=list)
    """Files of the folder that are not VIA's."""

    def add(self, key: Any, name: str, region: Region | None = None) -> None:
        """Take an image, and a region of it."""
        regions = self.images.setdefault(key, (name, []))[1]
        if region is not None:
            regions.append(region)


def is_via(content: Content) -> bool:
    """Say whether VIA wrote a file: a project, or annotations as JSON or CSV."""
    return _is_table(content) or any(_is_entry(entry) for _, entry in content.entries())


def images_in(content: Content) -> ViaImages:
    """Read what VIA wrote.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is damaged.
    """
    found = ViaImages()
    if _is_table(content):
        lines = read_text(content.path).splitlines()
        if lines[0].startswith(TABLE_3):
            _read_table_3(lines, found)
        else:
            _read_table([lines[0].lstrip("#"), *lines[1:]], found)
        return found
    for number, (path, entry) in enumerate(content.entries()):
        if not _is_entry(entry):
            found.others.append(path)
        if _is_3(entry):
            _read_3(entry, number, found)
        for key, image in (_images(entry) or {}).items():
            found.add((number, key), str(image["filename"]))
            rows = image["regions"]
            for row in rows.values() if isinstance(rows, dict) else rows:
                region = _region(row["shape_attributes"], row["region_attributes"])
                found.add((number, key), "", region)
    return found


def _is_table(content: Content) -> bool:
    text = "" if content.is_folder else content.text
    return text.startswith((TABLE_3, TABLE, f"#{TABLE}"))


def _is_3(entry: Any) -> bool:
    keys = {"project", "attribute", "file", "metadata", "view"}
    return isinstance(entry, dict) and keys <= {*entry}


def _is_entry(entry: Any) -> bool:
    return _images(entry) is not None or _is_3(entry)


def _images(entry: Any) -> Mapping[str, Any] | None:
    found = entry.get(METADATA, entry) if isinstance(entry, dict) else None
    if not isinstance(found, dict) or (not found and METADATA not in entry):
        return None
    whole = all(isinstance(v, dict) and "filename" in v and "regions" in v for v in found.values())
    return found if whole else None


def _region(shape: Mapping[str, Any], attributes: Mapping[str, Any]) -> Region:
    place = (float(shape["cx"]), float(shape["cy"])) if shape["name"] == "point" else None
    return place, dict(attributes)


def _read_table(lines: list[str], found: ViaImages) -> None:
    """Read the table of versions 1 and 2: a region a line; an image without any has no shape."""
    for row in csv.DictReader(lines, strict=True):
        key = (row["filename"], row["file_size"])
        found.add(key, row["filename"])
        shape = parse_json(row["region_shape_attributes"])
        if shape:
            found.add(key, "", _region(shape, parse_json(row["region_attributes"])))


def _read_3(entry: Mapping[str, Any], number: int, found: ViaImages) -> None:
    """Read a project of version 3, whose regions belong to views of one file or several."""
    for key, file in entry["file"].items():
        if file["type"] == IMAGE_3:
            link = file["loc"] in LINKS_3 and file["src"]
            found.add((number, str(key)), str(link or file["fname"]))
    for row in entry["metadata"].values():
        members = [(number, str(key)) for key in entry["view"][str(row["vid"])]["fid_list"]]
        region = _region_3(row["xy"], row["z"], row["av"], entry["attribute"])
        if len(members) == 1 and members[0] in found.images:
            found.add(members[0], "", region)
        else:
            found.elsewhere.append(region)


def _read_table_3(lines: list[str], found: ViaImages) -> None:
    """Read the table of version 3, whose first lines name columns and attributes."""
    heads = [line for line in lines if line.startswith("#")]
    columns = next(line for line in heads if line.startswith(COLUMNS_3))
    stated = next((line for line in heads if line.startswith(ATTRIBUTES_3)), ATTRIBUTES_3 + "{}")
    attributes = parse_json(stated.removeprefix(ATTRIBUTES_3))
    rows = [columns.removeprefix(COLUMNS_3), *lines[len(heads) :]]
    for row in csv.DictReader(rows, strict=True):
        files = parse_json(row["file_list"])
        xy, z = parse_json(row["spatial_coordinates"]), parse_json(row["temporal_coordinates"])
        region = _region_3(xy, z, parse_json(row["metadata"]), attributes)
        if len(files) == 1:
            found.add(files[0], str(files[0]), region)
        else:
            found.elsewhere.append(region)


def _region_3(xy: Any, z: Any, values: Any, attributes: Any) -> Region:
    """Read a region of version 3; what has a time is no click, and a choice is given by number."""
    point = list(xy)[:1] == [POINT_3] and len(xy) == 3 and not z
    named = {}
    for key, value in values.items():
        attribute = attributes.get(key, {})
        options = attribute.get("options") or {}
        named[str(attribute.get("aname", key))] = options.get(str(value), value)
    return ((float(xy[1]), float(xy[2])) if point else None), named
