"""Writes clicks as a point file, CSV or GeoJSON."""

import csv
import json
from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np

from pointsam.data.clicks.columns import COLUMNS
from pointsam.data.clicks.values import id_of, text_of
from pointsam.data.coco.annotations import write_points
from pointsam.data.rasters.georeference import pixels_to_degrees, read_georeference
from pointsam.data.rasters.opening import within
from pointsam.data.records import Dataset, ImageRecord, Point
from pointsam.errors import InputError
from pointsam.files import replacing
from pointsam.prompts import NEGATIVE
from pointsam.texts import as_text


def write_clicks(data: Dataset, path: Path, *, images: Path | None) -> None:
    """Write a point file (.json), a table (.csv) or, of georeferenced images, GeoJSON.

    Raises:
        InputError: another ending, or an image without coordinate system for GeoJSON.
    """
    writers: dict[str, Callable[[], None]] = {
        ".json": lambda: write_points(data, path),
        ".csv": lambda: write_csv(data, path),
        ".geojson": lambda: write_geojson(data, path, images),
    }
    if path.suffix.lower() not in writers:
        raise InputError(f"{path}: points are written to {', '.join(writers)}.")
    writers[path.suffix.lower()]()


def write_csv(data: Dataset, path: Path) -> None:
    """Write a table that reading gives back; images without clicks are not in it.

    A text that a table program would compute is marked with an apostrophe, which reading takes off.
    """
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for image in data.images:
            for instance, owner in zip(image.instances, names_of(image), strict=True):
                for x, y, label in instance.points:
                    row = [image.file_name, x, y, label, instance.category, owner]
                    writer.writerow([as_text(cell) for cell in row])
            for x, y in image.background_points:
                writer.writerow([as_text(image.file_name), x, y, NEGATIVE, "", ""])


def write_geojson(data: Dataset, path: Path, images: Path | None) -> None:
    """Write one feature for each click, in longitude and latitude.

    Raises:
        InputError: an image has no coordinate system, or nobody said where the images are.
    """
    if images is None:
        raise InputError(f"{path}: GeoJSON needs the images' places on the map: give --images DIR.")
    folder = images.parent if images.is_file() else images  # one image by its own name
    features = []
    for image in data.images:
        clicks: list[tuple[Point, dict[str, object]]] = [
            (point, {"class": instance.category, "instance": owner})
            for instance, owner in zip(image.instances, names_of(image), strict=True)
            for point in instance.points
        ]
        clicks += [((x, y, NEGATIVE), {}) for x, y in image.background_points]
        georeference = read_georeference(within(folder, image.file_name))
        if georeference is None:
            raise InputError(f"{folder / image.file_name} has no coordinate system for GeoJSON.")
        places = np.array([point[:2] for point, _ in clicks], dtype=float).reshape(-1, 2)
        degrees = pixels_to_degrees(places, georeference).tolist()
        for (point, of_object), place in zip(clicks, degrees, strict=True):
            known = {"image": image.file_name, "label": point[2], **of_object}
            geometry = {"type": "Point", "coordinates": place}
            features.append({"type": "Feature", "properties": known, "geometry": geometry})
    with replacing(path) as temporary:
        temporary.write_text(json.dumps({"type": "FeatureCollection", "features": features}))


def names_of(image: ImageRecord) -> list[str | int]:
    """Name each object of an image, no two alike: by the user's name, or else by its id.

    An id that is another object's name there, and a name that two have, give way to a free number:
    reading would join their clicks.
    """
    keys = [text_of(instance.key) for instance in image.instances]
    numbers = [id_of(key) for key in keys if key is not None]
    taken = {key for key in keys if key is not None}
    free = count(max([0, *(i.id for i in image.instances), *(n for n in numbers if n)]) + 1)
    names: list[str | int] = []
    for instance, key in zip(image.instances, keys, strict=True):
        if key is not None and key not in names:
            names.append(key)
        elif key is None and str(instance.id) not in taken:
            names.append(instance.id)
        else:
            names.append(next(free))
    return names
