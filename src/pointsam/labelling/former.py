"""A labelling that was made before: its candidates, and masks that somebody drew in its file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from pointsam.data.coco.annotations import pair, read_coco
from pointsam.data.coco.masks import rasterise
from pointsam.data.dataset import ImageSource
from pointsam.data.records import Dataset, ImageRecord, InstanceRecord
from pointsam.data.scene_chips import Chip, SceneChips
from pointsam.errors import InputError
from pointsam.files import sha256_of
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


Mask = Bool[np.ndarray, "rows cols"]
Place = tuple[str, int]
"""File name of a record, and id of the clicks."""


@dataclass(frozen=True, eq=False)
class Former:
    """A labelling that a later one goes on from."""

    labels: Path
    """Its labels.json."""
    kept: Mapping[Place, Kept]
    """Accepted masks of that file that are none of its candidates: somebody drew them."""

    @classmethod
    def open(cls, labels: Path, data: Dataset, images: ImageSource) -> "Former":
        """Read a labelling of `data`.

        Args:
            labels: its labels.json; it lies in the folder that 'pointsam label' made.
            data: the clicks; records whose candidates are there.
            images: gives their pixels.

        Raises:
            InputError: no such folder, of another version, or of other clicks.
        """
        _refuse_no_folder(labels)
        return cls(labels, _drawn_by_hand(cls(labels, {}), data, images))

    def key(self) -> dict[str, str]:
        """Name its content."""
        return {
            "labels": sha256_of(self.labels),
            "candidates": sha256_of(self.labels.parent / KEY_NAME),
        }

    def candidates(self, record: ImageRecord) -> Candidates:
        """Read the candidates of the objects of one image.

        Raises:
            InputError: there are none, or of other objects.
        """
        path = store_path(self.labels.parent / CANDIDATES_NAME, record)
        if not store.is_whole(path):
            raise InputError(
                f"{self.labels.parent} has no candidates of {record.file_name}: it was made of "
                "other clicks, --window, --bands or --stretch, or is not finished ('pointsam "
                "label --resume')."
            )
        found = store.load_candidates(path)
        if len(found.packed) != len(owned(record).instances):
            raise InputError(
                f"{self.labels.parent} has candidates of {len(found.packed)} objects of "
                f"{record.file_name}, of which {len(owned(record).instances)} are clicked: it was "
                "made of other clicks."
            )
        return found


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


def _drawn_by_hand(former: Former, data: Dataset, images: ImageSource) -> dict[Place, Kept]:
    """Give the accepted masks of a file that are none of its candidates."""
    entries = dict(entries_of(json.loads(former.labels.read_text())))
    clicked = {record.file_name: record for record in data.images}
    found = {}
    for labelled in with_masks(former.labels, data, images).images:
        record = clicked[labelled.file_name]
        chip = images.chips[record.file_name] if isinstance(images, SceneChips) else None
        accepted = {one.id: one for one in owned(labelled).instances if one.weight > 0}
        candidates = former.candidates(record) if accepted else None
        for place, number in enumerate(clicks.id for clicks in owned(record).instances):
            one = accepted.get(number)
            if candidates is None or one is None or one.segmentation is None:
                continue
            if not _among(candidates, place, rasterise(one.segmentation, record.size), chip):
                entry = entries[name_of(record, images), number]
                found[record.file_name, number] = Kept(one, entry)
    return found


def _among(candidates: Candidates, place: int, mask: Mask, chip: Chip | None) -> bool:
    """Say whether a mask is one of the candidates of its object, those of its size first."""
    masks = candidates.masks(place)
    scale = mask.size / masks[0].size
    far = np.abs(masks.sum(axis=(1, 2)) * scale - mask.sum())
    written = (to_image_frame(masks[index], mask.shape) for index in far.argsort())
    return any(_iou(read_back(one, chip) if chip else one, mask) >= _SAME for one in written)


def _iou(one: Mask, other: Mask) -> float:
    """Compare two masks; two empty ones are the same."""
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 1.0


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
