"""Chips around the clicks on scenes as images of a data set, read when they are needed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from pointsam.data.rasters.scene import open_scene
from pointsam.data.rasters.scene_points import SceneObject, points_in_window, scene_tasks
from pointsam.data.rasters.stretching import Stretch
from pointsam.data.rasters.windows import Grid, Window, shrink_of
from pointsam.data.records import ImageRecord, InstanceRecord
from pointsam.data.scene_dataset import ClickedScene


@dataclass(frozen=True)
class Chip:
    """One window of one scene."""

    scene: Path
    window: Window
    shrink: int
    """Scene pixels averaged to one, along each side."""
    grid: Grid
    """Of the scene."""
    ground_size: float | None
    """Metres on the ground of one pixel of the chip; None where it is not known."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the chip, in its own pixels."""
        return self.window.height // self.shrink, self.window.width // self.shrink


@dataclass(frozen=True)
class SceneChips:
    """Chips of some scenes, all with one stretch; a call reads the pixels of one."""

    chips: Mapping[str, Chip]
    """By the file name of their record."""
    stretch: Stretch

    def __call__(self, record: ImageRecord) -> UInt8[np.ndarray, "height width 3"]:
        """Read a chip as RGB."""
        chip = self.chips[record.file_name]
        # The raster is opened each time, since two threads may not read an open one at once.
        with open_scene(chip.scene, stretch=self.stretch) as scene:
            return scene.read(chip.window, shrink=chip.shrink)

    def pixel_sides(self) -> dict[str, float]:
        """Give the side of each chip's pixel in metres; in scene pixels, if one is not known."""
        known = {name: chip.ground_size for name, chip in self.chips.items()}
        if any(size is None for size in known.values()):
            return {name: float(chip.shrink) for name, chip in self.chips.items()}
        return {name: size for name, size in known.items() if size is not None}


def cut(
    scenes: Sequence[ClickedScene], *, side: int, stretch: Stretch, neighbours: bool
) -> tuple[tuple[ImageRecord, ...], SceneChips]:
    """Lay windows over the clicks as prediction does, each a record of its own.

    An object belongs to the window in which it is most central.

    Args:
        scenes: with clicks.
        side: of the model's input.
        stretch: of all scenes.
        neighbours: put an object also into every other chip that shows its clicks an eighth of
            the window from the border, as borrowed; as rivals of the chip's own objects they are
            needed.
    """
    records: list[ImageRecord] = []
    chips: dict[str, Chip] = {}
    for scene in scenes:
        with open_scene(scene.path, stretch=stretch) as opened:
            grid, pixel = opened.grid, opened.ground_size
            tasks = scene_tasks(scene.points.objects, grid, side=scene.window)
        for window, owned in tasks.items():
            shrink = shrink_of(window, side=side)
            ground_size = None if pixel is None else pixel * shrink
            chip = Chip(scene.path, window, shrink, grid, ground_size)
            shown = _shown(scene, window, owned) if neighbours else owned
            record = ImageRecord(
                id=len(records) + 1,
                file_name=f"{scene.path.name}-{window.name}",
                size=chip.size,
                instances=tuple(_instance(scene, one, chip) for one in shown),
                borrowed=frozenset(one.id for one in shown) - {one.id for one in owned},
            )
            records.append(record)
            chips[record.file_name] = chip
    return tuple(records), SceneChips(chips, stretch)


def _instance(scene: ClickedScene, one: SceneObject, chip: Chip) -> InstanceRecord:
    """Give an object with its clicks in the pixels of a chip."""
    points = points_in_window(one, scene.points.background, chip.window, shrink=chip.shrink)
    return InstanceRecord(one.id, one.category, tuple(points), key=one.key)


def _shown(scene: ClickedScene, window: Window, owned: Sequence[SceneObject]) -> list[SceneObject]:
    """List a window's own objects and those it shows well, in the order of the file."""
    x0, y0, x1, y1 = window.box
    across, down = window.width / 8, window.height / 8
    low, high = scene.extents[:, :2], scene.extents[:, 2:]
    inside = (low >= (x0 + across, y0 + down)) & (high <= (x1 - across, y1 - down))
    shown = set(np.flatnonzero(inside.all(axis=1)).tolist())
    own = {one.index for one in owned}
    return [
        one for place, one in enumerate(scene.points.objects) if place in shown or one.index in own
    ]
