"""Clicks of a scene in its global grid, and the windows that they are segmented in."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from pointsam.data.rasters.windows import Grid, Window, check_side, place
from pointsam.data.records import ImageRecord, Point
from pointsam.errors import InputError
from pointsam.prompts import NEGATIVE, POSITIVE

MAX_BACKGROUND = 8
"""Most background clicks for one object: the nearest in its window."""


class NoPromptError(InputError):
    """No prompt is on a scene: among many scenes that is no fault."""


@dataclass(frozen=True, eq=False)
class SceneObject:
    """One object to be segmented."""

    index: int
    """Index among all objects of the scene; one less than its number in the instance raster."""
    id: int
    """As in the point file."""
    category: str
    points: Float[np.ndarray, "points 2"]
    """``(x, y)`` in the global grid, counted from pixel edges."""
    labels: Int[np.ndarray, " points"]
    key: str = ""
    """What the user calls it, where that is no number that could be its id."""

    @property
    def name(self) -> str:
        """What the user knows it by."""
        return self.key or str(self.id)

    @property
    def positives(self) -> Float[np.ndarray, "positives 2"]:
        """Points on the object."""
        positives: Float[np.ndarray, "positives 2"] = self.points[self.labels == POSITIVE]
        return positives


@dataclass(frozen=True, eq=False)
class ScenePoints:
    """All prompts of a scene, in the global grid."""

    objects: tuple[SceneObject, ...]
    background: Float[np.ndarray, "clicks 2"]
    outside: tuple[int, ...]
    """Ids of objects that were left out: none of their positive points is on the scene."""
    without_data: tuple[str, ...] = ()
    """Lines on clicks that were left out: the scene has no data there."""


def scene_points(record: ImageRecord, grid: Grid) -> ScenePoints:
    """Move the prompts of a scene from its image frame to the global grid.

    Raises:
        NoPromptError: no object has a positive point on the scene.
    """
    found = points_on_scene(record, grid)
    if not found.objects:
        raise NoPromptError(
            f"none of the {len(record.instances)} objects has a positive point on "
            f"{record.file_name} ({grid.width} x {grid.height} px): are the points of this scene?"
        )
    return found


def points_on_scene(record: ImageRecord, grid: Grid) -> ScenePoints:
    """Move prompts to the global grid as `scene_points` does; there may be none on the scene."""
    objects: list[SceneObject] = []
    outside = []
    for instance in record.instances:
        values = np.array(instance.points, dtype=float).reshape(-1, 3)
        points, labels = grid.from_image(values[:, :2]), values[:, 2].astype(int)
        inside = (points >= grid.box[:2]).all(axis=1) & (points < grid.box[2:]).all(axis=1)
        if not (inside & (labels == POSITIVE)).any():
            outside.append(instance.id)
            continue
        kept = SceneObject(
            len(objects),
            instance.id,
            instance.category,
            points[inside],
            labels[inside],
            instance.key,
        )
        objects.append(kept)
    if not record.instances:
        raise InputError(
            f"no object of {record.file_name} has a point: the point file or its layer is "
            "empty, or all its points have label 0."
        )
    clicks = np.array(record.background_points, dtype=float).reshape(-1, 2)
    background = grid.from_image(clicks)
    return ScenePoints(tuple(objects), background, tuple(outside))


def scene_tasks(
    objects: Sequence[SceneObject], grid: Grid, *, side: int
) -> dict[Window, list[SceneObject]]:
    """Give each needed window its objects, windows in reading order.

    Raises:
        InputError: a side that windows cannot have.
    """
    check_side(side)
    tasks: dict[Window, list[SceneObject]] = {}
    for scene_object in objects:
        window = place(scene_object.positives, grid, side=side)
        tasks.setdefault(window, []).append(scene_object)
    return dict(sorted(tasks.items(), key=lambda task: (task[0].y, task[0].x, task[0].width)))


def points_in_window(
    scene_object: SceneObject,
    background: Float[np.ndarray, "clicks 2"],
    window: Window,
    *,
    shrink: int,
) -> list[Point]:
    """Give one object's points in a window, and the background clicks that are nearest to it.

    Args:
        scene_object: with points in the global grid.
        background: clicks on no object, in the global grid.
        window: any.
        shrink: scene pixels averaged to one when the window is read.

    Returns:
        ``(x, y, label)`` in the pixels that are read, an integer being the middle of one.
    """
    x0, y0, x1, y1 = window.box
    shown = background[((background >= (x0, y0)) & (background < (x1, y1))).all(axis=1)]
    middle = scene_object.positives.mean(axis=0)
    nearest = np.argsort(((shown - middle) ** 2).sum(axis=1), kind="stable")
    clicks = shown[nearest[:MAX_BACKGROUND]]
    points = np.concatenate([scene_object.points, clicks])
    labels = np.concatenate([scene_object.labels, np.full(len(clicks), NEGATIVE)])
    inside = (points >= (x0, y0)).all(axis=1) & (points < (x1, y1)).all(axis=1)
    read = window.to_read(points, shrink=shrink)
    rows = zip(read[inside].tolist(), labels[inside].tolist(), strict=True)
    return [(x, y, label) for (x, y), label in rows]
