"""``pointsam label`` on scenes: turns clicks on a map into masks and polygons."""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pointsam.cli.arguments import ModelChoice, refuse_options
from pointsam.cli.click_files import say
from pointsam.cli.display import (
    AS_TRAINED,
    add_display_arguments,
    add_window_argument,
    found_stretch,
)
from pointsam.cli.predict_scene import displayed, doubts_of_bands, told_of_all
from pointsam.cli.train_scene import scene_paths
from pointsam.data.clicks.formats import ClickFile
from pointsam.data.rasters.opening import raster_hash
from pointsam.data.rasters.scene import open_scene
from pointsam.data.rasters.stretching import Stretch
from pointsam.data.records import Dataset
from pointsam.data.scene_chips import SceneChips, cut
from pointsam.data.scene_dataset import ClickedScene, click_on, fitting_window
from pointsam.files import sha256_of
from pointsam.labelling.labels import Labelling
from pointsam.labelling.output import told_of
from pointsam.prediction.polygons import PolygonRules
from pointsam.prediction.scenes.given import GivenMask, scene_mask, write_masks
from pointsam.prediction.scenes.objects import SceneMask
from pointsam.prediction.scenes.writers import FORMATS, scene_formats
from pointsam.progress import Bar

SCENE_OPTIONS = ("window", "bands", "stretch", "format")
"""The options below, by their name among the arguments."""

USUAL = ("gpkg",)
"""Formats that are written unless others are asked for."""


def add_scene_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of scenes, besides images, points and output."""
    scene = parser.add_argument_group(
        "scenes", "for --images SCENE.tif, or a folder of scenes and points from a vector file"
    )
    add_window_argument(scene, unless_given=AS_TRAINED)
    add_display_arguments(
        scene,
        unless_given="if not given, those of the adapter's training, or the 2nd and 98th "
        "percentile of each band over all scenes, and bytes as they are",
    )
    scene.add_argument(
        "--format",
        metavar="NAME,...",
        help=f"files to write beside the labels, of {', '.join(FORMATS)} "
        f"(default: {','.join(USUAL)})",
    )


@dataclass(frozen=True)
class SceneLabelling:
    """How scenes are cut and shown, and the formats to write."""

    window: int | None
    """Side of a window in scene pixels; None for the one that fits the model."""
    bands: tuple[int, int, int] | None
    stretch: tuple[float, float] | None
    formats: tuple[str, ...]

    @classmethod
    def parse(
        cls, args: argparse.Namespace, images: Path, *, on_map: bool
    ) -> "SceneLabelling | None":
        """Read the arguments of `add_scene_arguments`; None where the images are no scenes.

        Raises:
            InputError: options without effect.
        """
        if not (images.is_file() or on_map):
            refuse_options(args, SCENE_OPTIONS, "scenes")
            return None
        refuse_options(args, ("skip_broken",), "folders of images")
        formats = USUAL if args.format is None else scene_formats(args.format)
        return cls(args.window, args.bands, args.stretch, formats)


@dataclass(frozen=True, eq=False)
class ClickedChips:
    """Chips of some scenes to label."""

    scenes: list[ClickedScene]
    data: Dataset
    chips: SceneChips
    sources: dict[str, str]
    """Hash of each file, by name."""


def clicked_chips(
    images: Path, points: ClickFile, asked: SceneLabelling, choice: ModelChoice, *, side: int
) -> ClickedChips:
    """Place chips around the clicks on some scenes.

    Args:
        images: one scene, or a folder of scenes.
        points: clicks on their map.
        asked: how scenes are cut and shown.
        choice: of the model; an adapter says which ground and stretch it was trained to see.
        side: of the model's input.

    Raises:
        FileNotFoundError: no scene or no points.
        InputError: a scene or the points cannot be used.
    """
    paths = scene_paths(images, on_map=points.on_map)
    bands, shown = displayed(asked.bands, asked.stretch, choice.card)
    stretch = (
        shown if isinstance(shown, Stretch) else found_stretch(paths, bands=bands, values=shown)
    )
    window, card = asked.window, choice.card
    if window is None and card is not None:
        with open_scene(paths[0], stretch=stretch) as scene:
            window = fitting_window(card.ground_size, scene.ground_size, side=side)
    trained = isinstance(shown, Stretch)
    scenes, _ = click_on(paths, points, side=side, window=window, stretch=stretch, trained=trained)
    doubts = doubts_of_bands(paths, shown) if asked.bands is None else []
    say(points.dropped, [*points.notes, *doubts])
    records, chips = cut(scenes, side=side, stretch=stretch, neighbours=True)
    for record in Bar(records, desc="checking chips", delay=2, leave=False):
        chips(record)  # before hours are spent on some of them
    classes = sorted({one.category for scene in scenes for one in scene.points.objects})
    sources = {points.path.name: sha256_of(points.path)}
    sources |= {path.name: raster_hash(path) for path in paths}
    return ClickedChips(scenes, Dataset(records, tuple(classes)), chips, sources)


def write_layers(
    labelling: Labelling,
    clicked: ClickedChips,
    asked: SceneLabelling,
    choice: ModelChoice,
    folder: Path,
) -> list[Path]:
    """Write the labels of each scene in the formats that were asked for, and name the files.

    Files of one scene go into the folder itself, those of several into one named after each.
    """
    found = dict(_found(labelling, clicked))
    written: list[Path] = []
    for clicked_scene in clicked.scenes:
        path = clicked_scene.path
        target = folder if len(clicked.scenes) == 1 else folder / path.name
        target.mkdir(exist_ok=True)
        objects = clicked_scene.points.objects
        rows = [found[path, one.id] for one in objects]
        with open_scene(path, stretch=clicked.chips.stretch) as scene:
            write_masks(
                target,
                scene,
                objects,
                [mask for mask, _ in rows],
                formats=asked.formats,
                rules=PolygonRules(),
                told=told_of_all(path, choice),
                further=_fields([told for _, told in rows]),
            )
        written += [target / FORMATS[name].files[0] for name in asked.formats]
    return written


def _found(
    labelling: Labelling, clicked: ClickedChips
) -> Iterator[tuple[tuple[Path, int], tuple[SceneMask, dict[str, Any]]]]:
    """Give the mask of each object, and what speaks for and against it."""
    places = {
        (scene.path, one.id): one.index for scene in clicked.scenes for one in scene.points.objects
    }
    for labelled in labelling.images():
        chip = clicked.chips.chips[labelled.record.file_name]
        for place, instance in enumerate(labelled.record.instances):
            told = told_of(labelled, place)
            given = GivenMask(
                labelled.mask(place),
                chip.window,
                chip.shrink,
                score=told["score"],
                trust=told["label_weight"],
            )
            key = chip.scene, instance.id
            yield key, (scene_mask(places[key], given, chip.grid), told)


def _fields(rows: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Turn what is told of each object into fields of its polygon."""
    return {
        "trust": np.array([row["label_weight"] for row in rows], dtype=np.float64),
        "margin": np.array([row["margin"] for row in rows], dtype=np.float64),
        "against": np.array(["; ".join(row["against"]) for row in rows], dtype=object),
    }
