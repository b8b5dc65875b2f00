"""A later labelling: masks are chosen anew among those of an adapted model."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool

from pointsam.data.coco.masks import rasterise
from pointsam.data.dataset import ImageSource, model_prompts
from pointsam.data.records import Dataset, ImageRecord
from pointsam.files import replacing
from pointsam.frames import ModelFrame
from pointsam.labelling import store
from pointsam.labelling.candidates import Candidates, find_candidates
from pointsam.labelling.consensus import Reading
from pointsam.labelling.former import Kept, Place, entries_of, name_of
from pointsam.labelling.label_frame import pack, to_label_frame
from pointsam.labelling.labels import evidence_of, owned, store_path
from pointsam.labelling.looks import Looks
from pointsam.labelling.output import LABELS_NAME
from pointsam.labelling.run import CANDIDATES_NAME, KEY_NAME, choose_and_write, digest, keep_key
from pointsam.labelling.store import STORE_FORMAT
from pointsam.models.encoding import Precision
from pointsam.models.segmenter import Segmenter
from pointsam.progress import Bar

WHOLE_LOOKS = Looks(closer=False)
"""Looks with an adapted model: closer ones would take most of the time."""
_UNSCORED = 1.0
"""SAM's estimate of a mask whose file gives none."""


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
    """Fill a folder as `label_clicks` does, but keep the masks that somebody drew.

    One choice is made over all objects. A mask that somebody drew is the only candidate of its
    object, and its annotation stays as it is.

    Args:
        model: whose masks are the candidates.
        data: records with clicks; those without are left out.
        images: gives their pixels.
        folder: new, or of the same inputs: then candidates that are there are not made again.
        kept: masks that somebody drew.
        key: names the inputs that candidates hang on.
        readings: by class, where the user says whether the larger or the smaller mask is meant.
        precision: of the encoder.

    Raises:
        InputError: a folder of other inputs.
    """
    clicked = replace(data, images=tuple(image for image in data.images if image.instances))
    settings = {"side": model.side, "precision": precision, "clicks": digest(clicked.images)}
    keep_key(folder / KEY_NAME, {**key, **settings, "format": STORE_FORMAT})
    candidates = folder / CANDIDATES_NAME
    found = _gather(model, clicked.images, images, candidates, kept=kept, precision=precision)
    for _ in Bar(found, total=len(clicked.images), desc="labelling again", unit="image"):
        pass
    made = folder / f"{LABELS_NAME}.part"
    choose_and_write(clicked, images, folder, labels=made.name, readings=readings)
    stays = {
        (name_of(record, images), one.id): kept[record.file_name, one.id].entry
        for record in clicked.images
        for one in record.instances
        if (record.file_name, one.id) in kept
    }
    _put_back(made, stays, folder / LABELS_NAME)
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
    """Find and store the candidates of all images that have none stored."""
    for record in records:
        path = store_path(folder, record)
        if not store.is_whole(path):
            image, own = images(record), owned(record)
            prompts = model_prompts(own, ModelFrame(record.size, model.side, model.stride))
            found, seen = find_candidates(
                model, image, prompts, looks=WHOLE_LOOKS, precision=precision
            )
            _fix_drawn(found, own, kept)
            store.save(path, found, evidence_of(record, found, model, seen, image))
        yield record


def _fix_drawn(candidates: Candidates, record: ImageRecord, kept: Mapping[Place, Kept]) -> None:
    """Make masks that somebody drew all the candidates of their objects, in place."""
    for place, one in enumerate(record.instances):
        label = kept.get((record.file_name, one.id))
        if label is not None:
            candidates.packed[place] = pack(_drawn(label, record.size, candidates.size))
            candidates.iou_prediction[place] = label.entry.get("score", _UNSCORED)
            candidates.cut[place] = False


def _drawn(
    label: Kept, image: tuple[int, int], size: tuple[int, int]
) -> Bool[np.ndarray, "rows cols"]:
    """Draw a label in the label frame."""
    assert label.instance.segmentation is not None
    return to_label_frame(rasterise(label.instance.segmentation, image), size)


def _put_back(made: Path, former: Mapping[Place, dict[str, Any]], path: Path) -> None:
    """Write the labels with those that stay as they were; only ids are those of this file."""
    content = json.loads(made.read_text())
    for place, entry in entries_of(content):
        if place in former:
            kept = former[place]
            same = {name: kept[name] for name in kept if name != "id" and not name.endswith("_id")}
            entry.update({"label_weight": 1.0, **same})
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content))
