"""Labels as COCO masks with trust and reasons of rejection, and a sheet of the worst ones."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8
from PIL import Image

from pointsam.data.coco.annotations import KEY
from pointsam.data.coco.masks import mask_entry, to_rle
from pointsam.data.dataset import ImageSource
from pointsam.data.records import InstanceRecord
from pointsam.figures import draw_panel, save_picture, side_by_side, stack
from pointsam.files import replacing
from pointsam.labelling.consensus import REASONS
from pointsam.labelling.labels import Labelled, Labelling
from pointsam.masks import bounds_of
from pointsam.prompts import Prompts

LABELS_NAME = "labels.json"
SHEET_NAME = "sheet.png"
_COLUMNS, _ROWS = 5, 6
_PANEL = 300
"""Side of a panel of the sheet, in pixels."""
_SURROUNDINGS = 0.6
"""Of the object's longer side, shown on each side of it."""


def write_labels(labelling: Labelling, categories: Sequence[str], path: Path) -> None:
    """Write COCO masks with the ids of the clicks.

    Beside COCO's own keys each annotation has ``score`` (SAM's estimate of the mask's IoU),
    ``energy`` (lower is better), ``margin`` (to the best other mask), ``label_weight`` (trust, 0
    where the mask contradicts the clicks or its class), and ``against`` (why).
    """
    annotations: list[dict[str, Any]] = []
    for labelled in labelling.images():
        for place, instance in enumerate(labelled.record.instances):
            entry = {
                "id": instance.id,
                "image_id": labelled.record.id,
                "category_id": list(categories).index(instance.category) + 1,
                **mask_entry(to_rle(labelled.mask(place))),
                "iscrowd": 0,
                **({KEY: instance.key} if instance.key else {}),
            }
            annotations.append(entry | told_of(labelled, place))
    images = [
        {
            "id": record.id,
            "file_name": record.file_name,
            "height": record.size[0],
            "width": record.size[1],
        }
        for record in labelling.records
    ]
    save_coco(images, categories, annotations, path)


def save_coco(
    images: Sequence[dict[str, Any]],
    categories: Sequence[str],
    annotations: Sequence[dict[str, Any]],
    path: Path,
) -> None:
    """Write COCO JSON, whole or not at all."""
    content = {
        "images": images,
        "categories": [{"id": i, "name": name} for i, name in enumerate(categories, start=1)],
        "annotations": annotations,
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content))


def told_of(labelled: Labelled, place: int) -> dict[str, Any]:
    """Say what speaks for and against the label of one object, under the keys of a label file."""
    choice = labelled.choice
    reasons = zip(REASONS, choice.against[place], strict=True)
    return {
        "score": round(float(labelled.iou_prediction[place]), 4),
        "energy": round(float(choice.energy[place]), 4),
        "margin": round(float(choice.margin[place]), 4),
        "label_weight": round(float(labelled.trust[place]), 4),
        "against": [reason for reason, holds in reasons if holds],
    }


def draw_doubtful(labelling: Labelling, images: ImageSource, path: Path) -> None:
    """Draw the most doubtful labels, worst first, each with its surroundings."""
    # Rejected labels come first; rejected and accepted ones are sorted by falling energy.
    order = np.lexsort((-labelling.choice.energy, labelling.choice.accepted))
    wanted = {int(index): rank for rank, index in enumerate(order[: _COLUMNS * _ROWS])}
    panels: dict[int, np.ndarray] = {}
    first = 0
    for labelled in labelling.images():
        for place in range(len(labelled.trust)):
            if first + place in wanted:
                panels[wanted[first + place]] = _panel(labelled, place, images)
        first += len(labelled.trust)
    drawn = [panels[rank] for rank in sorted(panels)]
    rows = [drawn[start : start + _COLUMNS] for start in range(0, len(drawn), _COLUMNS)]
    save_picture(stack([side_by_side(row) for row in rows]), path)


def _panel(labelled: Labelled, place: int, images: ImageSource) -> np.ndarray:
    """Draw one object, its mask and clicks, and what speaks against it."""
    instance = labelled.record.instances[place]
    against = "; ".join(told_of(labelled, place)["against"])
    title = f"{instance.category} {instance.id}: {against or 'accepted'}"
    mask = labelled.mask(place)
    return draw_object(
        images(labelled.record), instance, mask, around=mask, title=title, side=_PANEL
    )


def draw_object(
    image: UInt8[np.ndarray, "height width 3"],
    instance: InstanceRecord,
    mask: Bool[np.ndarray, "height width"],
    *,
    around: Bool[np.ndarray, "height width"],
    title: str,
    side: int,
) -> np.ndarray:
    """Draw one object with its clicks and what surrounds it.

    Args:
        image: RGB.
        instance: of the object.
        mask: that is shown.
        around: what must be seen of the image.
        title: written above.
        side: of the panel, in pixels.
    """
    x0, y0, x1, y1 = _view(instance, around)
    prompts = Prompts.from_rows([instance.points])
    drawn = draw_panel(
        image[y0:y1, x0:x1],
        masks=[mask[y0:y1, x0:x1]],
        points=prompts.points.numpy() - np.array([x0, y0], dtype=np.float32),
        labels=prompts.labels.numpy(),
        title=title,
    )
    scale = side / max(drawn.shape[:2])
    size = (max(1, round(drawn.shape[1] * scale)), max(1, round(drawn.shape[0] * scale)))
    return np.asarray(Image.fromarray(drawn).resize(size, Image.Resampling.BOX))


def _view(
    instance: InstanceRecord, mask: Bool[np.ndarray, "height width"]
) -> tuple[int, int, int, int]:
    """Choose the part of the image that shows an object's mask and its clicks."""
    height, width = mask.shape
    positive = [(x, y) for x, y, label in instance.points if label == 1]
    bounds = bounds_of(mask) or ()
    xs = [point[0] for point in positive] + list(bounds[::2])
    ys = [point[1] for point in positive] + list(bounds[1::2])
    margin = max(16.0, _SURROUNDINGS * max(max(xs) - min(xs), max(ys) - min(ys)))
    return (
        max(0, int(min(xs) - margin)),
        max(0, int(min(ys) - margin)),
        min(width, int(max(xs) + margin) + 1),
        min(height, int(max(ys) + margin) + 1),
    )
