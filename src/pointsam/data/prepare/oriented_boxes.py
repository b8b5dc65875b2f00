"""Oriented boxes on disk: DOTA's text files and COCO with four corners."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from pointsam.data.clicks.stems import Stems, same_stem
from pointsam.data.coco.schema import read_coco_json, refuse
from pointsam.data.rasters.images import image_size
from pointsam.data.records import Dataset, ImageRecord, InstanceRecord
from pointsam.errors import InputError, in_words
from pointsam.files import list_files, new_folder
from pointsam.frames import on_image, to_middles
from pointsam.prompts import POSITIVE
from pointsam.texts import read_json, read_text

COCO_NAME = "boxes.json"
DOTA_FOLDER = "labelTxt"
DOTA_FIELDS = 9
"""Eight numbers and a class; a tenth field says whether the object is difficult."""
DOTA_HEADS = ("imagesource:", "gsd:")
"""First words of the lines before the boxes."""

Corners = Float[np.ndarray, "4 2"]
"""``(x, y)`` of a rectangle's corners in order around it."""


@dataclass(frozen=True, eq=False)
class OrientedBox:
    """One object's rectangle, or quadrangle, in the image frame."""

    id: int
    category: str
    corners: Corners
    """``(x, y)`` from pixel edges; the first pixel spans 0 to 1."""
    score: float = 1.0
    difficult: bool = False
    """Whether scores ignore this true object."""

    @property
    def label(self) -> str:
        """The category in one word, as DOTA's lines need it."""
        return self.category.replace(" ", "-")


@dataclass(frozen=True, eq=False)
class ImageBoxes:
    """The boxes of one image."""

    name: str
    """Name of its DOTA label file, without ending (`label_names`)."""
    boxes: tuple[OrientedBox, ...]
    size: tuple[int, int] | None = None
    """Height and width in pixels; DOTA's files do not say."""
    file_name: str | None = None
    """Of the image, with folder and ending; DOTA's files do not say."""


def label_names(file_names: Sequence[str]) -> list[str]:
    """Give the name of each image's label file, without folder where it is still unique.

    Raises:
        InputError: two images that differ in their ending alone.
    """
    paths = [Path(name) for name in file_names]
    uses = Counter(path.stem for path in paths)
    names = [
        path.stem if uses[path.stem] == 1 else "_".join(path.with_suffix("").parts)
        for path in paths
    ]
    for name, count in Counter(names).items():
        if count > 1:
            twice = [str(path) for path, own in zip(paths, names, strict=True) if own == name]
            raise InputError(
                f"the label files of {' and '.join(twice[:2])} would both be {name}.txt: rename "
                "one of these images."
            )
    return names


def read_boxes(path: Path) -> list[ImageBoxes]:
    """Read a folder of DOTA label files or a COCO file whose masks are four corners.

    Raises:
        FileNotFoundError: nothing there.
        InputError: no boxes in either form.
    """
    if path.is_dir():
        inner = path / DOTA_FOLDER
        return read_dota(inner if inner.is_dir() else path)
    if not path.is_file():
        raise FileNotFoundError(f"no boxes at {path}: give a DOTA label folder or a COCO file.")
    return _read_coco(path)


def read_scores(path: Path) -> dict[int, float]:
    """Read the scores of a COCO file's annotations, by id; 1 where there is none.

    Raises:
        FileNotFoundError: no such file.
        InputError: not COCO, or a score that is no number.
    """
    content = read_coco_json(path, refuse)
    return {entry["id"]: _score(entry, path) for entry in content["annotations"]}


def read_dota(folder: Path) -> list[ImageBoxes]:
    """Read DOTA label files; ids count the boxes of all files, in the order of their names."""
    files = list_files(folder, (".txt",))
    if not files:
        raise InputError(f"{folder} holds no DOTA label file (*.txt).")
    images: list[ImageBoxes] = []
    count = 0
    for file in files:
        boxes = []
        for number, line in enumerate(read_text(file).splitlines(), start=1):
            fields = line.split()
            if not fields or fields[0].startswith(DOTA_HEADS):
                continue
            count += 1
            boxes.append(_parse_line(fields, f"{file}, line {number}", id=count))
        images.append(ImageBoxes(file.stem, tuple(boxes)))
    return images


def write_boxes(images: Sequence[ImageBoxes], folder: Path) -> None:
    """Write a new folder with both forms: ``boxes.json`` and ``labelTxt/``.

    Raises:
        InputError: `folder` exists.
    """
    names = sorted({box.category for image in images for box in image.boxes})
    annotations = [
        _coco_entry(box, image_id, names.index(box.category) + 1)
        for image_id, image in enumerate(images, start=1)
        for box in image.boxes
    ]
    content = {
        "images": [
            {
                "id": image_id,
                "file_name": image.file_name or image.name,
                **_coco_size(image.size),
            }
            for image_id, image in enumerate(images, start=1)
        ],
        "categories": [{"id": i, "name": name} for i, name in enumerate(names, start=1)],
        "annotations": annotations,
    }
    with new_folder(folder) as temporary:
        (temporary / COCO_NAME).write_text(json.dumps(content))
        (temporary / DOTA_FOLDER).mkdir()
        for image in images:
            lines = [_dota_line(box) for box in image.boxes]
            (temporary / DOTA_FOLDER / f"{image.name}.txt").write_text("".join(lines))


