"""Points from whatever file people clicked in, and to the files they go on with."""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np

from pointsam.data.clicks.label_tools import (
    read_cvat,
    read_json,
    read_keypoints,
    read_label_studio,
    read_labelme,
)
from pointsam.data.clicks.nwpu_boxes import holds_nwpu_boxes, read_nwpu_boxes
from pointsam.data.clicks.tables import read_csv, read_yolo, write_csv
from pointsam.data.clicks.vector_points import ENDINGS, read_vector_points
from pointsam.data.coco.annotations import read_points, write_points
from pointsam.data.rasters.georeference import pixels_to_degrees, read_georeference
from pointsam.data.rasters.images import list_images
from pointsam.data.rasters.opening import within
from pointsam.data.records import Dataset, ImageRecord, InstanceRecord, Point
from pointsam.errors import InputError
from pointsam.files import list_files, replacing
from pointsam.frames import on_image
from pointsam.prompts import NEGATIVE

FORMS = (
    "a point file or COCO key points (.json), CSV, GeoJSON, GeoPackage or Shapefile, LabelMe "
    "(.json or a folder of them), Label Studio (.json), CVAT for images (.xml), or a folder of "
    "YOLO's or NWPU VHR-10's boxes (.txt)"
)
"""What can be read."""


def read_clicks(path: Path, *, images: Path | None, negative: str) -> Dataset:
    """Read points from any of `FORMS`; the form is told by the ending and the content.

    Args:
        path: file, or folder for LabelMe and YOLO.
        images: folder of the images, where the form does not hold their sizes or places.
        negative: class of clicks off the objects, in forms without labels of their own.

    Raises:
        FileNotFoundError: there is nothing at `path`, or an image is missing.
        InputError: none of the forms, or damaged, or `images` is needed.
    """
    if path.is_dir():
        if list_files(path, (".json",)):
            return read_labelme(path, negative=negative)
        if holds_nwpu_boxes(path):
            return read_nwpu_boxes(path, _needed(path, images))
        if list_files(path, (".txt",)):
            return read_yolo(path, _needed(path, images))
        raise InputError(f"{path} holds neither LabelMe's .json nor boxes in .txt files.")
    if not path.is_file():
        raise FileNotFoundError(f"no point file {path}.")
    ending = path.suffix.lower()
    if ending == ".csv":
        return read_csv(path, _needed(path, images), negative=negative)
    if ending == ".xml":
        return read_cvat(path, negative=negative)
    if ending in ENDINGS:
        return read_vector_folder(path, _needed(path, images))
    if ending == ".json":
        return _read_json_form(path, images, negative)
    raise InputError(f"{path} is in no form that is known: give {FORMS}.")


def read_vector_folder(path: Path, images: Path) -> Dataset:
    """Read the clicks of a vector file onto every georeferenced image of a folder they lie on.

    Raises:
        FileNotFoundError: no such file or folder.
        InputError: not a vector file of points, or no georeferenced image, or none with clicks.
    """
    records, placed = [], 0
    for picture in list_images(images):
        georeference = read_georeference(picture)
        if georeference is None:
            continue
        placed += 1
        record = read_vector_points(
            path,
            file_name=picture.name,
            size=georeference.size,
            transform=georeference.transform,
            crs=georeference.crs,
        )
        record = _on_image(record)
        if record.instances:
            records.append(record)
    if not records:
        found = f"{placed} georeferenced images" if placed else "no georeferenced image"
        raise InputError(f"{path}: {images} holds {found}, and none has clicks on it.")
    return Dataset(_renumbered(records), _categories(records))


def write_clicks(data: Dataset, path: Path, *, images: Path | None) -> None:
    """Write a point file (.json), a table (.csv) or, of georeferenced images, GeoJSON.

    Raises:
        InputError: another ending, or an image without coordinate system for GeoJSON.
    """
    writers: dict[str, Callable[[], None]] = {
        ".json": lambda: write_points(data, path),
        ".csv": lambda: write_csv(data, path),
        ".geojson": lambda: write_geojson(data, path, _needed(path, images)),
    }
    if path.suffix.lower() not in writers:
        raise InputError(f"{path}: points are written to {', '.join(writers)}.")
    writers[path.suffix.lower()]()


def write_geojson(data: Dataset, path: Path, images: Path) -> None:
    """Write one feature a click, in longitude and latitude.

    Raises:
        InputError: an image has no coordinate system.
    """
    features = []
    for image in data.images:
        clicks: list[tuple[Point, InstanceRecord | None]] = [
            (point, instance) for instance in image.instances for point in instance.points
        ]
        clicks += [((x, y, NEGATIVE), None) for x, y in image.background_points]
        georeference = read_georeference(within(images, image.file_name))
        if georeference is None:
            raise InputError(f"{images / image.file_name} has no coordinate system for GeoJSON.")
        places = np.array([point[:2] for point, _ in clicks], dtype=float).reshape(-1, 2)
        degrees = pixels_to_degrees(places, georeference).tolist()
        for (point, instance), place in zip(clicks, degrees, strict=True):
            known = {"image": image.file_name, "label": point[2]}
            if instance is not None:
                known |= {"class": instance.category, "instance": instance.id}
            geometry = {"type": "Point", "coordinates": place}
            features.append({"type": "Feature", "properties": known, "geometry": geometry})
    with replacing(path) as temporary:
        temporary.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def _read_json_form(path: Path, images: Path | None, negative: str) -> Dataset:
    content = read_json(path)
    if isinstance(content, list):
        return read_label_studio(path, negative=negative)
    if not isinstance(content, dict):
        raise InputError(f"{path} is in no form that is known: give {FORMS}.")
    if content.get("type") == "FeatureCollection":
        return read_vector_folder(path, _needed(path, images))
    if "shapes" in content:
        return read_labelme(path, negative=negative)
    annotations = content.get("annotations")
    entries = annotations if isinstance(annotations, list) else []
    if any(isinstance(entry, dict) and "keypoints" in entry for entry in entries):
        return read_keypoints(path)
    return read_points(path)


def _needed(path: Path, images: Path | None) -> Path:
    if images is None:
        raise InputError(f"{path} says nothing of its images' sizes or places: give --images DIR.")
    return images


def _on_image(record: ImageRecord) -> ImageRecord:
    """Keep the points that lie on the image, and the instances with a positive among them."""
    instances = []
    for instance in record.instances:
        points = tuple(p for p in instance.points if on_image(p[0], p[1], record.size))
        if any(label != NEGATIVE for _, _, label in points):
            instances.append(replace(instance, points=points))
    background = tuple((x, y) for x, y in record.background_points if on_image(x, y, record.size))
    return replace(record, instances=tuple(instances), background_points=background)


def _renumbered(records: list[ImageRecord]) -> tuple[ImageRecord, ...]:
    """Number the images; and the instances too, where an object lies on two of them."""
    ids = [instance.id for record in records for instance in record.instances]
    twice = len(set(ids)) < len(ids)
    numbers = count(1)
    return tuple(
        replace(
            record,
            id=place,
            instances=tuple(replace(i, id=next(numbers)) for i in record.instances)
            if twice
            else record.instances,
        )
        for place, record in enumerate(records, start=1)
    )


def _categories(records: list[ImageRecord]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(i.category for record in records for i in record.instances))
