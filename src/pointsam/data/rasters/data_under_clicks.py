"""Leaves out clicks where a scene has no data, by name."""

from dataclasses import replace

import numpy as np

from pointsam.data.rasters.scene import Scene
from pointsam.data.rasters.scene_points import NoPromptError, SceneObject, ScenePoints
from pointsam.prompts import POSITIVE

_NAMED = 5
"""Objects that are named in a line."""


def with_data(points: ScenePoints, scene: Scene) -> ScenePoints:
    """Leave out clicks as `leave_out_blank` does.

    Raises:
        NoPromptError: no object is left.
    """
    kept = leave_out_blank(points, scene)
    if points.objects and not kept.objects:
        raise NoPromptError(
            f"all {len(points.objects)} objects lie where {scene.path} has no data: are the points "
            "of this scene, and is its no-data value right?"
        )
    return kept


def leave_out_blank(points: ScenePoints, scene: Scene) -> ScenePoints:
    """Leave out positive points where the scene has no data, and objects that have no others.

    These objects count as those that are not on the scene; `without_data` names them.
    """
    if not points.objects or not scene.may_lack_data:
        return points
    counts = [len(one.positives) for one in points.objects]
    known = scene.known_at(np.concatenate([one.positives for one in points.objects]))
    parts = np.split(known, np.cumsum(counts)[:-1])
    kept: list[SceneObject] = []
    lost: list[SceneObject] = []
    fewer: list[str] = []
    for one, seen in zip(points.objects, parts, strict=True):
        if not seen.any():
            lost.append(one)
            continue
        keep = one.labels != POSITIVE
        keep[one.labels == POSITIVE] = seen
        if not seen.all():
            fewer.append(one.name)
        kept.append(replace(one, index=len(kept), points=one.points[keep], labels=one.labels[keep]))
    lines = []
    if lost:
        names = listed([one.name for one in lost])
        lines.append(f"{scene.path}: {names}, clicked where it has no data")
    if fewer:
        lines.append(f"{scene.path}: clicks of {listed(fewer)} where it has no data")
    outside = (*points.outside, *(one.id for one in lost))
    return replace(
        points, objects=tuple(kept), outside=outside, without_data=(*points.without_data, *lines)
    )


def listed(names: list[str]) -> str:
    """Name objects, the first few of many."""
    more = len(names) - _NAMED
    kind = "object" if len(names) == 1 else "objects"
    return f"{kind} {', '.join(names[:_NAMED])}" + (f" and {more} more" if more > 0 else "")
