"""Labels that were made before: clicks with their masks, and which of these somebody drew."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from pointsam.data.coco.annotations import pair, read_coco
from pointsam.data.coco.masks import count_drawn, drawn_iou, to_rle
from pointsam.data.dataset import ImageSource
from pointsam.data.records import Dataset, ImageRecord, InstanceRecord, Segmentation
from pointsam.data.scene_chips import Chip, SceneChips
from pointsam.errors import InputError
from pointsam.labelling import store
from pointsam.labelling.candidates import Candidates
from pointsam.labelling.label_frame import to_image_frame
from pointsam.labelling.labels import owned, store_path
from pointsam.labelling.run import CANDIDATES_NAME, KEY_NAME
from pointsam.labelling.scene_labels import POINT_ID, on_chips, read_back, read_scene_labels
from pointsam.labelling.store import STORE_FORMAT
from pointsam.texts import read_json

_SAME = 0.98
"""IoU from which on a mask of a file is a candidate: another tool may have moved a few pixels."""


@dataclass(frozen=True)
class Kept:
    """A label that stays as it is."""

    instance: InstanceRecord
    """The instance with its mask in the pixels of its record."""
    entry: dict[str, Any]
    """Its annotation in the file it is from."""


Masks = Bool[np.ndarray, "candidates rows cols"]
Place = tuple[str, int]
"""File name of a record, and id of the clicks."""


def drawn_by_hand(labels: Path, data: Dataset, images: ImageSource) -> dict[Place, Kept]:
    """Give the accepted masks of a file that are none of the candidates beside it.

    Somebody drew or changed them after 'pointsam label' had written the file.

    Args:
        labels: labels.json in the folder that 'pointsam label' made.
        data: the clicks.
        images: gives their pixels.

    Raises:
        InputError: no such folder, one of another version, or one of other clicks.
    """
    _refuse_no_folder(labels)
    entries = dict(entries_of(json.loads(labels.read_text())))
    clicked = {record.file_name: record for record in data.images}
    found = {}
    for labelled in with_masks(labels, data, images).images:
        record = clicked[labelled.file_name]
        chip = images.chips[record.file_name] if isinstance(images, SceneChips) else None
        accepted = {one.id: one for one in owned(labelled).instances if one.weight > 0}
        candidates = _candidates(labels.parent, record) if accepted else None
        for place, clicks in enumerate(owned(record).instances):
            one = accepted.get(clicks.id)
            if candidates is not None and one is not None and one.segmentation is not None:
                masks = candidates.masks(place)
                if not _among(masks, one.segmentation, record.size, chip):
                    entry = entries[name_of(record, images), one.id]
                    found[record.file_name, one.id] = Kept(one, entry)
    return found


def _candidates(folder: Path, record: ImageRecord) -> Candidates:
    """Read the candidates of the objects of one image.

    Raises:
        InputError: there are none, or of other objects.
    """
    path = store_path(folder / CANDIDATES_NAME, record)
    if not store.is_whole(path):
        raise InputError(
            f"{folder} has no candidates of {record.file_name}: it was made of other clicks, "
            "--window, --bands or --stretch, or is not finished ('pointsam label --resume')."
        )
    found, count = store.load_candidates(path), len(owned(record).instances)
    if len(found.packed) != count:
        raise InputError(
            f"{folder} has candidates of {len(found.packed)} objects of {record.file_name}, of "
            f"which {count} are clicked: it was made of other clicks."
        )
    return found


def _among(
    candidates: Masks, segmentation: Segmentation, size: tuple[int, int], chip: Chip | None
) -> bool:
    """Say whether a mask is one of the candidates of its object, those of its size first.

    Args:
        candidates: in the label frame.
        segmentation: of the mask, in an image of height and width `size`.
        size: of the image.
        chip: that the image is of a scene; the mask was written and read as one of the scene.
    """
    area = count_drawn(segmentation, size)
    scale = size[0] * size[1] / candidates[0].size
    far = np.abs(candidates.sum(axis=(1, 2)) * scale - area)
    written = (to_image_frame(candidates[index], size) for index in far.argsort())
    shapes = (to_rle(read_back(one, chip) if chip else one) for one in written)
    return any(drawn_iou([segmentation, shape], size)[0, 1] >= _SAME for shape in shapes)


def _refuse_no_folder(labels: Path) -> None:
    """Refuse labels that lie in no folder of a labelling, or in one of another version."""
    begun = labels.parent / KEY_NAME
    if not begun.is_file():
        raise InputError(
            f"{labels} has no candidates beside it, which tell your own masks from those that were "
            "chosen: it has to lie in the folder that 'pointsam label' made. Masks of your own "
            "are learned in one round."
        )
    key = read_json(begun)
    if not isinstance(key, dict) or key.get("format") != STORE_FORMAT:
        raise InputError(
            f"{labels.parent} is of another version of pointsam: run 'pointsam label' anew."
        )


def with_masks(labels: Path, data: Dataset, images: ImageSource) -> Dataset:
    """Give clicks their masks of a file, accepted or not; what is of no use there is dropped.

    Raises:
        InputError: masks of other clicks.
    """
    if isinstance(images, SceneChips):
        found = read_scene_labels(labels)
        on_scenes = on_chips(data.images, images, found)
        return replace(data, images=on_scenes, dropped=(*found.dropped, *data.dropped))
    return pair(read_coco(labels), data)


def entries_of(content: dict[str, Any]) -> list[tuple[Place, dict[str, Any]]]:
    """Give the annotations of a file, with image or scene and the id of the clicks."""
    names = {image["id"]: image["file_name"] for image in content["images"]}
    return [
        ((names[entry["image_id"]], entry.get(POINT_ID, entry["id"])), entry)
        for entry in content["annotations"]
    ]


def name_of(record: ImageRecord, images: ImageSource) -> str:
    """Give the name of the record's image, or of the scene it is a chip of."""
    if isinstance(images, SceneChips):
        return images.chips[record.file_name].scene.name
    return record.file_name
