"""Masks of clicked objects on ordinary images: COCO RLE, a label raster, a figure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from PIL import Image
from torch import Tensor

from pointsam.data.coco.masks import mask_entry, to_rle
from pointsam.data.dataset import model_prompts, read_image_of
from pointsam.data.records import ImageRecord
from pointsam.errors import InputError
from pointsam.figures import LONGEST_SIDE, draw_panel, side_by_side
from pointsam.frames import ModelFrame
from pointsam.masks import PixelOwners, threshold
from pointsam.models.calibration import Calibration
from pointsam.models.encoding import Precision
from pointsam.models.segment import segment
from pointsam.models.segmenter import Segmenter

SHOWN_AT_ONCE = 16
"""Instances whose logits are resized to the image frame at once."""

MAX_LABELS = 65535
"""Objects that a 16-bit label raster can number."""


@dataclass(frozen=True, eq=False)
class ImagePrediction:
    """The masks of one image, in the order of its record's instances."""

    record: ImageRecord
    image: UInt8[np.ndarray, "height width 3"]
    rles: tuple[dict[str, Any], ...]
    """Masks as they were decoded; two of them may overlap."""
    scores: tuple[float, ...]
    """SAM's own estimate of each mask's IoU."""
    labels: Int[np.ndarray, "height width"]
    """Number of the instance at each pixel, from 1; 0 is background. Where masks overlap, the
    instance with the highest logit has the pixel."""


@torch.no_grad()
def predict_image(
    model: Segmenter,
    record: ImageRecord,
    folder: Path,
    *,
    joint: Calibration | None = None,
    precision: Precision = "float32",
    with_boxes: bool = False,
) -> ImagePrediction:
    """Segment the instances of one image.

    Args:
        model: with or without an adapter.
        record: of the image, with points.
        folder: that the file name is in.
        joint: decode rivals again with each other's points as negatives, as the teacher does.
        precision: of the encoder.
        with_boxes: prompt with the instances' boxes in place of their points.

    Raises:
        FileNotFoundError: the image is missing.
        InputError: it cannot be read, is of another size, has too many instances or no boxes.
    """
    if len(record.instances) > MAX_LABELS:
        raise InputError(
            f"{record.file_name} has {len(record.instances)} instances, but a label raster holds "
            f"{MAX_LABELS}: split the image."
        )
    image = read_image_of(record, folder)
    frame = ModelFrame(record.size, model.side, model.stride)
    prompts = model_prompts(record, frame, with_boxes=with_boxes)
    masks = segment(model, frame.pixels(image), prompts, calibration=joint, precision=precision)
    rles, labels = image_masks(frame, masks.low_res_logits)
    return ImagePrediction(record, image, rles, tuple(masks.iou_prediction.tolist()), labels)


def image_masks(
    frame: ModelFrame, low_res_logits: Float[Tensor, "instances rows cols"]
) -> tuple[tuple[dict[str, Any], ...], Int[np.ndarray, "height width"]]:
    """Give RLEs and label raster; a few instances at a time, since their logits are large."""
    owners = PixelOwners(frame.image_size, device=low_res_logits.device)
    rles = []
    for start in range(0, len(low_res_logits), SHOWN_AT_ONCE):
        logits = frame.logits_to_image(low_res_logits[start : start + SHOWN_AT_ONCE])
        masks = threshold(logits)
        rles += [to_rle(mask) for mask in masks.cpu().numpy()]
        for number, own in enumerate(logits, start=start + 1):
            owners.claim(own, number=number)
    return tuple(rles), owners.labels.cpu().numpy()


def coco_annotations(
    prediction: ImagePrediction, *, categories: Sequence[str]
) -> list[dict[str, Any]]:
    """Give COCO's entries of an image's masks, under the ids of the point file.

    ``score`` is SAM's own estimate of the mask's IoU, ``label`` the instance's number in the
    image's label raster.
    """
    rows = zip(prediction.record.instances, prediction.rles, prediction.scores, strict=True)
    return [
        {
            "id": instance.id,
            "image_id": prediction.record.id,
            "category_id": categories.index(instance.category) + 1,
            **mask_entry(rle),
            "iscrowd": 0,
            "score": round(score, 4),
            "points": [list(point) for point in instance.points],
            "label": number,
            **({"instance": instance.key} if instance.key else {}),
        }
        for number, (instance, rle, score) in enumerate(rows, start=1)
    ]


def draw_figure(prediction: ImagePrediction) -> UInt8[np.ndarray, "_ _ 3"]:
    """Draw the image with its points beside the image with its masks and points."""
    height, width = prediction.record.size
    # Panels are small, so masks of a large image are not drawn at its full size.
    step = max(1, max(height, width) // LONGEST_SIDE)
    image, labels = prediction.image[::step, ::step], prediction.labels[::step, ::step]
    count = len(prediction.scores)
    # Masks are drawn one by one: thousands at once would fill the memory.
    masks = (labels == number for number in range(1, count + 1))
    background = [(x, y, 0) for x, y in prediction.record.background_points]
    rows = [[*instance.points, *background] for instance in prediction.record.instances]
    widest = max((len(row) for row in rows), default=0)
    points = np.zeros((len(rows), widest, 2))
    kinds = np.full((len(rows), widest), -1)
    for index, row in enumerate(rows):
        points[index, : len(row)] = [(x / step, y / step) for x, y, _ in row]
        kinds[index, : len(row)] = [label for _, _, label in row]
    return side_by_side(
        [
            draw_panel(image, points=points, labels=kinds, title=prediction.record.file_name),
            draw_panel(image, masks=masks, points=points, labels=kinds, title=f"{count} masks"),
        ]
    )


def write_labels(labels: Int[np.ndarray, "height width"], path: Path) -> None:
    """Write a label raster as a 16-bit PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(labels.astype(np.uint16)).save(path)


def output_names(records: Sequence[ImageRecord]) -> list[Path]:
    """Name the pictures of each image: as its file but ``.png``, below the output folder.

    Sub-folders are kept. Names that would be equal (``a.jpg``, ``a.tif``) get the image's id, too.
    """
    plain = [_below(Path(record.file_name)).with_suffix(".png") for record in records]
    uses = Counter(plain)
    taken = {name for name, count in uses.items() if count == 1}
    names = []
    for name, record in zip(plain, records, strict=True):
        if uses[name] > 1:
            name = name.with_stem(f"{name.stem}_{record.id}")
            while name in taken:
                name = name.with_stem(f"{name.stem}_{record.id}")
            taken.add(name)
        names.append(name)
    return names


def _below(path: Path) -> Path:
    """Make a name stay inside the folder that it is written into."""
    return Path(path.name) if path.is_absolute() or ".." in path.parts else path
