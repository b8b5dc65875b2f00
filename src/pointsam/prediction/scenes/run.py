"""A scene from points to files, in steps that a later run or another machine can continue."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from pointsam.data.rasters.opening import raster_hash
from pointsam.data.rasters.scene import Scene
from pointsam.data.rasters.scene_points import SceneObject, ScenePoints, scene_tasks
from pointsam.data.rasters.windows import Window
from pointsam.errors import InputError
from pointsam.models.adapters.lora import adapter_hash
from pointsam.models.encoding import Precision
from pointsam.models.loading.checkpoints import base_hash
from pointsam.models.segmenter import Segmenter
from pointsam.prediction.polygons import PolygonRules
from pointsam.prediction.scenes.automatic import GridTasks, SceneAutomatic, kept, settled
from pointsam.prediction.scenes.geometry import reshaped
from pointsam.prediction.scenes.logit_maps import Overlaps
from pointsam.prediction.scenes.objects import LARGEST_WINDOW, SceneMask, segment_task
from pointsam.prediction.scenes.parts import (
    begin,
    give_up,
    part_path,
    read_part,
    run_id,
    write_part,
)
from pointsam.prediction.scenes.vectors import outline
from pointsam.prediction.scenes.writers import USUAL, SceneOutput, write_scene, written_names

NO_CLICKS = ScenePoints((), np.zeros((0, 2)), ())


@dataclass(frozen=True)
class SceneSettings:
    """Settings that decide the masks of a scene, besides scene, points and model."""

    window: int
    """Side of a window, in scene pixels."""
    largest: int = LARGEST_WINDOW
    """Side of the widest window an object can get, in scene pixels."""
    precision: Precision = "float32"
    """Of the encoder."""

    def __post_init__(self) -> None:
        if self.largest < 0:
            raise InputError(
                f"largest window {self.largest}: give a side in pixels, or 0 for none."
            )


@dataclass(frozen=True)
class Shard:
    """The part of a run's windows that this process does."""

    number: int = 1
    """From 1."""
    of: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise InputError(f"shard {self.number}/{self.of}: give i/n with i from 1 to n.")


@dataclass(frozen=True)
class SceneSummary:
    """Counts of a finished run."""

    objects: int
    empty: int
    """Objects without a mask."""
    removed: int
    """Objects with a mask of which the rules for polygons leave nothing."""
    cut: int
    """Objects that may go on beyond their largest window."""
    outside: int
    """Objects of the point file that are not on the scene."""
    windows: int
    """Windows of the lattice that held points."""
    replaced: tuple[str, ...]
    """Outputs of an earlier run that were replaced."""


