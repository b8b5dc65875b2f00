"""Evidence for and against a candidate mask: numbers of the mask, its pixels and the clicks."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from pointsam.frames import to_edges
from pointsam.labelling.candidates import Candidates
from pointsam.labelling.features import Feature, Features, part_around
from pointsam.prompts import NEGATIVE, POSITIVE

Numbers = Float[np.ndarray, "objects candidates"]

_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_SQUARE = np.ones((3, 3), dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of each candidate of each object; areas in pixels of the label frame."""

    area: Numbers
    edge: Numbers
    """Mean difference in CIELAB across the mask's one-pixel border."""
    roughness: Numbers
    """Pixels of the border over those of a square of the same area."""
    fill: Numbers
    """Area over that of the smallest rectangle, of any angle, around the mask."""
    largest_part: Numbers
    """Share of the area in the largest connected part."""
    outside: Numbers
    """Number of the object's own positive clicks that are off the mask by over a pixel."""
    own: Numbers
    """Number of the object's positive clicks."""
    foreign: Numbers
    """Number of other objects inside; each counts by the share of its positive clicks."""
    refused: Numbers
    """Own negative clicks inside."""
    iou_prediction: Numbers
    """SAM's own estimate."""
    cut: Numbers
    """1 where the window of a closer look cuts the mask."""
    inside: Feature
    """Mean feature of the mask; without channels where likeness does not count."""
    around: Feature
    """Mean feature of the rim around the mask."""

    def __len__(self) -> int:
        return len(self.area)


def join(parts: Sequence[Evidence]) -> Evidence:
    """Join the evidence of several images."""
    names = [field.name for field in fields(Evidence)]
    return Evidence(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def take(evidence: Evidence, objects: Int[np.ndarray, " taken"]) -> Evidence:
    """Keep the evidence of some objects, by their indices."""
    return Evidence(*(getattr(evidence, field.name)[objects] for field in fields(Evidence)))


def measure(
    candidates: Candidates,
    image: UInt8[np.ndarray, "height width 3"],
    points: Sequence[Sequence[tuple[float, float, int]]],
    *,
    others: Sequence[Sequence[tuple[float, float, int]]] = (),
    features: Features | None = None,
) -> Evidence:
    """Measure the candidates of one image.

    Args:
        candidates: of the image's objects.
        image: RGB, in the image frame.
        points: ``(x, y, label)`` of each object, in the image frame.
        others: the same of further objects, which have no candidates here.
        features: of the candidates; if not given, what they show does not count.
    """
    features = Features.none(candidates) if features is None else features
    rows, cols = candidates.size
    small = cv2.resize(image, (cols, rows), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    positive = [_cells(own, image.shape[:2], (rows, cols), POSITIVE) for own in (*points, *others)]
    negative = [_cells(own, image.shape[:2], (rows, cols), NEGATIVE) for own in points]
    shape = candidates.iou_prediction.shape
    of_mask = np.zeros((*shape, 5), dtype=np.float32)
    of_clicks = np.zeros((*shape, 4), dtype=np.float32)
    for index in range(shape[0]):
        rivals = [cells for other, cells in enumerate(positive) if other != index]
        for place, mask in enumerate(candidates.masks(index)):
            of_mask[index, place] = _of_mask(mask, lab)
            of_clicks[index, place] = _of_clicks(mask, positive[index], negative[index], rivals)
    area, edge, roughness, fill, largest_part = np.moveaxis(of_mask, -1, 0)
    outside, own, foreign, refused = np.moveaxis(of_clicks, -1, 0)
    return Evidence(
        area=area,
        edge=edge,
        roughness=roughness,
        fill=fill,
        largest_part=largest_part,
        outside=outside,
        own=own,
        foreign=foreign,
        refused=refused,
        iou_prediction=candidates.iou_prediction.astype(np.float32),
        cut=candidates.cut.astype(np.float32),
        inside=features.inside,
        around=features.around,
    )


_Cells = tuple[np.ndarray, np.ndarray]
"""Rows and columns of clicks in the label frame."""


def _cells(
    points: Sequence[tuple[float, float, int]],
    image: tuple[int, int],
    size: tuple[int, int],
    wanted: int,
) -> _Cells:
    """Give the pixels of the label frame under an object's clicks of one label."""
    chosen = np.array([(x, y) for x, y, label in points if label == wanted]).reshape(-1, 2)
    cols = (to_edges(chosen[:, 0]) * size[1] / image[1]).astype(int)
    rows = (to_edges(chosen[:, 1]) * size[0] / image[0]).astype(int)
    return rows.clip(0, size[0] - 1), cols.clip(0, size[1] - 1)


def _of_clicks(
    mask: Bool[np.ndarray, "rows cols"], own: _Cells, refused: _Cells, others: Sequence[_Cells]
) -> tuple[float, float, float, float]:
    """Count own clicks outside, all own clicks, other objects inside and own negatives inside."""
    count = float(len(own[0]))
    if not mask.any():
        return count, count, 0.0, 0.0
    near = cv2.dilate(mask.astype(np.uint8), _SQUARE)
    foreign = sum(float(mask[cells].mean()) for cells in others)
    return count - float(near[own].sum()), count, foreign, float(mask[refused].sum())


def _of_mask(
    mask: Bool[np.ndarray, "rows cols"], lab: Float[np.ndarray, "rows cols 3"]
) -> tuple[float, float, float, float, float]:
    """Give area, edge, roughness, fill and share of the largest part."""
    if not mask.any():
        return 0.0, 0.0, 0.0, 0.0, 0.0
    window = part_around(mask, margin=1)
    inside, colours = mask[window].astype(np.uint8), lab[window]
    area = int(inside.sum())
    framed = np.pad(inside, 1)
    border = framed - cv2.erode(framed, _CROSS)
    corners = np.argwhere(border)[:, ::-1].astype(np.float32)
    _, (width, height), _ = cv2.minAreaRect(corners)
    _, _, parts, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    return (
        area,
        _edge(inside, colours),
        float(border.sum()) / (4 * area**0.5),
        area / ((width + 1) * (height + 1)),
        float(parts[1:, cv2.CC_STAT_AREA].max()) / area,
    )


def _edge(
    inside: UInt8[np.ndarray, "rows cols"], colours: Float[np.ndarray, "rows cols 3"]
) -> float:
    """Give the mean colour difference of neighbours across the border; 0 without a border."""
    total, count = 0.0, 0
    for axis in (0, 1):
        across = np.diff(inside.astype(np.int8), axis=axis) != 0
        steps = np.diff(colours, axis=axis)[across]
        total += float(np.sqrt((steps**2).sum(axis=-1)).sum())
        count += len(steps)
    return total / max(count, 1)
