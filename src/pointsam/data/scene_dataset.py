"""Scenes and the clicks on them, in one map: what is shown at once, and what is held out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float
from rasterio.crs import CRS
from rasterio.warp import transform as transform_points

from pointsam.data.clicks.formats import ClickFile
from pointsam.data.clicks.pictures import Picture
from pointsam.data.clicks.twice import called
from pointsam.data.prepare.splitting import hold_out_place
from pointsam.data.rasters.data_under_clicks import leave_out_blank, listed
from pointsam.data.rasters.doubts import doubts_of_scene
from pointsam.data.rasters.georeference import to_map
from pointsam.data.rasters.scene import Scene, open_scene
from pointsam.data.rasters.scene_points import (
    NoPromptError,
    ScenePoints,
    points_on_scene,
)
from pointsam.data.rasters.stretching import Stretch
from pointsam.data.rasters.windows import WINDOW_MULTIPLE
from pointsam.data.records import ImageRecord
from pointsam.errors import InputError

FEWEST_TO_SPLIT = 10
"""Least number of objects for a held-out part."""


@dataclass(frozen=True, eq=False)
class ClickedScene:
    """A scene with its clicks, and the side of its windows."""

    path: Path
    points: ScenePoints
    places: Float[np.ndarray, "objects 2"]
    """Middle of each object's positive points, on the map of the first scene."""
    window: int
    """Side of a window, in scene pixels."""

    @cached_property
    def extents(self) -> Float[np.ndarray, "objects 4"]:
        """``(x0, y0, x1, y1)`` of each object's positive points, in the global grid."""
        rows = [
            [*one.positives.min(axis=0), *one.positives.max(axis=0)] for one in self.points.objects
        ]
        return np.array(rows, dtype=np.float64).reshape(-1, 4)


def read_scene_points(clicks: ClickFile, scene: Scene) -> ImageRecord:
    """Read the clicks on one scene, whatever their form.

    Raises:
        InputError: they cannot be read, or none is of this scene.
    """
    record = clicks_on(clicks, scene)
    if record is None:
        raise NoPromptError(f"{clicks.path} has no points for an image named {scene.path.name}.")
    return record


def clicks_on(clicks: ClickFile, scene: Scene) -> ImageRecord | None:
    """Read the clicks on one scene; None where they name other images alone.

    Raises:
        InputError: they cannot be read.
    """
    picture = Picture(scene.path.name, scene.size, scene.transform, scene.crs)
    return clicks.on_scene(scene.path, picture)


def fitting_window(ground_size: float | None, own: float | None, *, side: int) -> int:
    """Give the window side at which a pixel of the model has a wanted ground size.

    Args:
        ground_size: metres on the ground of one pixel of the model; None where it is not known.
        own: the same of one pixel of the scene.
        side: of the model's input.

    Returns:
        A side that windows can have; `side`, a scene pixel for each of the model's, where either
        size is not known.
    """
    if ground_size is None or own is None:
        return side
    wanted = side * ground_size / own
    return max(WINDOW_MULTIPLE, round(wanted / WINDOW_MULTIPLE) * WINDOW_MULTIPLE)


def map_places(
    points: ScenePoints, scene: Scene, *, crs: str | None
) -> Float[np.ndarray, "objects 2"]:
    """Give the middle of each object's clicks on a map.

    Args:
        points: in the scene's global grid.
        scene: open.
        crs: of the map, as WKT; the scene's own if None.
    """
    corner = np.array([scene.grid.x, scene.grid.y])
    middles = np.array([one.positives.mean(axis=0) for one in points.objects]).reshape(-1, 2)
    places = to_map(middles - corner, scene.transform)
    if crs is None or scene.crs is None or crs == scene.crs:
        return places
    moved = transform_points(CRS.from_wkt(scene.crs), CRS.from_wkt(crs), *places.T.tolist())
    return np.stack([np.array(values) for values in moved], axis=1)


