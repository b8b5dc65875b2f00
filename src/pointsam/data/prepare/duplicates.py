"""Finds images that show the same thing, by perceptual hashes."""

import numpy as np
from jaxtyping import Bool, Int, UInt8
from PIL import Image
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

BITS = 255
"""Of a hash."""
MAX_DIFFERENT = 60
"""Bits in which two views of one thing may differ. Unrelated images differ in 127 on average, with
a deviation of 8; on NWPU VHR-10 the pairs known to be one scene differ in at most 46, all others
in 92 or more."""

_SIDE = 32
_KEPT = 16
_ROWS = 1024
"""Images compared with all others at once."""


def perceptual_hash(image: UInt8[np.ndarray, "height width 3"]) -> Bool[np.ndarray, " bits"]:
    """Give the perceptual hash of an image, which scaling, noise and brightness change little.

    A bit says whether one of the lowest frequencies of the grey image at 32 x 32 px is above
    their median. The mean brightness is left out.
    """
    grey = Image.fromarray(image).convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    waves = dctn(np.asarray(grey, dtype=np.float64), norm="ortho")[:_KEPT, :_KEPT].ravel()[1:]
    return np.asarray(waves > np.median(waves))


def near_pairs(
    first: Bool[np.ndarray, "images bits"], second: Bool[np.ndarray, "others bits"]
) -> Int[np.ndarray, "pairs 2"]:
    """Give the index pairs of images that look alike, by the first index."""
    found = [np.zeros((0, 2), dtype=np.int64)]
    signs = np.where(second, 1, -1).astype(np.float32)
    for start in range(0, len(first), _ROWS):
        rows = np.where(first[start : start + _ROWS], 1, -1).astype(np.float32)
        different = (first.shape[1] - rows @ signs.T) / 2
        found.append(np.argwhere(different <= MAX_DIFFERENT) + np.array([start, 0]))
    return np.concatenate(found)


def near_pairs_within(hashes: Bool[np.ndarray, "images bits"]) -> Int[np.ndarray, "pairs 2"]:
    """Give each pair of one set once."""
    pairs = near_pairs(hashes, hashes)
    return pairs[pairs[:, 0] < pairs[:, 1]]


def group(count: int, pairs: Int[np.ndarray, "pairs 2"]) -> Int[np.ndarray, " images"]:
    """Number the groups that pairs join, directly or through others, from 0."""
    linked = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    _, groups = connected_components(linked, directed=False)
    return np.asarray(groups, dtype=np.int64)
