"""Drops objects that were clicked where a scene has no data."""

from dataclasses import replace

import numpy as np

from pointsam.data.rasters.scene import Scene
from pointsam.data.rasters.scene_points import NoPromptError, ScenePoints


def with_data(points: ScenePoints, scene: Scene) -> ScenePoints:
    """Drop objects whose positive points all lie where the scene has no data.

    They are counted with the objects that are not on the scene.

    Raises:
        NoPromptError: no object is left.
    """
    if not points.objects or not scene.may_lack_data:
        return points
    counts = [len(one.positives) for one in points.objects]
    known = scene.known_at(np.concatenate([one.positives for one in points.objects]))
    seen = [part.any() for part in np.split(known, np.cumsum(counts)[:-1])]
    kept = [one for one, there in zip(points.objects, seen, strict=True) if there]
    lost = tuple(one.id for one, there in zip(points.objects, seen, strict=True) if not there)
    if not kept:
        raise NoPromptError(
            f"all {len(lost)} objects lie where {scene.path} has no data: are the points of this "
            "scene, and is its no-data value right?"
        )
    objects = tuple(replace(one, index=place) for place, one in enumerate(kept))
    return replace(points, objects=objects, outside=(*points.outside, *lost))
