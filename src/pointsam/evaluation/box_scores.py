"""Scores of oriented boxes: AP50 of DOTA's devkit, and the mean IoU of boxes with equal ids."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from jaxtyping import Bool, Float

from pointsam.data.prepare.oriented_boxes import Corners, ImageBoxes, OrientedBox
from pointsam.errors import InputError

AP_IOU = 0.5
"""A detection above this IoU is correct."""


@dataclass(frozen=True)
class BoxScores:
    """How well boxes fit the truth, all in [0, 1]."""

    ap50: dict[str, float]
    """Of each class of the truth."""
    iou: dict[str, float]
    """Mean over the objects of each class of the IoU with the box of the same id; 0 without."""
    mean_ap50: float
    """Mean over classes."""
    mean_iou: float
    """Mean over all objects."""
    objects: int
    missing: int
    """Objects of the truth without a box of their id."""


def score_boxes(truth: Sequence[ImageBoxes], found: Sequence[ImageBoxes]) -> BoxScores:
    """Compare found boxes with the truth.

    Args:
        truth: of all images that count.
        found: images are paired by name, boxes by id for the mean IoU.

    Raises:
        InputError: no image of `found` is in `truth`, or the truth is empty.
    """
    by_name = {image.name: image.boxes for image in found}
    known = [image for image in truth if image.name in by_name]
    objects = [box for image in truth for box in image.boxes if not box.difficult]
    if not known or not objects:
        raise InputError(
            f"no box can be scored: {len(objects)} objects in the truth, {len(known)} of its "
            f"{len(truth)} images among the {len(found)} with found boxes (paired by file name)."
        )
    categories = sorted({box.label for box in objects})
    pairs = [(image.boxes, by_name.get(image.name, ())) for image in truth]
    ap50 = {category: _class_ap(pairs, category) for category in categories}
    ious = [_paired_iou(image.boxes, by_name.get(image.name, ())) for image in truth]
    iou = np.concatenate(ious)
    owners = np.array([box.label for box in objects])
    return BoxScores(
        ap50=ap50,
        iou={name: float(np.nan_to_num(iou[owners == name]).mean()) for name in categories},
        mean_ap50=float(np.mean(list(ap50.values()))),
        mean_iou=float(np.nan_to_num(iou).mean()),
        objects=len(objects),
        missing=int(np.isnan(iou).sum()),
    )


def average_precision(
    right: Bool[np.ndarray, " detections"],
    wrong: Bool[np.ndarray, " detections"],
    *,
    objects: int,
) -> float:
    """Give the eleven-point average precision of detections, the highest score first.

    Args:
        right: whether a detection found an object.
        wrong: whether it found none; a detection of a difficult object is neither.
        objects: number of true objects.

    Source: DOTA_devkit, dota_evaluation_task1.py, ``voc_ap`` with ``use_07_metric=True``.
    """
    hits, misses = np.cumsum(right), np.cumsum(wrong)
    recall = hits / objects
    precision = hits / np.maximum(hits + misses, np.finfo(np.float64).eps)
    # The rounding of arange, unlike that of linspace, decides at recalls of whole tenths.
    best = [precision[recall >= t].max(initial=0) for t in np.arange(0.0, 1.1, 0.1)]
    return float(np.mean(best))


def _class_ap(
    pairs: Sequence[tuple[Sequence[OrientedBox], Sequence[OrientedBox]]], category: str
) -> float:
    """Match detections of one class to the truth, the highest score first, and score them.

    Each detection is compared with the object that it overlaps most; if an earlier detection has
    that object, it is wrong. Of equal scores the earlier image comes first; the devkit does not
    define this.
    """
    scores: list[float] = []
    matches: list[tuple[int, int] | None] = []
    difficult: list[bool] = []
    objects = 0
    for image, (truth, found) in enumerate(pairs):
        own = [box for box in truth if box.label == category]
        detected = [box for box in found if box.label == category]
        objects += sum(not box.difficult for box in own)
        iou = rotated_iou([box.corners for box in detected], [box.corners for box in own])
        for box, row in zip(detected, iou, strict=True):
            best = int(row.argmax()) if len(row) else -1
            hit = best >= 0 and bool(row[best] > AP_IOU)
            scores.append(box.score)
            matches.append((image, best) if hit else None)
            difficult.append(hit and own[best].difficult)
    order = np.argsort(-np.array(scores), kind="stable")
    right, wrong = np.zeros(len(order), dtype=bool), np.zeros(len(order), dtype=bool)
    taken: set[tuple[int, int]] = set()
    for place, index in enumerate(order.tolist()):
        match = matches[index]
        if match is None:
            wrong[place] = True
        elif not difficult[index]:
            right[place], wrong[place] = match not in taken, match in taken
            taken.add(match)
    return average_precision(right, wrong, objects=objects)


def _paired_iou(
    truth: Sequence[OrientedBox], found: Sequence[OrientedBox]
) -> Float[np.ndarray, " objects"]:
    """Give the IoU of each object that is not difficult with the box of its id; NaN without."""
    boxes = {box.id: box.corners for box in found}
    values = [
        rotated_iou([box.corners], [boxes[box.id]])[0, 0] if box.id in boxes else np.nan
        for box in truth
        if not box.difficult
    ]
    return np.array(values, dtype=float)


def rotated_iou(
    boxes: Sequence[Corners], others: Sequence[Corners]
) -> Float[np.ndarray, "boxes others"]:
    """Give the IoU of every two convex quadrangles, by exact clipping of those that overlap."""
    iou = np.zeros((len(boxes), len(others)))
    if not len(boxes) or not len(others):
        return iou
    mine, theirs = _quadrangles(boxes), _quadrangles(others)
    rows, cols = shapely.STRtree(theirs).query(mine, predicate="intersects")
    both = shapely.area(shapely.intersection(mine[rows], theirs[cols]))
    either = shapely.area(mine)[rows] + shapely.area(theirs)[cols] - both
    iou[rows, cols] = np.divide(both, either, out=np.zeros_like(both), where=either > 0)
    return iou


def _quadrangles(boxes: Sequence[Corners]) -> np.ndarray:
    """Make polygons; of corners out of order, as in some labels, it takes the convex hull."""
    polygons = shapely.polygons(np.stack(boxes))
    return np.asarray(np.where(shapely.is_valid(polygons), polygons, shapely.convex_hull(polygons)))
