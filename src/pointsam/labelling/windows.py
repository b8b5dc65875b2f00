"""Windows of closer looks: parts of an image that are decoded larger, for several clicks."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from jaxtyping import Bool, Float, Int

from pointsam.frames import HALF_PIXEL

MARGIN = 0.2
"""Share of a window's side: least distance of a click to a border inside the image."""


@dataclass(frozen=True, eq=False)
class CloserWindow:
    """A part of one image, in pixels of the label frame, and the objects decoded in it."""

    x: int
    y: int
    width: int
    height: int
    objects: Int[np.ndarray, " objects"]


def closer_windows(
    clicks: Float[np.ndarray, "objects 2"], size: tuple[int, int], *, side: int
) -> list[CloserWindow]:
    """Cover all clicks with few windows, greedily: each next window covers most objects left.

    Args:
        clicks: ``(x, y)`` of each object in the label frame.
        size: height and width of the image in the label frame.
        side: of a window, in pixels of the label frame.

    Returns:
        Windows of which each object is in exactly one.
    """
    height, width = size
    rows, cols = min(side, height), min(side, width)
    left = np.ones(len(clicks), dtype=bool)
    windows = []
    while left.any():
        starts_x = _starts(clicks[left, 0], window=cols, whole=width)
        starts_y = _starts(clicks[left, 1], window=rows, whole=height)
        best = max(
            product(starts_x, starts_y),
            key=lambda start: _worth(clicks[left], start, (rows, cols), size),
        )
        served = left & _serves(clicks, best, (rows, cols), size)
        windows.append(CloserWindow(*best, cols, rows, np.flatnonzero(served)))
        left &= ~served
    return windows


def _starts(clicks: Float[np.ndarray, " clicks"], *, window: int, whole: int) -> list[int]:
    """List starts of a window along one axis that put a click at a margin or in the middle."""
    margin = MARGIN * window
    wanted = np.concatenate([clicks - margin, clicks - window / 2, clicks - window + margin])
    return [int(start) for start in np.unique(np.clip(wanted.round(), 0, whole - window))]


def _serves(
    clicks: Float[np.ndarray, "clicks 2"],
    start: tuple[int, int],
    window: tuple[int, int],
    size: tuple[int, int],
) -> Bool[np.ndarray, " clicks"]:
    """Say which clicks are far enough from the borders that lie inside the image."""
    served = np.ones(len(clicks), dtype=bool)
    for axis in (0, 1):
        side, whole = window[1 - axis], size[1 - axis]
        margin = MARGIN * side - HALF_PIXEL  # Starts are whole pixels.
        place = clicks[:, axis] - start[axis]
        served &= (place >= margin) | (start[axis] == 0)
        served &= (place <= side - margin) | (start[axis] + side == whole)
    return served


def _worth(
    clicks: Float[np.ndarray, "clicks 2"],
    start: tuple[int, int],
    window: tuple[int, int],
    size: tuple[int, int],
) -> tuple[int, float]:
    """Rank windows: by the number of clicks they serve, then by how central those are."""
    served = clicks[_serves(clicks, start, window, size)]
    middle = np.array(start) + np.array(window[::-1]) / 2
    return len(served), -float(np.abs(served - middle).sum())
