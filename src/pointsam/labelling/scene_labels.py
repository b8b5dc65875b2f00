"""Labels of scenes: one mask an object in the pixels of its scene, whatever chip it was seen in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from pointsam.data.coco.annotations import KEY, weight_of
from pointsam.data.coco.masks import mask_entry, rasterise_part, runs_at, to_rle
from pointsam.data.coco.schema import read_coco_json, refuse
from pointsam.data.records import ImageRecord, InstanceRecord, Segmentation
from pointsam.data.scene_chips import Chip, SceneChips
from pointsam.errors import InputError
from pointsam.labelling.labels import Labelling
from pointsam.labelling.output import save_coco, told_of
from pointsam.masks import bounds_of

POINT_ID = "point_id"
"""Of an annotation: the id of the clicks. Two scenes may show the same clicks; ids are unique."""


def write_scene_labels(
    labelling: Labelling, chips: SceneChips, categories: Sequence[str], path: Path
) -> None:
    """Write the masks of all chips as COCO masks of the scenes they are cut from."""
    scenes = {chip.scene.name: chip.grid for chip in chips.chips.values()}
    numbers = {name: number for number, name in enumerate(scenes, start=1)}
    images = [
        {"id": numbers[name], "file_name": name, "height": grid.height, "width": grid.width}
        for name, grid in scenes.items()
    ]
    taken: set[int] = set()
    annotations: list[dict[str, Any]] = []
    for labelled in labelling.images():
        chip = chips.chips[labelled.record.file_name]
        for place, instance in enumerate(labelled.record.instances):
            own = instance.id if instance.id not in taken else max(taken) + 1
            taken.add(own)
            entry = {
                "id": own,
                POINT_ID: instance.id,
                "image_id": numbers[chip.scene.name],
                "category_id": list(categories).index(instance.category) + 1,
                "iscrowd": 0,
                **({KEY: instance.key} if instance.key else {}),
            }
            mask = _on_scene(labelled.mask(place), chip)
            annotations.append(entry | mask | told_of(labelled, place))
    save_coco(images, categories, annotations, path)


def _on_scene(mask: Bool[np.ndarray, "height width"], chip: Chip) -> dict[str, Any]:
    """Bring a chip's mask to the pixels of its scene, where it ends."""
    x, y, right, bottom = bounds_of(mask) or (0, 0, 0, 0)
    crop = mask[y:bottom, x:right].repeat(chip.shrink, axis=0)
    crop = crop.repeat(chip.shrink, axis=1)
    left = chip.window.x - chip.grid.x + x * chip.shrink
    above = chip.window.y - chip.grid.y + y * chip.shrink
    crop = crop[max(-above, 0) : chip.grid.height - above, max(-left, 0) : chip.grid.width - left]
    corner = (max(left, 0), max(above, 0))
    size = (chip.grid.height, chip.grid.width)
    return mask_entry(runs_at(crop, corner=corner, size=size))


def read_back(mask: Bool[np.ndarray, "height width"], chip: Chip) -> Bool[np.ndarray, "rows cols"]:
    """Give a chip's mask as it comes back from the scene's file, without what is off the scene."""
    return _on_chip(SceneLabel(_on_scene(mask, chip)["segmentation"], 1.0), chip)


@dataclass(frozen=True)
class SceneLabel:
    """The mask of one object in the pixels of its scene."""

    segmentation: Segmentation
    weight: float


def read_scene_labels(path: Path) -> dict[tuple[str, int], SceneLabel]:
    """Read what `write_scene_labels` wrote, by the name of the scene and the id of the clicks.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: no labels of scenes.
    """
    content = read_coco_json(path, refuse)
    names = {image["id"]: image["file_name"] for image in content["images"]}
    found = {}
    for entry in content["annotations"]:
        what = f"{path}: annotation {entry['id']}"
        if not isinstance(entry.get(POINT_ID), int) or "segmentation" not in entry:
            raise InputError(
                f"{what} has no {POINT_ID} or no segmentation: give the labels.json that "
                "'pointsam label' wrote for these scenes."
            )
        key = (names[entry["image_id"]], entry[POINT_ID])
        found[key] = SceneLabel(entry["segmentation"], weight_of(entry, what))
    return found


def on_chips(
    records: Sequence[ImageRecord], chips: SceneChips, labels: Mapping[tuple[str, int], SceneLabel]
) -> tuple[ImageRecord, ...]:
    """Give the instances of chips the masks of their scene, as far as a chip shows them.

    Instances of which nothing is shown are left out.

    Raises:
        InputError: an instance without a label.
    """
    return tuple(_labelled(record, chips.chips[record.file_name], labels) for record in records)


def _labelled(
    record: ImageRecord, chip: Chip, labels: Mapping[tuple[str, int], SceneLabel]
) -> ImageRecord:
    instances: list[InstanceRecord] = []
    for one in record.instances:
        label = labels.get((chip.scene.name, one.id))
        if label is None:
            raise InputError(
                f"the labels have no mask of instance {one.id} of {chip.scene.name}: they are of "
                "other clicks; label these."
            )
        try:
            mask = _on_chip(label, chip)
        except ValueError as error:
            raise InputError(f"the label of {one.id} cannot be drawn: {error}.") from error
        if mask.any():
            instances.append(replace(one, segmentation=to_rle(mask), weight=label.weight))
    return replace(record, instances=tuple(instances))


def _on_chip(label: SceneLabel, chip: Chip) -> Bool[np.ndarray, "height width"]:
    """Draw a scene's mask in the pixels of a chip: those that are more than half covered."""
    window = chip.window
    left, above = window.x - chip.grid.x, window.y - chip.grid.y
    x0, y0 = max(left, 0), max(above, 0)
    x1 = min(left + window.width, chip.grid.width)
    y1 = min(above + window.height, chip.grid.height)
    whole = np.zeros((window.height, window.width), dtype=bool)
    if x0 < x1 and y0 < y1:
        size = (chip.grid.height, chip.grid.width)
        part = rasterise_part(label.segmentation, size, (x0, y0, x1, y1))
        whole[y0 - above : y1 - above, x0 - left : x1 - left] = part
    (rows, cols), shrink = chip.size, chip.shrink
    blocks = whole[: rows * shrink, : cols * shrink].reshape(rows, shrink, cols, shrink)
    mask: Bool[np.ndarray, "height width"] = blocks.mean(axis=(1, 3)) * 2 > 1
    return mask
