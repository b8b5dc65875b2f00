"""A whole labelling, from images and clicks to a folder of labels; it can be resumed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pointsam.data.dataset import ImageSource
from pointsam.data.records import Dataset, ImageRecord
from pointsam.data.scene_chips import SceneChips
from pointsam.errors import InputError
from pointsam.files import replacing
from pointsam.labelling.consensus import Reading
from pointsam.labelling.labels import Labelling, choose_labels, gather_candidates, owned
from pointsam.labelling.looks import ALL_LOOKS, Looks
from pointsam.labelling.output import LABELS_NAME, SHEET_NAME, draw_doubtful, write_labels
from pointsam.labelling.readings import READINGS_NAME, draw_readings
from pointsam.labelling.scene_labels import write_scene_labels
from pointsam.labelling.store import STORE_FORMAT
from pointsam.models.encoding import Precision
from pointsam.models.segmenter import Segmenter
from pointsam.progress import Bar
from pointsam.texts import read_json

CANDIDATES_NAME = "candidates"
KEY_NAME = "inputs.json"


def label_clicks(
    model: Segmenter,
    data: Dataset,
    images: ImageSource,
    folder: Path,
    *,
    key: Mapping[str, Any],
    readings: Mapping[str, Reading] | None = None,
    looks: Looks = ALL_LOOKS,
    precision: Precision = "float32",
) -> Labelling:
    """Fill a folder with labels.json, two sheets, and the candidates they were chosen from.

    Chips of scenes give one mask an object, in the pixels of its scene; sizes are compared on the
    ground.

    Args:
        model: whose masks are the candidates.
        data: records with clicks; those without are left out.
        images: gives their pixels.
        folder: new, or of the same inputs; candidates in it are not made again.
        key: identifies the inputs that decide the candidates.
        readings: by class, where the user says whether the larger or the smaller mask is meant.
        looks: what is decoded beside each whole image.
        precision: of the encoder.

    Returns:
        The choice that was made.

    Raises:
        InputError: nothing was clicked, a reading of no class, or a folder of other inputs.
    """
    clicked = replace(data, images=tuple(image for image in data.images if image.instances))
    _refuse_unclicked(clicked, readings or {})
    settings = {"side": model.side, "precision": precision, **asdict(looks)}
    clicks = digest(clicked.images)
    keep_key(folder / KEY_NAME, {**key, **settings, "clicks": clicks, "format": STORE_FORMAT})
    candidates = folder / CANDIDATES_NAME
    found = gather_candidates(
        model,
        clicked.images,
        images,
        candidates,
        looks=looks,
        precision=precision,
    )
    for _ in Bar(found, total=len(clicked.images), desc="labelling", unit="image"):
        pass
    return choose_and_write(clicked, images, folder, labels=LABELS_NAME, readings=readings)


def choose_and_write(
    data: Dataset,
    images: ImageSource,
    folder: Path,
    *,
    labels: str,
    readings: Mapping[str, Reading] | None = None,
) -> Labelling:
    """Choose among the candidates in a folder; write the labels and the sheet.

    Args:
        data: records whose candidates are there.
        images: gives their pixels.
        folder: of the labels.
        labels: name of the file of the masks.
        readings: as in `label_clicks`.
    """
    chips = images if isinstance(images, SceneChips) else None
    labelling = choose_labels(
        [owned(record) for record in data.images],
        folder / CANDIDATES_NAME,
        readings=readings,
        pixel_sides=None if chips is None else chips.pixel_sides(),
    )
    if chips is None:
        write_labels(labelling, data.categories, folder / labels)
    else:
        write_scene_labels(labelling, chips, data.categories, folder / labels)
    draw_doubtful(labelling, images, folder / SHEET_NAME)
    draw_readings(labelling, images, folder / READINGS_NAME)
    return labelling


def _refuse_unclicked(data: Dataset, readings: Mapping[str, Reading]) -> None:
    """Refuse, before an hour is spent, data without clicks and readings of no class."""
    if not data.images:
        raise InputError("no image has an instance with a click: there is nothing to label.")
    classes = sorted({i.category for image in data.images for i in image.instances})
    for name in readings:
        if name not in classes:
            raise InputError(
                f"--reading {name}: no click is of that class; there is {', '.join(classes)}."
            )


def digest(records: Sequence[ImageRecord]) -> str:
    """Name all clicks by their content: what is held out, or shown in another window, counts."""
    rows = [
        (
            record.file_name,
            record.size,
            sorted(record.borrowed),
            record.background_points,
            [(instance.id, instance.points) for instance in record.instances],
        )
        for record in records
    ]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


_WORDS = {
    "sources": "images or point file",
    "base": "base model",
    "before": "labels of the round before",
    "closer": "looks (--no-closer-looks)",
    "turned": "looks (--no-turn)",
}
"""What an entry of a key is called, where its own name does not say."""


def keep_key(path: Path, key: Mapping[str, Any]) -> None:
    """Save the key of the candidates; refuse a folder whose key is another, by what differs.

    Raises:
        InputError: the folder was begun with something else.
    """
    now = json.loads(json.dumps(key))
    if path.is_file() and (begun := read_json(path)) != now:
        raise InputError(
            f"{path.parent} holds candidates made with {_difference(begun, now)}: go on with what "
            "it began with, or move or delete the folder. 'pointsam train' takes labels that are "
            f"complete as they are with --labels {path.parent / LABELS_NAME}."
        )
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(key, indent=1))


def _difference(begun: Any, now: dict[str, Any]) -> str:
    """Say what a folder was begun with that is not so now."""
    if not isinstance(begun, dict) or begun.keys() != now.keys() or begun["format"] != STORE_FORMAT:
        return "another version of pointsam, or in another round"
    differing = [_WORDS.get(name, name) for name in now if begun[name] != now[name]]
    return "other " + ", ".join(differing)
