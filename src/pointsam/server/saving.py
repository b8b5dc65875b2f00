"""Saves clicks and masks as files that other commands and programs read."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import numpy as np
import shapely
from rasterio.crs import CRS

from pointsam.data.clicks.writers import names_of, write_clicks
from pointsam.data.coco.annotations import KEY
from pointsam.data.coco.masks import mask_entry
from pointsam.data.rasters.georeference import (
    DEGREES,
    Georeference,
    ground_areas,
    move_points,
    to_map,
)
from pointsam.data.rasters.vector_writing import write_features
from pointsam.data.records import Dataset, ImageRecord
from pointsam.errors import InputError
from pointsam.frames import to_edges
from pointsam.prediction.images.clicked import MAX_LABELS, output_names, write_labels
from pointsam.prompts import NEGATIVE
from pointsam.server.clicked import ClickedObject
from pointsam.server.pictures import Picture
from pointsam.server.project import Project
from pointsam.server.storage import save_json

SAVED = "saved"
"""Folder of a project for saved files."""
_MAX_PIXELS = 2**27
"""Of a label raster, which is drawn in memory."""
_Row = tuple[str | int | None, str | None, str, int]
"""Object, class, image and label of a click; neither of the first two for a click on no object."""


@dataclass(frozen=True, eq=False)
class _Placed:
    """An object of an image that has a place on the map."""

    picture: Picture
    georeference: Georeference
    one: ClickedObject


def save(project: Project, name: str) -> Path:
    """Write a file of the project's clicks or masks; one of that name is replaced.

    Raises:
        InputError: an unknown name, nothing clicked yet, or a map format of images without
            coordinate system.
    """
    if name not in WRITERS:
        raise InputError(f"{name!r} is none of {', '.join(WRITERS)}.")
    if not any(state.objects for state in project.states.values()):
        why = next(iter(project.closed.values()), "nothing is clicked yet")
        raise InputError(f"{why}: there is nothing to save.")
    folder = project.folder / SAVED
    folder.mkdir(exist_ok=True)
    path = folder / name
    WRITERS[name](project, path)
    return path


def _clicked(project: Project) -> Iterable[tuple[int, Picture, list[ClickedObject]]]:
    for number, picture in project.pictures.items():
        objects = list(project.states[number].objects.values())
        if objects:
            yield number, picture, objects


def _clicked_records(project: Project) -> list[ImageRecord]:
    """Give the images that have clicks, be they on no object."""
    records = project.dataset().images
    return [record for record in records if record.instances or record.background_points]


def _points(project: Project, path: Path) -> None:
    data = Dataset(tuple(_clicked_records(project)), project.settings.classes)
    folder = next(picture.path.parent for picture in project.pictures.values())
    write_clicks(data, path, images=folder)


def _masks(project: Project, path: Path) -> None:
    """Write COCO's masks as `pointsam predict` does: with score and points."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    classes = list(project.settings.classes)
    for number, picture, objects in _clicked(project):
        height, width = picture.size
        images.append({"id": number, "file_name": picture.name, "height": height, "width": width})
        for place, one in enumerate(objects, start=1):
            if one.mask is None:
                continue
            annotations.append(
                {
                    "id": one.id,
                    "image_id": number,
                    "category_id": classes.index(one.category) + 1,
                    **mask_entry(one.mask.image_rle(picture.size)),
                    "iscrowd": 0,
                    "score": round(one.score, 4),
                    "points": [list(point) for point in one.points],
                    "label": place,
                    **({KEY: one.key} if one.key else {}),
                }
            )
    categories = [{"id": i, "name": name} for i, name in enumerate(classes, start=1)]
    save_json({"images": images, "annotations": annotations, "categories": categories}, path)


def _label_rasters(project: Project, path: Path) -> None:
    """Write what `pointsam predict` leaves in its folder: ``masks.json`` and 16-bit label PNGs.

    Raises:
        InputError: an image is too large to be one PNG, or has too many objects.
    """
    clicked = list(_clicked(project))
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        files = [Path(folder) / "masks.json"]
        _masks(project, files[0])
        records = [ImageRecord(number, one.name, one.size) for number, one, _ in clicked]
        for name, (_, picture, objects) in zip(output_names(records), clicked, strict=True):
            height, width = picture.size
            if height * width > _MAX_PIXELS or len(objects) > MAX_LABELS:
                raise InputError(
                    f"{picture.name} ({width} x {height} px, {len(objects)} objects) is too large "
                    "for a label raster: save masks.gpkg or masks.json."
                )
            files.append(Path(folder) / name)
            write_labels(_numbered(objects, picture.size), files[-1])
        zipped = Path(folder) / path.name
        with ZipFile(zipped, "w", ZIP_STORED) as archive:  # PNGs are compressed
            for file in files:
                archive.write(file, file.relative_to(folder))
        zipped.replace(path)


def _numbered(objects: list[ClickedObject], size: tuple[int, int]) -> np.ndarray:
    """Give each pixel its object's number; of masks that overlap, the surest one's."""
    labels = np.zeros(size, dtype=np.int32)
    for number, one in sorted(enumerate(objects, start=1), key=lambda item: item[1].score):
        if one.mask is not None and one.mask.area:
            x0, y0, x1, y1 = one.mask.box
            labels[y0:y1, x0:x1][one.mask.pixels] = number
    return labels


