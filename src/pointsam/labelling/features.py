"""What the encoder sees inside each candidate and around it, as one feature of each."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float

from pointsam.labelling.candidates import LABEL_STRIDE, Candidates

CHANNELS = 64
"""Numbers of a feature; embeddings of more channels are projected at random, which keeps angles."""
_AROUND = 0.35
"""Width of what is around a mask, over the side of a square of its area."""
_LEAST = 3
"""Least such width, in pixels of the label frame."""

Feature = Float[np.ndarray, "objects candidates channels"]


@dataclass(frozen=True, eq=False)
class Features:
    """Means of the image's embedding, of each candidate of each object; 0 of an empty part."""

    inside: Feature
    around: Feature

    @classmethod
    def none(cls, candidates: Candidates) -> "Features":
        """Give candidates of which nobody asks whether they look alike no features."""
        empty = np.zeros((*candidates.cut.shape, 0), dtype=np.float32)
        return cls(empty, empty)


def features_of(
    candidates: Candidates, embedding: Float[np.ndarray, "channels rows cols"], *, stride: int
) -> Features:
    """Average the embedding of the whole image over each mask, and over what is around it.

    A cell of the embedding counts by the share of it that is covered.

    Args:
        candidates: of one image.
        embedding: of that image, padding and all.
        stride: pixels of the model frame under one cell.
    """
    cell = stride // LABEL_STRIDE
    seen = np.moveaxis(_projected(embedding), 0, -1)
    shape = (*candidates.cut.shape, seen.shape[-1])
    inside, around = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)
    for index in range(shape[0]):
        for place, mask in enumerate(candidates.masks(index)):
            if mask.any():
                inside[index, place] = _mean(mask, seen, cell)
                around[index, place] = _mean(_surroundings(mask), seen, cell)
    return Features(inside, around)


def _projected(
    embedding: Float[np.ndarray, "channels rows cols"],
) -> Float[np.ndarray, "kept rows cols"]:
    """Reduce the channels, in the same way for all images."""
    channels = len(embedding)
    if channels <= CHANNELS:
        return embedding
    signs = np.random.default_rng(0).integers(0, 2, (CHANNELS, channels)) * 2.0 - 1.0
    kept = np.tensordot(signs.astype(np.float32) / channels**0.5, embedding, axes=1)
    return np.asarray(kept, dtype=np.float32)


def _surroundings(mask: Bool[np.ndarray, "rows cols"]) -> Bool[np.ndarray, "rows cols"]:
    """Give the pixels near a mask that are not of it."""
    width = max(_LEAST, _AROUND * float(mask.sum()) ** 0.5)
    rows, cols = box_around(mask, round(width))
    off = cv2.distanceTransform((~mask[rows, cols]).astype(np.uint8), cv2.DIST_L2, 3)
    near = np.zeros_like(mask)
    near[rows, cols] = (off > 0) & (off <= width)
    return near


def _mean(
    part: Bool[np.ndarray, "rows cols"], seen: Float[np.ndarray, "high wide channels"], cell: int
) -> Float[np.ndarray, " channels"]:
    """Average the cells that a part of the image covers."""
    if not part.any():
        return np.zeros(seen.shape[-1], dtype=np.float32)
    rows, cols = box_around(part, 0)
    top, left = rows.start // cell, cols.start // cell
    bottom, right = -(-rows.stop // cell), -(-cols.stop // cell)
    covered = np.zeros(((bottom - top) * cell, (right - left) * cell), dtype=np.float32)
    y, x = rows.start - top * cell, cols.start - left * cell
    covered[y : y + rows.stop - rows.start, x : x + cols.stop - cols.start] = part[rows, cols]
    share = covered.reshape(bottom - top, cell, right - left, cell).mean(axis=(1, 3))
    total = np.tensordot(share, seen[top:bottom, left:right], axes=2)
    return np.asarray(total / share.sum(), dtype=np.float32)


def box_around(mask: Bool[np.ndarray, "rows cols"], margin: int) -> tuple[slice, slice]:
    """Give the rows and columns of a mask's bounding box, with a margin."""
    spans = (np.flatnonzero(mask.any(axis=1 - axis)) for axis in (0, 1))
    rows, cols = (slice(max(int(s[0]) - margin, 0), int(s[-1]) + 1 + margin) for s in spans)
    return rows, cols
