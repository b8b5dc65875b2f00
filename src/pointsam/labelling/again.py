"""A later labelling: doubtful labels are chosen anew with another model, trusted ones stay."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from pointsam.data.coco.masks import rasterise
from pointsam.data.dataset import ImageSource, model_prompts
from pointsam.data.records import Dataset, ImageRecord, InstanceRecord
from pointsam.data.scene_chips import SceneChips
from pointsam.files import replacing
from pointsam.frames import ModelFrame
from pointsam.labelling import store
from pointsam.labelling.candidates import Candidates, find_candidates, label_size
from pointsam.labelling.consensus import Reading
from pointsam.labelling.labels import evidence_of, owned, store_path, to_label_frame
from pointsam.labelling.output import LABELS_NAME
from pointsam.labelling.run import CANDIDATES_NAME, KEY_NAME, choose_and_write, keep_key
from pointsam.labelling.scene_labels import POINT_ID
from pointsam.labelling.store import STORE_FORMAT
from pointsam.models.encoding import Precision, encode_image
from pointsam.models.segmenter import Segmenter
from pointsam.progress import Bar

_UNSCORED = 1.0
"""Score of a mask whose file gives none."""


@dataclass(frozen=True)
class Kept:
    """A label that stays as it is."""

    instance: InstanceRecord
    """The instance with its mask in the pixels of its record."""
    entry: dict[str, Any]
    """Its annotation in the file it is from."""


Place = tuple[str, int]
"""File name of a record, and id of the clicks."""


def trusted(
    labels: Path, labelled: Dataset, images: ImageSource, *, min_trust: float
) -> dict[Place, Kept]:
    """Give the labels of a file that have at least so much trust, by the place of their clicks.

    Args:
        labels: the file.
        labelled: the clicks with its masks and their weights.
        images: gives the pixels of the records.
        min_trust: weight of a label that stays.
    """
    entries = dict(_entries(json.loads(labels.read_text())))
    return {
        (record.file_name, one.id): Kept(one, entries[_name_of(record, images), one.id])
        for record in labelled.images
        for one in owned(record).instances
        if one.weight > 0 and one.weight >= min_trust
    }


def _entries(content: dict[str, Any]) -> list[tuple[Place, dict[str, Any]]]:
    """Give the annotations of a file, with image or scene and the id of the clicks."""
    names = {image["id"]: image["file_name"] for image in content["images"]}
    return [
        ((names[entry["image_id"]], entry.get(POINT_ID, entry["id"])), entry)
        for entry in content["annotations"]
    ]


def _name_of(record: ImageRecord, images: ImageSource) -> str:
    """Give the name of the record's image, or of the scene it is a chip of."""
    if isinstance(images, SceneChips):
        return images.chips[record.file_name].scene.name
    return record.file_name


def label_again(
    model: Segmenter,
    data: Dataset,
    images: ImageSource,
    folder: Path,
    *,
    kept: Mapping[Place, Kept],
    key: Mapping[str, Any],
    readings: Mapping[str, Reading] | None = None,
    precision: Precision = "float32",
) -> None:
    """Fill a folder as `label_clicks` does, with new candidates where a label does not stay.

    One choice is made over all objects: those that stay have one candidate, themselves, and say
    with the others what their class is like. Their annotations are those of the former file.

    Args:
        model: whose masks are the new candidates.
        data: records with clicks; those without are left out.
        images: gives their pixels.
        folder: new, or of the same inputs: then candidates that are there are not made again.
        kept: labels that stay; their chips are those of `data`.
        key: names the inputs that candidates hang on.
        readings: by class, where the user says whether the larger or the smaller mask is meant.
        precision: of the encoder.

    Raises:
        InputError: a folder of other inputs.
    """
    clicked = replace(data, images=tuple(image for image in data.images if image.instances))
    settings = {"side": model.side, "precision": precision, "kept": [[*k] for k in sorted(kept)]}
    keep_key(folder / KEY_NAME, {**key, **settings, "format": STORE_FORMAT})
    candidates = folder / CANDIDATES_NAME
    found = _gather(model, clicked.images, images, candidates, kept=kept, precision=precision)
    for _ in Bar(found, total=len(clicked.images), desc="labelling again", unit="image"):
        pass
    made = folder / f"{LABELS_NAME}.part"
    choose_and_write(clicked, images, folder, labels=made.name, readings=readings)
    former = {
        (_name_of(record, images), one.id): kept[record.file_name, one.id].entry
        for record in clicked.images
        for one in record.instances
        if (record.file_name, one.id) in kept
    }
    _put_back(made, former, folder / LABELS_NAME)
    made.unlink()