class SceneRun:
    """A run over one scene: the windows of its points, and the masks found in them."""

    def __init__(
        self,
        model: Segmenter,
        scene: Scene,
        prompts: ScenePoints | SceneAutomatic,
        settings: SceneSettings,
    ) -> None:
        """Plan a run.

        Args:
            model: any segmenter.
            scene: open.
            prompts: the clicks; where nobody has clicked, which masks of a grid are kept.
            settings: that decide the masks.

        Raises:
            InputError: a window that cannot be.
        """
        self._model = model
        self._scene = scene
        self._settings = settings
        self._points = prompts if isinstance(prompts, ScenePoints) else NO_CLICKS
        self._automatic = prompts if isinstance(prompts, SceneAutomatic) else None
        self._tasks: GridTasks | dict[Window, list[SceneObject]] = (
            GridTasks(scene.grid, side=settings.window, count=prompts.settings.grid)
            if isinstance(prompts, SceneAutomatic)
            else scene_tasks(prompts.objects, scene.grid, side=settings.window)
        )

    @property
    def windows(self) -> tuple[Window, ...]:
        """All windows with points, in the order in which they are done."""
        return tuple(self._tasks)

    def segment(self, folder: Path, *, shard: Shard, resume: bool) -> Iterator[Window]:
        """Do the windows of one shard that are not done yet, and give each when it is saved.

        Args:
            folder: of the run; shards may share one.
            shard: every n-th window.
            resume: go on in a folder that exists.

        Raises:
            InputError: `folder` exists and is not to be resumed, or is of another run.
        """
        alone = shard.of == 1 and not resume
        begin(folder, self.manifest, resume=not alone)
        for window in self.windows[shard.number - 1 :: shard.of]:
            path = part_path(folder, window)
            if not path.is_file():
                try:
                    write_part(path, self._segment(window), run=self._id)
                except (InputError, OSError):
                    if alone and window == self.windows[0]:
                        give_up(folder)
                    raise
            yield window

    def missing(self, folder: Path) -> list[Window]:
        """List the windows that are not done."""
        return [w for w in self.windows if not part_path(folder, w).is_file()]

    def finish(
        self,
        folder: Path,
        *,
        allow_overlap: bool,
        formats: Sequence[str] = USUAL,
        rules: PolygonRules = PolygonRules(),  # noqa: B008 (frozen)
        style: bool = False,
        told: Mapping[str, str] | None = None,
    ) -> SceneSummary:
        """Decide the owner of each pixel, and write the outputs.

        Args:
            folder: of the run, with all windows done.
            allow_overlap: keep masks as decoded; the raster then shows the highest logit.
            formats: that are written, of `FORMATS`.
            rules: for the polygons; the rasters stay as the masks are.
            style: keep the style in the GeoPackage, too.
            told: of every polygon, by the name of a field.
        """
        parts = (part_path(folder, window) for window in self.windows)
        found = [mask for path in parts for mask in read_part(path, run=self._id)]
        masks: Sequence[SceneMask] = sorted(found, key=lambda mask: mask.index)
        objects: Sequence[SceneObject] = self._points.objects
        if self._automatic and isinstance(self._tasks, GridTasks):
            objects, masks = settled(self._tasks, masks, self._automatic.settings)
        maps = [mask.logits for mask in masks]
        overlaps = Overlaps(maps, within=self._scene.grid.box, exclusive=not allow_overlap)
        outlines = reshaped(outline(overlaps, len(objects), self._scene), rules, self._scene)
        replaced = tuple(name for name in written_names(formats) if (folder / name).exists())
        output = SceneOutput(self._scene, objects, masks, overlaps, outlines, told, style)
        write_scene(folder, formats, output)
        return SceneSummary(
            objects=len(objects),
            empty=int((outlines.area_px == 0).sum()),
            removed=int((shapely.is_empty(outlines.polygons) & (outlines.area_px > 0)).sum()),
            cut=sum(mask.cut for mask in masks),
            outside=len(self._points.outside),
            windows=len(self.windows),
            replaced=replaced,
        )

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """Give all that decides the masks, so that the parts of two runs are not mixed."""
        scene = self._scene
        return {
            "scene": {
                "content": raster_hash(scene.path),
                "size": scene.size,
                "transform": scene.transform,
                "crs": scene.crs,
            },
            "points": _points_hash(self._points),
            "model": {
                "base": base_hash(self._model),
                "adapter": adapter_hash(self._model),
                "side": self._model.side,
            },
            "stretch": asdict(scene.stretch),
            "window": self._settings.window,
            "largest_window": self._settings.largest,
            "precision": self._settings.precision,
            "everything": self._automatic and self._automatic.manifest(),
        }

    @cached_property
    def _id(self) -> str:
        return run_id(self.manifest)

    def _segment(self, window: Window) -> list[SceneMask]:
        everything = self._automatic
        masks = segment_task(
            self._model,
            self._scene,
            window,
            self._tasks[window],
            background=self._points.background,
            largest=0 if everything else self._settings.largest,
            precision=self._settings.precision,
            prototypes=everything.prototypes if everything else None,
        )
        if everything is None:
            return masks
        return kept(masks, everything.settings, window=window, grid=self._scene.grid)


def _points_hash(points: ScenePoints) -> str:
    """Hash the content of a set of prompts."""
    digest = hashlib.sha256()
    for scene_object in points.objects:
        digest.update(_described(scene_object).encode())
    digest.update(np.ascontiguousarray(points.background).tobytes())
    return digest.hexdigest()


def _described(scene_object: SceneObject) -> str:
    place = (scene_object.points.tolist(), scene_object.labels.tolist())
    return repr((scene_object.id, scene_object.category, *place))
