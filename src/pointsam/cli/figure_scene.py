"""``pointsam figure --scene``: a part of a scene with the masks that were found on it."""

import argparse
from pathlib import Path

from pointsam.cli.click_files import open_clicks
from pointsam.cli.display import add_display_arguments
from pointsam.data.rasters.scene import Scene, open_scene
from pointsam.data.rasters.scene_points import ScenePoints, points_on_scene
from pointsam.data.rasters.windows import Window
from pointsam.data.scene_dataset import read_scene_points
from pointsam.errors import InputError
from pointsam.figures import save_picture
from pointsam.files import refuse_existing_file
from pointsam.prediction.scenes.figure import (
    SceneOutlines,
    draw_part,
    read_outlines,
    window_around,
    window_at,
)


def add_scene_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what a part of a scene takes beside points and output."""
    scene = parser.add_argument_group(
        "scenes", "in place of --images: a part of a raster of any size; no model runs"
    )
    scene.add_argument("--scene", type=Path, metavar="FILE", help="the raster")
    scene.add_argument(
        "--masks", type=Path, metavar="FILE", help="its polygons, as instances.gpkg of 'predict'"
    )
    scene.add_argument(
        "--window",
        type=pixel_window,
        metavar="X,Y,W,H",
        help="the part to draw: its first column and row, width and height, in pixels",
    )
    scene.add_argument(
        "--around",
        type=int,
        metavar="POINT_ID",
        help="or the object in the middle of that part, by its point_id",
    )
    add_display_arguments(scene, unless_given="needed where the scene does not hold bytes")


def pixel_window(text: str) -> tuple[int, int, int, int]:
    """Read first column, first row, width and height."""
    try:
        x, y, width, height = (int(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r}: give column, row, width and height, as 4096,2048,1024,1024"
        ) from error
    if width < 1 or height < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: width and height are at least 1")
    return x, y, width, height


def draw_scene(args: argparse.Namespace) -> None:
    """Draw a part of a scene to the output file.

    Raises:
        FileNotFoundError: a file is missing.
        InputError: arguments that do not go together, or a file that cannot be read.
    """
    _check(args)
    refuse_existing_file(args.output)
    with open_scene(args.scene, bands=args.bands, stretch=args.stretch) as scene:
        outlines = read_outlines(args.masks, scene)
        record = read_scene_points(open_clicks(args), scene) if args.points else None
        points = points_on_scene(record, scene.grid) if record else None
        window = _window(args, scene, outlines, points)
        save_picture(draw_part(scene, window, outlines, points), args.output)


def _window(
    args: argparse.Namespace,
    scene: Scene,
    outlines: SceneOutlines,
    points: ScenePoints | None,
) -> Window:

    if args.window is None:
        return window_around(args.around, outlines, points, scene)
    x, y, width, height = args.window
    return window_at((x, y), (width, height), scene)


def _check(args: argparse.Namespace) -> None:
    """Refuse what does not go with a scene."""
    unused = ("images", "annotations", "only", "skip_broken", "sheet", "model", "adapter")
    for name in unused:
        if getattr(args, name):
            option = name.replace("_", "-")
            raise InputError(f"--{option} goes with --images, not with --scene.")
    if args.masks is None:
        raise InputError(
            "--scene goes with --masks FILE: its polygons, as 'pointsam predict' wrote."
        )
    if (args.window is None) == (args.around is None):
        raise InputError("say which part of --scene: give --window X,Y,W,H or --around POINT_ID.")
    if args.output.suffix != ".png":
        raise InputError(f"--output {args.output}: a part of a scene is one .png file.")
