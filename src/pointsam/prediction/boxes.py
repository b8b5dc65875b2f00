"""Oriented boxes of masks.

Boxes are counted from pixel edges: pixel ``(x, y)`` covers the square from ``(x, y)`` to
``(x + 1, y + 1)``. The box of one pixel has side 1, so every mask but an empty one has an area.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from pointsam.data.coco.masks import rasterise
from pointsam.data.prepare.oriented_boxes import Corners, ImageBoxes, OrientedBox, label_names
from pointsam.data.records import ImageRecord
from pointsam.frames import nearest_pixel
from pointsam.prediction.rectangles import minimum_area_rectangle
from pointsam.prediction.scenes.logit_maps import clicked_part
from pointsam.prompts import POSITIVE


@dataclass(frozen=True)
class Trim:
    """Parts that are removed from a mask before its box is drawn."""

    bridge: float = 0.0
    """Bridges thinner than this, in pixels, are cut; 0 cuts none."""
    one_part: bool = False
    """Keep the part that was clicked, or the largest where none was."""


def oriented_box(
    mask: Bool[np.ndarray, "height width"],
    *,
    points: Float[np.ndarray, "points 2"],
    trim: Trim,
) -> Corners | None:
    """Draw the smallest rectangle, at any angle, around a mask; None around an empty one.

    Args:
        mask: in the image frame.
        points: ``(x, y)``, positive, as clicked; may be none.
        trim: parts that are removed first; a mask that would lose all of them keeps all.
    """
    kept = trimmed(mask, points=points, trim=trim)
    rows = np.flatnonzero(kept.any(axis=1))
    if not len(rows):
        return None
    left = kept[rows].argmax(axis=1)
    right = kept.shape[1] - kept[rows][:, ::-1].argmax(axis=1)
    columns = np.concatenate([left, left, right, right])
    edges = np.stack([columns, np.concatenate([rows, rows + 1, rows, rows + 1])], axis=1)
    return minimum_area_rectangle(edges.astype(float))


def boxes_of(
    images: Sequence[ImageRecord], *, scores: Mapping[int, float], trim: Trim
) -> tuple[list[ImageBoxes], int]:
    """Draw the box of every mask of a data set.

    Args:
        images: with masks; points, if any, say which part of a mask is meant.
        scores: by annotation id; 1 where there is none.
        trim: parts that are removed from the masks first.

    Returns:
        Boxes of all images, and the number of masks that were empty and have none.

    Raises:
        InputError: two images that differ in their ending alone.
    """
    drawn, empty = [], 0
    names = label_names([image.file_name for image in images])
    for name, image in zip(names, images, strict=True):
        boxes = []
        for instance in image.instances:
            assert instance.segmentation is not None
            mask = rasterise(instance.segmentation, image.size)
            clicks = [(x, y) for x, y, label in instance.points if label == POSITIVE]
            points = np.array(clicks, dtype=float).reshape(-1, 2)
            corners = oriented_box(mask, points=points, trim=trim)
            if corners is None:
                empty += 1
                continue
            score = scores.get(instance.id, 1.0)
            boxes.append(OrientedBox(instance.id, instance.category, corners, score))
        drawn.append(ImageBoxes(name, tuple(boxes), image.size, image.file_name))
    return drawn, empty


def trimmed(
    mask: Bool[np.ndarray, "height width"],
    *,
    points: Float[np.ndarray, "points 2"],
    trim: Trim,
) -> Bool[np.ndarray, "height width"]:
    """Remove thin bridges, and parts that were not clicked, from a mask."""
    cells = nearest_pixel(points).reshape(-1, 2)[:, ::-1]
    cells = cells.clip(0, np.array(mask.shape) - 1)
    kept = mask
    if trim.bridge:
        kept = _without_bridges(mask, cells, width=trim.bridge)
    if trim.one_part:
        kept = _one_part(kept, cells)
    return kept if kept.any() else mask


def _without_bridges(
    mask: Bool[np.ndarray, "height width"],
    cells: np.ndarray,
    *,
    width: float,
) -> Bool[np.ndarray, "height width"]:
    """Cut a mask where it is thinner than `width` and keep the thick part that was clicked.

    The thick core is all pixels deeper in the mask than half the width. It then grows back inside
    the mask by one and a half times that depth: corners return, and of a bridge only a stub.
    """
    padded = np.pad(mask, 1).astype(np.uint8)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    # The middle of a strip of `width` pixels is (width + 1) / 2 from the nearest pixel outside.
    core = depth > width / 2
    if not core.any():
        return mask
    kept = _one_part(core, cells)
    away = cv2.distanceTransform((~kept).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    grown: Bool[np.ndarray, "height width"] = mask & (away <= 0.75 * width)
    return _one_part(grown, cells)


def _one_part(
    mask: Bool[np.ndarray, "height width"], cells: np.ndarray
) -> Bool[np.ndarray, "height width"]:
    """Keep the clicked parts of a mask, or the largest."""
    kept = clicked_part(mask, cells)
    if not np.array_equal(kept, mask) or not mask.any():
        return kept
    parts, count = ndimage.label(mask, structure=np.ones((3, 3)))
    clicked = mask[cells[:, 0], cells[:, 1]].any()
    if clicked or count < 2:
        return kept
    largest: Bool[np.ndarray, "height width"] = parts == 1 + np.bincount(parts.ravel())[1:].argmax()
    return largest
