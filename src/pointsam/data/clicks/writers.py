"""Writes clicks as a point file, CSV or GeoJSON."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pointsam.data.clicks.tables import write_csv
from pointsam.data.coco.annotations import write_points
from pointsam.data.rasters.georeference import pixels_to_degrees, read_georeference
from pointsam.data.rasters.opening import within
from pointsam.data.records import Dataset, InstanceRecord, Point
from pointsam.errors import InputError
from pointsam.files import replacing
from pointsam.prompts import NEGATIVE


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


def write_geojson(data: Dataset, path: Path, images: Path | None) -> None:
    """Write one feature for each click, in longitude and latitude.

    Raises:
        InputError: an image has no coordinate system, or nobody said where the images are.
    """
    if images is None:
        raise InputError(f"{path}: GeoJSON needs the images' places on the map: give --images DIR.")
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
            known: dict[str, object] = {"image": image.file_name, "label": point[2]}
            if instance is not None:
                owner = instance.key or instance.id
                known |= {"class": instance.category, "instance": owner}
            geometry = {"type": "Point", "coordinates": place}
            features.append({"type": "Feature", "properties": known, "geometry": geometry})
    with replacing(path) as temporary:
        temporary.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