def hold_out(
    scenes: Sequence[ClickedScene], share: float, *, seed: int
) -> tuple[list[ClickedScene], list[ClickedScene]]:
    """Hold out the objects at one end of the area, so that training sees none of their neighbours.

    Args:
        scenes: with all their clicks.
        share: of the objects; none are held out at 0, or of fewer than FEWEST_TO_SPLIT.
        seed: says which end.

    Returns:
        Scenes with the clicks to train on, and scenes with those held out.
    """
    places = np.concatenate([scene.places for scene in scenes])
    held: set[int] = set()
    if share and len(places) >= FEWEST_TO_SPLIT:
        held = hold_out_place(places, share, seed=seed)
    parts: tuple[list[ClickedScene], list[ClickedScene]] = ([], [])
    start = 0
    for scene in scenes:
        inside = np.array([start + i in held for i in range(len(scene.places))], dtype=bool)
        start += len(scene.places)
        for part, chosen in zip(parts, (~inside, inside), strict=True):
            if chosen.any():
                part.append(_only(scene, chosen))
    return parts


def click_on(
    paths: Sequence[Path],
    points: ClickFile,
    *,
    side: int,
    window: int | None,
    stretch: Stretch,
    trained: bool = False,
) -> tuple[list[ClickedScene], float | None]:
    """Read the clicks on some scenes; those without a click are left out.

    What looks wrong in a scene goes to the notes of `points`, what is left out to its `dropped`.

    Args:
        paths: of the scenes.
        points: file of clicks; a vector file is read once for all scenes.
        side: of the model's input.
        window: pixels of the first scene that the model sees at once; `side` if None. Scenes with
            other pixels are shown so that the ground has one size in all.
        stretch: of all scenes.
        trained: it is that of an adapter's training, and not found in these scenes.

    Returns:
        The scenes, and the metres on the ground of one pixel of the model, where they are known.

    Raises:
        FileNotFoundError: a file is missing.
        InputError: a file cannot be read, or no click is on a scene.
    """
    scenes: list[ClickedScene] = []
    ground_size: float | None = None
    crs: str | None = None
    off: list[dict[int, str]] = []
    for path in paths:
        with open_scene(path, stretch=stretch) as scene:
            found = _seen(points, scene, off, trained=trained)
            if found is None:
                continue
            if not scenes:
                crs, own = scene.crs, scene.ground_size
                shown = side if window is None else window
                ground_size = None if own is None else own * shown / side
            else:
                shown = fitting_window(ground_size, scene.ground_size, side=side)
            places = map_places(found, scene, crs=crs)
            scenes.append(ClickedScene(path, found, places, shown))
    if not scenes:
        raise InputError(
            f"no positive point of {points.path} is on {paths[0]}"
            + (f" or the {len(paths) - 1} scenes beside it." if len(paths) > 1 else ".")
            + " Are the points of these scenes?"
        )
    points.dropped += _on_none(points, off)
    return scenes, ground_size


def _seen(
    points: ClickFile, scene: Scene, off: list[dict[int, str]], *, trained: bool
) -> ScenePoints | None:
    """Give the clicks on a scene where it has data; None where there are none.

    Args:
        points: notes and what is left out are added to it.
        scene: open.
        off: ids and names of the objects that are not on the scene are added.
        trained: its stretch is that of an adapter's training.
    """
    record = clicks_on(points, scene)
    if record is None:
        return None
    on = points_on_scene(record, scene.grid)
    off.append({one.id: called(one) for one in record.instances if one.id in on.outside})
    found = leave_out_blank(on, scene)
    points.dropped += found.without_data
    if not found.objects:
        return None
    points.notes += doubts_of_scene(scene, trained=trained, points=found)
    return found


def _on_none(points: ClickFile, off: Sequence[dict[int, str]]) -> list[str]:
    """Name the objects that lie on none of the scenes.

    Args:
        points: clicks on a map, or on scenes that they name.
        off: ids and names of the objects that are not on each scene.
    """
    names = {name for scene in off for name in scene.values()}
    if points.on_map:  # each scene was given all objects
        names = {name for number, name in off[0].items() if all(number in one for one in off)}
    listing = sorted(names, key=lambda name: (len(name), name))
    return [f"{points.path}: {listed(listing)}, not on the scene"] if names else []


def _only(scene: ClickedScene, chosen: np.ndarray) -> ClickedScene:
    objects = tuple(
        one for one, keep in zip(scene.points.objects, chosen.tolist(), strict=True) if keep
    )
    return replace(
        scene, points=replace(scene.points, objects=objects), places=scene.places[chosen]
    )
