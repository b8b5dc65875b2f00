"""Makes masks of points and boxes that label tools send."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pointsam.data.records import Box, Point
from pointsam.errors import InputError
from pointsam.frames import on_image
from pointsam.models.segment import segment
from pointsam.prediction.automatic import AutomaticSettings, automatic_masks
from pointsam.prompts import POSITIVE, Prompts, refuse_odd_box
from pointsam.server.compat.sent import SentImage
from pointsam.server.crops import MaskCrop
from pointsam.server.engine import View
from pointsam.server.session import Session

MAX_PROMPTS = 500


@dataclass(frozen=True, eq=False)
class Found:
    """One mask of a client's image."""

    mask: MaskCrop
    score: float
    """SAM's own estimate of the mask's IoU."""


def segment_sent(
    session: Session, image: SentImage, points: Sequence[Point], boxes: Sequence[Box]
) -> list[Found]:
    """Give one mask for all points, or one for each box; a single box also takes the points.

    Args:
        session: whose model is used.
        image: that was sent.
        points: ``(x, y, label)`` in the image frame.
        boxes: in the image frame.

    Raises:
        InputError: no prompts, too many, points or boxes off the image, a box without area, or
            points beside several boxes.
    """
    _check(image, points, boxes)
    rows: list[list[Point]] = [list(points)]
    if len(boxes) > 1:
        rows = [[] for _ in boxes]
    prompts = Prompts.from_rows(rows)
    if boxes:
        corners = torch.tensor(np.array(boxes, dtype=np.float32))
        prompts = prompts.with_boxes(corners)
    view = session.engine.view_of_pixels(image.pixels)
    found = segment(session.engine.model, view.embedding, prompts.moved(view.to_model))
    return _crops(view, found.low_res_logits, found.iou_prediction)


def segment_all(session: Session, image: SentImage, settings: AutomaticSettings) -> list[Found]:
    """Give masks without clicks."""
    view = session.engine.view_of_pixels(image.pixels)
    found = automatic_masks(
        session.engine.model, view.embedding, view.frame, settings, prototypes=None
    )
    return _crops(view, found.low_res_logits, found.iou_prediction)


def _crops(view: View, logits: torch.Tensor, scores: torch.Tensor) -> list[Found]:
    pairs = zip(logits, scores.tolist(), strict=True)
    return [Found(view.mask(one), score) for one, score in pairs]


def _check(image: SentImage, points: Sequence[Point], boxes: Sequence[Box]) -> None:
    height, width = image.size
    if not points and not boxes:
        raise InputError("no points and no boxes: there is nothing to segment.")
    if len(points) > MAX_PROMPTS or len(boxes) > MAX_PROMPTS:
        raise InputError(f"more than {MAX_PROMPTS} points or boxes: send fewer at once.")
    for x, y, label in points:
        if not on_image(x, y, image.size):
            raise InputError(f"point ({x:g}, {y:g}) is off the image of {width} x {height} px.")
        if label not in (0, 1):
            raise InputError(f"a point has the label {label}, expected 1 on or 0 off the object.")
    if points and not boxes and not any(label == POSITIVE for _, _, label in points):
        raise InputError("no point is on the object: give at least one with label 1.")
    if points and len(boxes) > 1:
        raise InputError(
            f"{len(points)} points beside {len(boxes)} boxes: nothing says which box each point is "
            "of; send each box with its own points, or the boxes alone."
        )
    for box in boxes:
        refuse_odd_box(box, image.size)
