"""Features of candidates: what the encoder sees inside each mask, and in the rim around it."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pointsam.labelling.candidates import Candidates
from pointsam.labelling.label_frame import LABEL_STRIDE
from pointsam.masks import bounds_of, mask_features

CHANNELS = 64
"""Most channels of a feature. A random projection from more changes angles little."""
_RIM = 0.35
"""Width of the rim around a mask, over the side of a square of the mask's area."""
_LEAST = 3
"""Least width of the rim, in pixels of the label frame."""

Feature = Float[np.ndarray, "objects candidates channels"]


@dataclass(frozen=True, eq=False)
class Features:
    """Mean features of each candidate of each object; zeros where a part has no pixel."""

    inside: Feature
    around: Feature
    """Of the rim."""

    @classmethod
    def none(cls, candidates: Candidates) -> "Features":
        """Give features without channels, with which the choice leaves likeness out."""
        empty = np.zeros((*candidates.cut.shape, 0), dtype=np.float32)
        return cls(empty, empty)


def features_of(
    candidates: Candidates, seen: Float[Tensor, "channels rows cols"], *, stride: int
) -> Features:
    """Average the whole image's features over each mask, and over the rim around it.

    Args:
        candidates: of one image.
        seen: the model's feature map of that image, padding and all.
        stride: pixels of the model frame under one cell.
    """
    kept = _projected(seen.float().cpu())
    cell = stride // LABEL_STRIDE
    high, wide = (number * cell for number in kept.shape[1:])
    rows, cols = candidates.size
    found = []
    for index in range(len(candidates.cut)):
        masks = candidates.masks(index)
        rims = np.stack([_rim(mask) for mask in masks])
        parts = np.zeros((2 * len(masks), high, wide), dtype=bool)
        parts[:, :rows, :cols] = np.concatenate([masks, rims])
        found.append(mask_features(kept, torch.from_numpy(parts)).numpy())
    both = np.stack(found).reshape(len(found), 2, -1, len(kept))
    return Features(both[:, 0], both[:, 1])


def _projected(seen: Float[Tensor, "channels rows cols"]) -> Float[Tensor, "kept rows cols"]:
    """Reduce the channels, in the same way for all images."""
    channels = len(seen)
    if channels <= CHANNELS:
        return seen
    signs = np.random.default_rng(0).integers(0, 2, (CHANNELS, channels)) * 2.0 - 1.0
    kept: Tensor = torch.tensordot(torch.from_numpy(signs).to(seen) / channels**0.5, seen, dims=1)
    return kept


def _rim(mask: Bool[np.ndarray, "rows cols"]) -> Bool[np.ndarray, "rows cols"]:
    """Give the pixels near a mask that are not of it; none of an empty one."""
    near = np.zeros_like(mask)
    if mask.any():
        width = max(_LEAST, _RIM * float(mask.sum()) ** 0.5)
        box = part_around(mask, margin=round(width))
        off = cv2.distanceTransform((~mask[box]).astype(np.uint8), cv2.DIST_L2, 3)
        near[box] = (off > 0) & (off <= width)
    return near


def part_around(mask: Bool[np.ndarray, "rows cols"], *, margin: int) -> tuple[slice, slice]:
    """Give the rows and columns of a mask's bounding box, with a margin; none of an empty one."""
    bounds = bounds_of(mask)
    if bounds is None:
        return slice(0, 0), slice(0, 0)
    x0, y0, x1, y1 = bounds
    return slice(max(y0 - margin, 0), y1 + margin), slice(max(x0 - margin, 0), x1 + margin)
