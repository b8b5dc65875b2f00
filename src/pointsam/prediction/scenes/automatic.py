"""Automatic masks of a scene: a grid of points on the ground, and the masks that are kept."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil, floor
from typing import Any

import numpy as np
import shapely
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from pointsam.data.rasters.scene_points import SceneObject
from pointsam.data.rasters.windows import Grid, Window, check_side, window_start
from pointsam.frames import pixel_middles
from pointsam.masks import iou_of_areas
from pointsam.prediction.automatic import ANYTHING, AutomaticSettings
from pointsam.prediction.ranking import Factor, best_first, nms, rank
from pointsam.prediction.scenes.logit_maps import LogitMap, meet
from pointsam.prediction.scenes.objects import SceneMask
from pointsam.prompts import POSITIVE


@dataclass(frozen=True, eq=False)
class SceneAutomatic:
    """Settings of automatic masks on a scene."""

    settings: AutomaticSettings
    prototypes: Float[Tensor, "prototypes channels"] | None
    """Target prototypes of the adapter."""

    def manifest(self) -> dict[str, Any]:
        """Give the settings that decide the masks, for the run's manifest."""
        known = None if self.prototypes is None else self.prototypes.numpy().tobytes()
        digest = None if known is None else hashlib.sha256(known).hexdigest()
        return asdict(self.settings) | {"prototypes": digest}


class GridTasks(Mapping[Window, list[SceneObject]]):
    """Grid points of a scene, made window by window, since there may be millions.

    Points lie at multiples of their distance from the origin of the coordinates, so that two
    files of one scene have the same points. As with clicks, a point belongs to the window in
    which it is most central. Iteration gives the windows in reading order.
    """

    def __init__(self, grid: Grid, *, side: int, count: int) -> None:
        """Lay out the points.

        Args:
            grid: the scene; one that is no larger than a window is one window.
            side: of a window, in scene pixels.
            count: points along that side.

        Raises:
            InputError: a side that windows cannot have.
        """
        check_side(side)
        box = grid.box
        self._x = _places(box[0], box[2], step=side / count)
        self._y = _places(box[1], box[3], step=side / count)
        # Columns and rows of the grid in each window; each axis decides alone in which window a
        # point is most central.
        self._shares: dict[Window, tuple[range, range]] = {}
        if grid.fits(side):
            if self._x.size and self._y.size:
                self._shares[grid.whole] = range(self._x.size), range(self._y.size)
            return
        columns = _shares(self._x, side=side)
        for y, rows in _shares(self._y, side=side).items():
            self._shares |= {Window(x, y, side, side): (cols, rows) for x, cols in columns.items()}

    def __getitem__(self, window: Window) -> list[SceneObject]:
        """Make the points of one window, row by row."""
        columns, rows = self._shares[window]
        return [self.object(row * self._x.size + column) for row in rows for column in columns]

    def __iter__(self) -> Iterator[Window]:
        """Give the windows that have points."""
        return iter(self._shares)

    def __len__(self) -> int:
        """Count the windows that have points."""
        return len(self._shares)

    def object(self, index: int) -> SceneObject:
        """Make the point with this number; points are numbered row by row over the whole scene."""
        row, column = divmod(index, self._x.size)
        points = np.array([[self._x[column], self._y[row]]])
        return SceneObject(index, index + 1, ANYTHING, points, np.array([POSITIVE]))


def kept(
    masks: Sequence[SceneMask], settings: AutomaticSettings, *, window: Window, grid: Grid
) -> list[SceneMask]:
    """Keep the masks of one window within the limits of score, stability and size, after NMS.

    A mask that the window cuts is left out: its object is more central in another window, where
    other points of the grid lie on it. NMS runs here already, so that the stored masks grow with
    the objects and not with the points on them.

    Args:
        masks: that were found in the window.
        settings: the limits.
        window: of the masks; sizes are shares of the part of it that lies on the scene.
        grid: the scene.
    """
    x0, y0, x1, y1 = meet(window.box, grid.box) or window.box
    visible = (x1 - x0) * (y1 - y0)
    good = [
        mask
        for mask in masks
        if mask.logits is not None
        and not mask.cut
        and mask.score >= settings.min_iou
        and mask.stability >= settings.min_stability
        and _area(mask.logits) <= settings.max_area * visible
    ]
    return [mask for _, mask in _best(good, settings)]


