"""``pointsam train`` on scenes: one raster, or a folder of them, and the clicks on their map."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from pointsam.cli.arguments import refuse_options
from pointsam.cli.click_files import say
from pointsam.cli.display import (
    add_display_arguments,
    add_window_argument,
    described,
    found_stretch,
)
from pointsam.data.clicks.formats import ClickFile
from pointsam.data.rasters.images import list_images
from pointsam.data.rasters.likeness import doubts_of_order
from pointsam.data.rasters.opening import raster_hash
from pointsam.data.rasters.scene import georeferenced
from pointsam.data.records import Dataset
from pointsam.data.scene_chips import SceneChips, cut
from pointsam.data.scene_dataset import click_on, hold_out
from pointsam.errors import InputError
from pointsam.evaluation.held_out import HeldOut
from pointsam.files import sha256_of
from pointsam.progress import Bar
from pointsam.training.run import RunInputs
from pointsam.training.settings import TrainSettings

SCENE_OPTIONS = ("window", "bands", "stretch", "hold_out")
"""The options below, by their name among the arguments."""

IMAGE_OPTIONS = ("annotations", "skip_broken")
"""Options for a folder of images alone."""

USUAL_HELD_OUT = 0.2
"""Share of the objects."""


def add_scene_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of scenes, besides images, points and output."""
    scene = parser.add_argument_group(
        "scenes", "for --images SCENE.tif, or a folder of scenes and points from a vector file"
    )
    add_window_argument(
        scene,
        unless_given="the side of its input; scenes of other pixel sizes are shown as large on the "
        "ground as the first",
    )
    add_display_arguments(
        scene,
        unless_given="if not given, the 2nd and 98th percentile of each band over all scenes, and "
        "bytes as they are",
    )
    scene.add_argument(
        "--hold-out",
        type=float,
        metavar="SHARE",
        help="of the objects, at one end of the area, to compare with at the end "
        f"(default: {USUAL_HELD_OUT})",
    )


@dataclass(frozen=True)
class SceneTraining:
    """How scenes are cut into chips."""

    window: int | None
    """Side of a window in scene pixels; None for the side of the model's input."""
    bands: tuple[int, int, int] | None
    stretch: tuple[float, float] | None
    hold_out: float
    """Share of the objects to compare with at the end."""

    @classmethod
    def parse(
        cls, args: argparse.Namespace, images: Path, *, on_map: bool
    ) -> "SceneTraining | None":
        """Read the arguments of `add_scene_arguments`; None where the images are no scenes.

        Args:
            args: parsed.
            images: one scene, or a folder.
            on_map: the clicks are on a map.

        Raises:
            InputError: a share out of range, or options without effect.
        """
        if not (images.is_file() or on_map):
            refuse_options(args, SCENE_OPTIONS, "scenes")
            return None
        refuse_options(args, IMAGE_OPTIONS, "folders of images")
        hold_out = USUAL_HELD_OUT if args.hold_out is None else args.hold_out
        if not 0 <= hold_out < 1:
            raise InputError(f"--hold-out {hold_out:g}: give a share from 0 to below 1.")
        return cls(args.window, args.bands, args.stretch, hold_out)


def scene_inputs(
    images: Path,
    points: ClickFile,
    asked: SceneTraining,
    settings: TrainSettings,
    *,
    output: Path,
) -> RunInputs:
    """Place chips around the clicks, and hold out those at one end of the area.

    Args:
        images: one scene, or a folder of scenes.
        points: clicks on their map.
        asked: how scenes are cut and shown.
        settings: of the training.
        output: new adapter folder.

    Raises:
        FileNotFoundError: no scene or no points.
        InputError: masks are asked for, or a scene or the points cannot be used.
    """
    if settings.regime == "supervised":
        raise InputError(
            "--regime supervised learns from masks of images: cut scene and polygons into chips "
            "with 'pointsam data convert polygons'."
        )
    paths, side = scene_paths(images, on_map=points.on_map), settings.model.side
    stretch = found_stretch(paths, bands=asked.bands, values=asked.stretch)
    scenes, ground_size = click_on(paths, points, side=side, window=asked.window, stretch=stretch)
    order = doubts_of_order(paths) if asked.bands is None else []
    say(points.dropped, [*points.notes, *order])
    kept, held = hold_out(scenes, asked.hold_out, seed=settings.seed)
    records, chips = cut(kept, side=side, stretch=stretch, neighbours=True)
    held_records, held_chips = cut(held, side=side, stretch=stretch, neighbours=False)
    shown = SceneChips({**chips.chips, **held_chips.chips}, stretch)
    for record in Bar((*records, *held_records), desc="checking chips", delay=2, leave=False):
        shown(record)  # so that a damaged one is found before training
    classes = sorted({one.category for scene in scenes for one in scene.points.objects})
    return RunInputs(
        data=Dataset(records, tuple(classes)),
        images=shown,
        sources={points.path.name: sha256_of(points.path)}
        | {path.name: raster_hash(path) for path in paths},
        output=output,
        held_out=held_records,
        ground_size=ground_size,
        stretch=stretch,
    )


def show_chips(inputs: RunInputs) -> None:
    """Print the chips of the run, their bands and their stretch."""
    ground = inputs.ground_size
    size = "" if ground is None else f", {ground:.3g} m on the ground a model pixel"
    held = sum(len(record.instances) for record in inputs.held_out)
    print(f"{len(inputs.data.images)} chips around the clicks{size}; {held} objects held out")
    if inputs.stretch is not None:
        print(f"red, green, blue are {described(inputs.stretch)}")


def show_held_out(found: HeldOut) -> None:
    """Print the comparison on the held-out clicks."""
    print(f"held out: {found.instances} objects in {found.images} chips; percent")
    print(f"{'':<38}{'direct':>8}{'adapted':>9}")
    for name, direct, adapted in (
        ("masks that agree with all clicks", found.direct_agreeing, found.adapted_agreeing),
        ("IoU with masks of the mirrored image", found.direct_steadiness, found.adapted_steadiness),
        ("pixels in several masks", found.direct_overlap, found.adapted_overlap),
        (
            "SAM's own estimate of the IoU",
            found.direct_iou_prediction,
            found.adapted_iou_prediction,
        ),
    ):
        print(f"{name:<38}{100 * direct:8.1f}{100 * adapted:9.1f}")
    print(f"a mask before and after has an IoU of {100 * found.kept:.1f} on average; no masks were "
          "read, so none of this is an accuracy: look at figures/held_out.png")  # fmt: skip


def scene_paths(images: Path, *, on_map: bool) -> list[Path]:
    """List the scenes; of a folder, with clicks on a map, those that have a place on one.

    Raises:
        FileNotFoundError: there is no such file or folder.
        InputError: a folder without rasters.
    """
    if images.is_file():
        return [images]
    if not images.is_dir():
        raise FileNotFoundError(f"no scene {images}, nor a folder of them.")
    paths = list_images(images)
    if not paths:
        raise InputError(f"{images} holds no images.")
    placed = [path for path in paths if not on_map or georeferenced(path)]
    if len(placed) < len(paths):
        first = next(path.name for path in paths if path not in placed)
        print(f"left out: {len(paths) - len(placed)} images without a place on a map, the first "
              f"is {first}", file=sys.stderr)  # fmt: skip
    if not placed:
        raise InputError(f"no image of {images} has a place on a map.")
    return placed