def _gather(
    model: Segmenter,
    records: Sequence[ImageRecord],
    images: ImageSource,
    folder: Path,
    *,
    kept: Mapping[Place, Kept],
    precision: Precision,
) -> Iterator[ImageRecord]:
    """Find and store the candidates of all images, those with a doubt first."""
    doubtful = {
        r.file_name: [i for i in owned(r).instances if (r.file_name, i.id) not in kept]
        for r in records
    }
    count = 1
    for record in sorted(records, key=lambda record: not doubtful[record.file_name]):
        path, objects = store_path(folder, record), doubtful[record.file_name]
        if not store.is_whole(path):
            image, own = images(record), owned(record)
            frame = ModelFrame(record.size, model.side, model.stride)
            new = None
            if objects:
                prompts = model_prompts(replace(own, instances=tuple(objects)), frame)
                new, seen = find_candidates(model, image, prompts, precision=precision)
                count = new.packed.shape[1]
            else:
                _, seen = encode_image(model, image, precision=precision)
            together = _beside(new, own, kept, size=label_size(frame), count=count)
            evidence = evidence_of(record, together, model, seen, image)
            store.save(path, together, evidence)
        elif objects:
            count = store.load_evidence(path).area.shape[1]
        yield record


def _beside(
    new: Candidates | None,
    record: ImageRecord,
    kept: Mapping[Place, Kept],
    *,
    size: tuple[int, int],
    count: int,
) -> Candidates:
    """Put the masks that stay between the new candidates, in the order of the instances.

    Args:
        new: of the instances that do not stay.
        record: of the image.
        kept: labels that stay.
        size: of the label frame.
        count: of candidates an object; a mask that stays is all of its own.
    """
    shape = (len(record.instances), count)
    packed = np.zeros((*shape, -(-size[0] * size[1] // 8)), dtype=np.uint8)
    estimate = np.zeros(shape, dtype=np.float32)
    cut = np.zeros(shape, dtype=bool)
    stays = np.array([(record.file_name, one.id) in kept for one in record.instances])
    if new is not None:
        packed[~stays], estimate[~stays], cut[~stays] = new.packed, new.iou_prediction, new.cut
    for place in np.flatnonzero(stays).tolist():
        label = kept[record.file_name, record.instances[place].id]
        packed[place] = np.packbits(_drawn(label.instance, record.size, size))
        estimate[place] = label.entry.get("score", _UNSCORED)
    return Candidates(size, packed, estimate, cut)


def _drawn(
    instance: InstanceRecord, image: tuple[int, int], size: tuple[int, int]
) -> Bool[np.ndarray, "rows cols"]:
    """Draw a label in the label frame."""
    assert instance.segmentation is not None
    return to_label_frame(rasterise(instance.segmentation, image), size)


def _put_back(made: Path, former: Mapping[Place, dict[str, Any]], path: Path) -> None:
    """Write the labels with those that stay as they were; only ids are those of this file."""
    content = json.loads(made.read_text())
    for place, entry in _entries(content):
        if place in former:
            kept = former[place]
            same = {name: kept[name] for name in kept if name != "id" and not name.endswith("_id")}
            entry.update({"label_weight": 1.0, **same})
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content))
