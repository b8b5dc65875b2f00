"""Labels of scenes: one mask an object in the pixels of its scene, whatever chip it was seen in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from pointsam.data.coco.annotations import KEY, read_coco
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
    return _on_chip(_on_scene(mask, chip)["segmentation"], chip)


@dataclass(frozen=True)
class SceneLabel:
    """The mask of one object in the pixels of its scene."""

    segmentation: Segmentation
    weight: float
    size: tuple[int, int]
    """Height and width of the scene, as the file says."""


@dataclass(frozen=True)
class SceneLabels:
    """The masks of a file."""

    by_place: Mapping[tuple[str, int], SceneLabel | None]
    """By the name of the scene and the id of the clicks; None where a mask is of no use."""
    dropped: tuple[str, ...]
    """One line for each mask that is of no use."""


def read_scene_labels(path: Path) -> SceneLabels:
    """Read what `write_scene_labels` wrote, or another tool made of it.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: no labels of scenes, two of one object, or a mask that cannot be drawn.
    """
    data = read_coco(path)
    masks = {one.id: (image, one) for image in data.images for one in image.instances}
    content = read_coco_json(path, refuse)
    names = {image["id"]: image["file_name"] for image in content["images"]}
    found: dict[tuple[str, int], SceneLabel | None] = {}
    for entry in content["annotations"]:
        place = (names[entry["image_id"]], _point_id(entry, path))
        if place in found:
            raise InputError(
                f"{path} has two masks of {POINT_ID} {place[1]} on {place[0]}: leave one."
            )
        image, one = masks.get(entry["id"], (None, None))
        found[place] = None
        if image is not None and one is not None and one.segmentation is not None:
            found[place] = SceneLabel(one.segmentation, one.weight, image.size)
    return SceneLabels(found, data.dropped)


def _point_id(entry: Mapping[str, Any], path: Path) -> int:
    """Read the id of the clicks; 7.0 is 7."""
    value = entry.get(POINT_ID)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int:
        raise InputError(
            f"{path}: annotation {entry['id']} has no {POINT_ID}: give the labels.json that "
            "'pointsam label' wrote for these scenes."
        )
    return value


def on_chips(
    records: Sequence[ImageRecord], chips: SceneChips, labels: SceneLabels
) -> tuple[ImageRecord, ...]:
    """Give the instances of chips the masks of their scene, as far as a chip shows them.

    Instances of which nothing is shown are left out.

    Raises:
        InputError: an instance without a label, or a label of a scene of another size.
    """
    return tuple(_labelled(record, chips.chips[record.file_name], labels) for record in records)


def _labelled(record: ImageRecord, chip: Chip, labels: SceneLabels) -> ImageRecord:
    instances: list[InstanceRecord] = []
    size = (chip.grid.height, chip.grid.width)
    for one in record.instances:
        place = (chip.scene.name, one.id)
        if place not in labels.by_place:
            raise InputError(
                f"the labels have no mask of instance {one.id} of {chip.scene.name}: they are of "
                "other clicks; label these."
            )
        label = labels.by_place[place]
        if label is None:
            continue
        if label.size != size:
            raise InputError(
                f"the labels are of {chip.scene.name} with {list(label.size)} px (height, width), "
                f"but it has {list(size)} px: give labels of this version of the scene."
            )
        mask = _on_chip(label.segmentation, chip)
        if mask.any():
            instances.append(replace(one, segmentation=to_rle(mask), weight=label.weight))
    return replace(record, instances=tuple(instances))


def _on_chip(segmentation: Segmentation, chip: Chip) -> Bool[np.ndarray, "height width"]:
    """Draw a scene's mask in the pixels of a chip: those that are more than half covered."""
    window = chip.window
    left, above = window.x - chip.grid.x, window.y - chip.grid.y
    x0, y0 = max(left, 0), max(above, 0)
    x1 = min(left + window.width, chip.grid.width)
    y1 = min(above + window.height, chip.grid.height)
    whole = np.zeros((window.height, window.width), dtype=bool)
    if x0 < x1 and y0 < y1:
        size = (chip.grid.height, chip.grid.width)
        part = rasterise_part(segmentation, size, (x0, y0, x1, y1))
        whole[y0 - above : y1 - above, x0 - left : x1 - left] = part
    (rows, cols), shrink = chip.size, chip.shrink
    blocks = whole[: rows * shrink, : cols * shrink].reshape(rows, shrink, cols, shrink)
    mask: Bool[np.ndarray, "height width"] = blocks.mean(axis=(1, 3)) * 2 > 1
    return mask