def _outlines(project: Project, path: Path) -> None:
    """Write one polygon for each object, on the map."""
    placed = [p for p in _placed(project, path) if p.one.mask is not None and p.one.mask.area]
    crs = _common_crs((p.georeference for p in placed), path)
    shapes = []
    for p in placed:
        assert p.one.mask is not None
        transform = p.georeference.transform
        on_map = shapely.transform(
            p.one.mask.outline(), lambda corners, t=transform: to_map(corners, t)
        )
        shapes.append(_moved(on_map, p.georeference.crs, crs))
    polygons = np.array(shapes, dtype=object)
    fields = _fields(placed) | {
        "score": np.array([p.one.score for p in placed], dtype=np.float64).round(4),
        "area_px": np.array([p.one.mask.area if p.one.mask else 0 for p in placed], dtype=float),
        "area_m2": ground_areas(polygons, crs).round(3),
    }
    _write(path, polygons, fields, kind="MultiPolygon", crs=crs)


def _clicks_on_map(project: Project, path: Path) -> None:
    """Write one point for each click, in the form that `pointsam train` reads."""
    records = _clicked_records(project)
    places = [_place_of(project.pictures[record.id], path) for record in records]
    crs = _common_crs(places, path)
    shapes: list[Any] = []
    rows: list[_Row] = []
    for record, place in zip(records, places, strict=True):
        clicks: list[tuple[tuple[float, float], _Row]] = [
            ((x, y), (owner, instance.category, record.file_name, label))
            for instance, owner in zip(record.instances, names_of(record), strict=True)
            for x, y, label in instance.points
        ]
        beside = (None, None, record.file_name, NEGATIVE)
        clicks += [((x, y), beside) for x, y in record.background_points]
        for click, row in clicks:
            on_map = to_map(to_edges(np.array([click])), place.transform)
            shapes.append(_moved(shapely.Point(on_map[0]), place.crs, crs))
            rows.append(row)
    owners, classes, images, labels = zip(*rows, strict=True)
    fields = {
        "instance": _instances(owners),
        "class": np.array(classes, dtype=object),
        "image": np.array(images, dtype=object),
        "label": np.array(labels, dtype=np.int32),
    }
    _write(path, np.array(shapes, dtype=object), fields, kind="Point", crs=crs)


def _instances(owners: Sequence[str | int | None]) -> np.ndarray:
    """Give a column of names of objects: of numbers where all are, else of texts."""
    if all(isinstance(owner, int) for owner in owners):
        return np.array(owners, dtype=np.int64)
    return np.array([None if o is None else str(o) for o in owners], dtype=object)


WRITERS: dict[str, Callable[[Project, Path], None]] = {
    "points.json": _points,
    "points.csv": _points,
    "points.geojson": _clicks_on_map,
    "points.gpkg": _clicks_on_map,
    "masks.json": _masks,
    "masks.zip": _label_rasters,
    "masks.geojson": _outlines,
    "masks.gpkg": _outlines,
}
"""Writers of the files that can be saved, by file name."""


def _placed(project: Project, path: Path) -> list[_Placed]:
    """List the objects with their places on the map.

    Raises:
        InputError: an image has no coordinate system.
    """
    placed = []
    for _, picture, objects in _clicked(project):
        place = _place_of(picture, path)
        placed += [_Placed(picture, place, one) for one in objects]
    return placed


def _place_of(picture: Picture, path: Path) -> Georeference:
    """Say where an image lies on the map.

    Raises:
        InputError: it has no coordinate system.
    """
    if picture.georeference is None:
        plain = path.with_suffix(".json").name
        raise InputError(
            f"{picture.name} has no coordinate system, so it has no place on a map: save {plain} "
            f"in place of {path.name}."
        )
    return picture.georeference


def _common_crs(places: Iterable[Georeference], path: Path) -> str:
    """Choose a file's coordinate system: the images' common one; degrees in GeoJSON."""
    systems = {place.crs for place in places}
    degrees: str = CRS.from_user_input(DEGREES).to_wkt()
    return degrees if path.suffix == ".geojson" or len(systems) != 1 else systems.pop()


def _moved(shape: Any, source: str, target: str) -> Any:
    if source == target:
        return shape
    start, end = CRS.from_wkt(source), CRS.from_wkt(target)
    return shapely.transform(
        shape, lambda corners: move_points(corners, start, end, what="the objects")
    )


def _fields(placed: list[_Placed]) -> dict[str, np.ndarray]:
    keys = [p.one.key for p in placed]
    return {
        "instance": np.array([p.one.id for p in placed], dtype=np.int64),
        "class": np.array([p.one.category for p in placed], dtype=object),
        "image": np.array([p.picture.name for p in placed], dtype=object),
        **({"point_key": np.array(keys, dtype=object)} if any(keys) else {}),
    }


def _write(
    path: Path, shapes: np.ndarray, fields: dict[str, np.ndarray], *, kind: str, crs: str
) -> None:
    """Write shapes to a new file, which then replaces the old one."""
    if not len(shapes):
        raise InputError("no object has a mask yet, so there is nothing to save.")
    with TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        temporary = Path(folder) / path.name
        write_features(temporary, shapes, fields, kind=kind, crs=crs, layer=path.stem)
        temporary.replace(path)
