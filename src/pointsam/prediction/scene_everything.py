"""Everything in a scene: a grid of points on the ground, and which of their masks are kept."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from math import ceil, floor
from typing import Any

import numpy as np
import shapely
from jaxtyping import Bool, Float
from torch import Tensor

from pointsam.data.scene_points import SceneObject, ScenePoints
from pointsam.data.windows import Grid, Window
from pointsam.prediction.everything import EverythingSettings
from pointsam.prediction.everything_images import ANYTHING
from pointsam.prediction.logit_maps import LogitMap, meet
from pointsam.prediction.scenes import SceneMask
from pointsam.prompts import POSITIVE


@dataclass(frozen=True, eq=False)
class SceneEverything:
    """What is kept where nobody has clicked."""

    settings: EverythingSettings
    prototypes: Float[Tensor, "prototypes channels"] | None
    """Target prototypes of the adapter."""

    def manifest(self) -> dict[str, Any]:
        """Say what decides the masks."""
        known = None if self.prototypes is None else self.prototypes.numpy().tobytes()
        digest = None if known is None else hashlib.sha256(known).hexdigest()
        return asdict(self.settings) | {"prototypes": digest}


def scene_grid(grid: Grid, *, side: int, count: int) -> ScenePoints:
    """Lay points over a scene, `count` along a window's side, on multiples of their distance.

    Counted from the origin of the coordinates: the same places whatever file was cut out.
    """
    step = side / count
    x, y = (
        (np.arange(floor(low / step), ceil(high / step)) + 0.5) * step
        for low, high in zip(grid.box[:2], grid.box[2:], strict=True)
    )
    x = x[(x >= grid.box[0]) & (x < grid.box[2])]
    y = y[(y >= grid.box[1]) & (y < grid.box[3])]
    places = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    label = np.array([POSITIVE])
    objects = (
        SceneObject(index, index + 1, ANYTHING, place[None], label)
        for index, place in enumerate(places)
    )
    return ScenePoints(tuple(objects), np.zeros((0, 2)), ())


def kept(
    masks: Sequence[SceneMask], settings: EverythingSettings, *, window: Window, grid: Grid
) -> list[SceneMask]:
    """Keep the masks of one window that pass the limits of score, stability and size.

    A mask that is cut goes: the object is more central in another window, where other points of
    the grid lie on it.

    Args:
        masks: that were found in the window.
        settings: the limits.
        window: size is counted as a share of what it shows of the scene.
        grid: the scene.
    """
    x0, y0, x1, y1 = meet(window.box, grid.box) or window.box
    visible = (x1 - x0) * (y1 - y0)
    return [
        mask
        for mask in masks
        if mask.logits is not None
        and not mask.cut
        and mask.score >= settings.least_iou
        and mask.stability >= settings.least_stability
        and _area(mask.logits) <= settings.most_area * visible
    ]


def settled(
    objects: Sequence[SceneObject], masks: Sequence[SceneMask], settings: EverythingSettings
) -> tuple[list[SceneObject], list[SceneMask]]:
    """Rank the masks of all windows, drop duplicates, and number what is left from 0.

    Returns:
        Objects and masks, the best first; a mask's score is its rank.
    """
    factors = {
        "iou": [mask.score for mask in masks],
        "stability": [mask.stability for mask in masks],
        "similarity": [mask.similarity for mask in masks],
    }
    ranks = np.prod([np.clip(factors[name], 0, None) for name in settings.rank_by], axis=0)
    order = np.argsort(-ranks, kind="stable").tolist()
    maps = [mask.logits for index in order if (mask := masks[index]).logits is not None]
    unique = ~scene_duplicates(maps, most_overlap=settings.most_overlap)
    left = [index for index, keep in zip(order, unique.tolist(), strict=True) if keep]
    by_index = {scene_object.index: scene_object for scene_object in objects}
    return (
        [
            replace(by_index[masks[index].index], index=place, id=place + 1)
            for place, index in enumerate(left)
        ],
        [
            replace(masks[index], index=place, score=float(ranks[index]))
            for place, index in enumerate(left)
        ],
    )


def scene_duplicates(
    maps: Sequence[LogitMap], *, most_overlap: float
) -> Bool[np.ndarray, " masks"]:
    """Mark the masks that overlap a kept one before them; only those whose boxes meet are drawn.

    Args:
        maps: the best first.
        most_overlap: IoU, in scene pixels, above which two masks are one object.
    """
    marked = np.zeros(len(maps), dtype=bool)
    tree = shapely.STRtree([shapely.box(*logits.box) for logits in maps])
    for index, logits in enumerate(maps):
        near = tree.query(shapely.box(*logits.box))
        rivals = [other for other in sorted(near.tolist()) if other < index and not marked[other]]
        marked[index] = any(_iou(logits, maps[other]) > most_overlap for other in rivals)
    return marked


def _iou(one: LogitMap, other: LogitMap) -> float:
    """Measure the IoU of two masks in scene pixels."""
    shared = meet(one.box, other.box)
    if shared is None:
        return 0.0
    both = int((one.mask(shared) & other.mask(shared)).sum())
    return both / max(1, _area(one) + _area(other) - both)


def _area(logits: LogitMap) -> int:
    return int(logits.mask(logits.box).sum())
