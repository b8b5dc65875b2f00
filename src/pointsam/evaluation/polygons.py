"""Scores of found polygons against true ones, which are paired by overlap."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from jaxtyping import Float, Int

from pointsam.errors import InputError

FOUND_IOU = 0.5
"""A true object with at least this IoU counts as found."""


@dataclass(frozen=True)
class PolygonScores:
    """How well found polygons fit the truth, all shares in [0, 1]."""

    iou: float
    """Mean over the true objects of the IoU with their partner; 0 without one."""
    precision: float
    """Share of the found objects that are partners at an IoU of FOUND_IOU or more."""
    recall: float
    """Share of the true objects that have such a partner."""
    found: int
    true: int

    @property
    def f1(self) -> float:
        """Give the harmonic mean of precision and recall."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def score_polygons(
    found: Sequence[shapely.Geometry], truth: Sequence[shapely.Geometry]
) -> PolygonScores:
    """Pair polygons one to one, the highest IoU first, and score the pairs.

    Args:
        found: in the coordinate system of `truth`; invalid shapes are repaired first.
        truth: at least one.

    Raises:
        InputError: there is no true polygon.
    """
    if not len(truth):
        raise InputError("there is no true polygon, so nothing can be scored.")
    iou = best_partners(_repaired(found), _repaired(truth))
    hits = int((iou >= FOUND_IOU).sum())
    return PolygonScores(
        iou=float(iou.mean()),
        precision=hits / len(found) if len(found) else 0.0,
        recall=hits / len(truth),
        found=len(found),
        true=len(truth),
    )


def score_classes(
    found: Sequence[shapely.Geometry],
    truth: Sequence[shapely.Geometry],
    *,
    found_classes: Sequence[str],
    true_classes: Sequence[str],
) -> dict[str, PolygonScores]:
    """Score the polygons of each class of the truth by themselves."""
    scores = {}
    for name in sorted(set(true_classes)):
        own = [one for one, label in zip(found, found_classes, strict=True) if label == name]
        real = [one for one, label in zip(truth, true_classes, strict=True) if label == name]
        scores[name] = score_polygons(own, real)
    return scores


def best_partners(found: np.ndarray, truth: np.ndarray) -> Float[np.ndarray, " truth"]:
    """Give the IoU of each true polygon with its partner; 0 where it has none.

    Pairs are formed greedily, the pair of the highest IoU first; no polygon is in two pairs.
    """
    iou = np.zeros(len(truth))
    if not len(found):
        return iou
    one, other, overlap = _overlapping(found, truth)
    free_found, free_true = np.ones(len(found), bool), np.ones(len(truth), bool)
    for pair in np.argsort(-overlap, kind="stable"):
        if free_found[one[pair]] and free_true[other[pair]]:
            iou[other[pair]] = overlap[pair]
            free_found[one[pair]] = free_true[other[pair]] = False
    return iou


def _overlapping(
    found: np.ndarray, truth: np.ndarray
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"], Float[np.ndarray, " pairs"]]:
    """List the pairs that overlap, with their IoU."""
    one, other = shapely.STRtree(truth).query(found, predicate="intersects")
    both = shapely.area(shapely.intersection(found[one], truth[other]))
    either = shapely.area(found)[one] + shapely.area(truth)[other] - both
    overlap = np.divide(both, either, out=np.zeros_like(both), where=either > 0)
    kept = overlap > 0
    return one[kept], other[kept], overlap[kept]


def _repaired(shapes: Sequence[shapely.Geometry]) -> np.ndarray:
    return np.asarray(shapely.make_valid(np.array(shapes, dtype=object)), dtype=object)
