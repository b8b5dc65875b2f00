"""``pointsam train`` on scenes: one raster, or a folder of them, and the clicks on their map."""

import argparse
import sys
from pathlib import Path

from pointsam.cli.click_files import open_clicks, say
from pointsam.cli.display import add_display_arguments, described
from pointsam.data.rasters.images import list_images
from pointsam.data.rasters.scene import georeferenced
from pointsam.data.rasters.stretching import Stretch, find_stretch
from pointsam.data.records import Dataset
from pointsam.data.scene_dataset import SceneChips, click_on, cut, hold_out
from pointsam.errors import InputError
from pointsam.evaluation.held_out import HeldOut
from pointsam.files import sha256_of
from pointsam.progress import Bar
from pointsam.training.run import RunInputs
from pointsam.training.settings import TrainSettings


def add_scene_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what scenes take beside images, points and output."""
    scene = parser.add_argument_group(
        "scenes", "for --images SCENE.tif, or a folder of scenes and points from a vector file"
    )
    scene.add_argument(
        "--window",
        type=int,
        metavar="PX",
        help="scene pixels the model sees at once; the side of its input if not given. Scenes of "
        "other pixel sizes are shown as large on the ground as the first",
    )
    add_display_arguments(
        scene,
        unless_given="if not given, the 2nd and 98th percentile of each band over all scenes, and "
        "bytes as they are",
    )
    scene.add_argument(
        "--hold-out",
        type=float,
        default=0.2,
        metavar="SHARE",
        help="of the objects, at one end of the area, to compare with at the end (default: 0.2)",
    )


def on_scenes(args: argparse.Namespace) -> bool:
    """Say whether the images are scenes."""
    return args.images.is_file() or open_clicks(args).on_map


def scene_inputs(args: argparse.Namespace, settings: TrainSettings) -> RunInputs:
    """Lay chips around the clicks, and hold those of one end of the area out.

    Raises:
        FileNotFoundError: no scene or no points.
        InputError: masks are asked for, a scene or the points cannot be used, a bad share.
    """
    if settings.regime == "supervised":
        raise InputError(
            "--regime supervised learns from masks of images: cut scene and polygons into chips "
            "with 'pointsam data convert polygons'."
        )
    if args.annotations is not None or args.skip_broken:
        raise InputError("--annotations and --skip-broken are not for scenes.")
    if not 0 <= args.hold_out < 1:
        raise InputError(f"--hold-out {args.hold_out:g}: give a share from 0 to below 1.")
    clicks = open_clicks(args)
    paths, side = _scene_paths(args.images, on_map=clicks.on_map), settings.model.side
    stretch = _stretch(args, paths)
    scenes, ground_size = click_on(paths, clicks, side=side, window=args.window, stretch=stretch)
    say(clicks.dropped, clicks.notes)
    kept, held = hold_out(scenes, args.hold_out, seed=settings.seed)
    records, chips = cut(kept, side=side, stretch=stretch, neighbours=True)
    held_records, held_chips = cut(held, side=side, stretch=stretch, neighbours=False)
    images = SceneChips({**chips.chips, **held_chips.chips}, stretch)
    for record in Bar((*records, *held_records), desc="checking chips", delay=2, leave=False):
        images(record)  # before hours are spent on some of them
    classes = sorted({one.category for scene in scenes for one in scene.points.objects})
    return RunInputs(
        data=Dataset(records, tuple(classes)),
        images=images,
        sources={args.points.name: sha256_of(args.points)}
        | {path.name: sha256_of(path) for path in paths},
        output=args.output,
        held_out=held_records,
        ground_size=ground_size,
        stretch=stretch,
    )


def show_chips(inputs: RunInputs) -> None:
    """Say what is trained on, and how it is shown."""
    ground = inputs.ground_size
    size = "" if ground is None else f", {ground:.3g} m on the ground a model pixel"
    held = sum(len(record.instances) for record in inputs.held_out)
    print(f"{len(inputs.data.images)} chips around the clicks{size}; {held} objects held out")
    if inputs.stretch is not None:
        print(f"red, green, blue are {described(inputs.stretch)}")


def show_held_out(found: HeldOut) -> None:
    """Print what was seen on the clicks that were held out."""
    print(f"held out: {found.instances} objects in {found.images} chips; percent")
    print(f"{'':<38}{'direct':>8}{'adapted':>9}")
    for name, direct, adapted in (
        ("masks that agree with all clicks", found.direct_agreeing, found.adapted_agreeing),
        ("pixels that several masks claim", found.direct_overlap, found.adapted_overlap),
        (
            "SAM's own estimate of the IoU",
            found.direct_iou_prediction,
            found.adapted_iou_prediction,
        ),
    ):
        print(f"{name:<38}{100 * direct:8.1f}{100 * adapted:9.1f}")
    print(f"a mask before and after has an IoU of {100 * found.kept:.1f} on average; no masks were "
          "read, so none of this is an accuracy: look at figures/held_out.png")  # fmt: skip


def _scene_paths(images: Path, *, on_map: bool) -> list[Path]:
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


def _stretch(args: argparse.Namespace, paths: list[Path]) -> Stretch:

    found = find_stretch(paths, bands=args.bands)
    return found.between(*args.stretch) if args.stretch else found