def centres(images: Iterable[ImageBoxes], folder: Path) -> Dataset:
    """Give each box one point, its centre, as DOTA's point-supervised benchmarks do.

    Args:
        images: with boxes.
        folder: with the image files, read for their size alone.

    Raises:
        FileNotFoundError: an image is not there.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no image folder {folder}.")
    records, dropped, stems = [], [], Stems()
    for number, image in enumerate(images, start=1):
        file = folder / same_stem(folder, image.name, file=Path(f"{image.name}.txt"), stems=stems)
        height, width = image_size(file)
        instances = []
        for box in image.boxes:
            x, y = to_middles(box.corners.mean(axis=0)).tolist()
            if on_image(x, y, (height, width)):
                instances.append(InstanceRecord(box.id, box.category, ((x, y, POSITIVE),)))
            else:
                dropped.append(f"{file.name}: box {box.id} has its centre off the image")
        records.append(ImageRecord(number, file.name, (height, width), tuple(instances)))
    names = sorted({i.category for record in records for i in record.instances})
    return Dataset(tuple(records), tuple(names), tuple(dropped))


def _parse_line(fields: list[str], where: str, *, id: int) -> OrientedBox:
    try:
        corners = np.array([float(field) for field in fields[:8]]).reshape(4, 2)
        difficult = len(fields) > DOTA_FIELDS and int(fields[9]) > 0
        if len(fields) < DOTA_FIELDS or not np.isfinite(corners).all():
            raise ValueError(fields)
    except ValueError as error:
        raise InputError(
            f"{where}: {' '.join(fields)!r} is not eight numbers, a class and a difficulty."
        ) from error
    return OrientedBox(id, fields[8], corners, difficult=difficult)


def _dota_line(box: OrientedBox) -> str:
    numbers = " ".join(f"{value:.2f}" for value in box.corners.ravel().tolist())
    return f"{numbers} {box.label} {int(box.difficult)}\n"


def _coco_entry(box: OrientedBox, image_id: int, category_id: int) -> dict[str, Any]:
    low, high = box.corners.min(axis=0), box.corners.max(axis=0)
    return {
        "id": box.id,
        "image_id": image_id,
        "category_id": category_id,
        "segmentation": [box.corners.ravel().round(3).tolist()],
        "bbox": [*low.round(3).tolist(), *(high - low).round(3).tolist()],
        "area": round(_area(box.corners), 3),
        "iscrowd": 0,
        "score": box.score,
        "difficult": int(box.difficult),
    }


def _coco_size(size: tuple[int, int] | None) -> dict[str, int]:
    return {} if size is None else {"height": size[0], "width": size[1]}


def _read_coco(path: Path) -> list[ImageBoxes]:
    try:
        content = read_json(path)
        names = {category["id"]: category["name"] for category in content["categories"]}
        boxes: dict[int, list[OrientedBox]] = {image["id"]: [] for image in content["images"]}
        for entry in content["annotations"]:
            boxes[entry["image_id"]].append(_parse_entry(entry, names, path))
        images = content["images"]
        files = [str(image["file_name"]) for image in images]
        return [
            ImageBoxes(name, tuple(boxes[image["id"]]), _size(image), file)
            for name, file, image in zip(label_names(files), files, images, strict=True)
        ]
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is not COCO JSON of boxes ({in_words(error)}).") from error


def _parse_entry(entry: dict[str, Any], names: dict[int, str], path: Path) -> OrientedBox:
    shape = entry.get("segmentation")
    corners = shape[0] if isinstance(shape, list) and len(shape) == 1 else None
    if not isinstance(corners, list) or len(corners) != 8 or not all(map(_is_number, corners)):
        raise InputError(
            f"{path}: annotation {entry['id']} is no box of four corners: make boxes of masks "
            "first, with 'pointsam boxes make'."
        )
    return OrientedBox(
        id=entry["id"],
        category=names[entry["category_id"]],
        corners=np.array(corners, dtype=float).reshape(4, 2),
        score=_score(entry, path),
        difficult=bool(entry.get("difficult", 0)),
    )


def _score(entry: dict[str, Any], path: Path) -> float:
    score = entry.get("score", 1.0)
    if not _is_number(score):
        raise InputError(
            f"{path}: annotation {entry['id']} has score {score!r}, expected a number."
        )
    return float(score)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _size(image: dict[str, Any]) -> tuple[int, int] | None:
    return (image["height"], image["width"]) if "height" in image else None


def _area(corners: Float[np.ndarray, "4 2"]) -> float:
    """Measure a quadrangle by the shoelace formula."""
    following = np.roll(corners, -1, axis=0)
    twice = corners[:, 0] * following[:, 1] - corners[:, 1] * following[:, 0]
    return float(abs(twice.sum()) / 2)