def settled(
    tasks: GridTasks, masks: Sequence[SceneMask], settings: AutomaticSettings
) -> tuple[list[SceneObject], list[SceneMask]]:
    """Rank the masks of all windows, apply NMS, and number the kept masks from 0.

    Returns:
        Objects and masks, the best first; a mask's score is its rank.
    """
    best = list(enumerate(_best(masks, settings)))
    return (
        [replace(tasks.object(mask.index), index=n, id=n + 1) for n, (_, mask) in best],
        [replace(mask, index=n, score=rank) for n, (rank, mask) in best],
    )


def _best(masks: Sequence[SceneMask], settings: AutomaticSettings) -> list[tuple[float, SceneMask]]:
    """Give the masks with their rank, the best first, after NMS and without empty ones."""
    factors: dict[Factor, Tensor] = {
        "iou": _column(mask.score for mask in masks),
        "stability": _column(mask.stability for mask in masks),
        "similarity": _column(mask.similarity for mask in masks),
    }
    ranks = rank(factors, rank_by=settings.rank_by)
    order = best_first(ranks).tolist()
    drawn = [
        (float(ranks[index]), masks[index], logits)
        for index in order
        if (logits := masks[index].logits) is not None
    ]
    kept = distinct([logits for *_, logits in drawn], max_overlap=settings.max_overlap)
    return [(rank, mask) for (rank, mask, _), keep in zip(drawn, kept, strict=True) if keep]


def _column(numbers: Iterable[float]) -> Float[Tensor, " masks"]:
    return torch.tensor(list(numbers), dtype=torch.float64)


def distinct(maps: Sequence[LogitMap], *, max_overlap: float) -> Bool[np.ndarray, " masks"]:
    """Mark the masks that NMS keeps; only masks whose boxes overlap are compared.

    Args:
        maps: the best first.
        max_overlap: IoU, in scene pixels, above which two masks are one object.
    """
    boxes = [shapely.box(*logits.box) for logits in maps]
    tree = shapely.STRtree(boxes)
    areas = torch.tensor([_area(logits) for logits in maps], dtype=torch.float64)

    def iou(index: int, others: Int[np.ndarray, " others"]) -> Float[Tensor, " others"]:
        both = [_shared(maps[index], maps[other]) for other in others.tolist()]
        return iou_of_areas(areas.new_tensor(both), areas[index], areas[torch.from_numpy(others)])

    return nms(
        len(maps), near=lambda index: tree.query(boxes[index]), iou=iou, max_overlap=max_overlap
    )


def _shared(one: LogitMap, other: LogitMap) -> int:
    """Count the scene pixels that lie in both masks."""
    box = meet(one.box, other.box)
    return 0 if box is None else int((one.mask(box) & other.mask(box)).sum())


def _area(logits: LogitMap) -> int:
    return int(logits.mask(logits.box).sum())


def _places(low: int, high: int, *, step: float) -> Float[np.ndarray, " places"]:
    """Give the middles, along one axis, of the squares of a grid that are on the scene."""
    middles: Float[np.ndarray, " places"]
    middles = pixel_middles(floor(low / step), ceil(high / step)) * step
    return middles[(middles >= low) & (middles < high)]


def _shares(places: Float[np.ndarray, " places"], *, side: int) -> dict[int, range]:
    """Give the indices of the places along one axis in each window, by its first pixel."""
    starts = [window_start(place, side=side) for place in places.tolist()]
    found = np.unique(np.array(starts, dtype=int), return_index=True, return_counts=True)
    return {
        start: range(first, first + count)
        for start, first, count in zip(*(column.tolist() for column in found), strict=True)
    }
