"""``pointsam figure --scene``: a part of a scene with the masks that were found on it."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from pointsam.cli.arguments import refuse_options
from pointsam.cli.click_files import CLICK_FILE_OPTIONS, parse_clicks
from pointsam.cli.display import add_display_arguments
from pointsam.data.clicks.formats import ClickFile
from pointsam.data.rasters.scene import open_scene
from pointsam.data.rasters.scene_points import points_on_scene
from pointsam.data.scene_dataset import read_scene_points
from pointsam.errors import InputError
from pointsam.figures import save_picture
from pointsam.files import refuse_existing_file
from pointsam.prediction.scenes.figure import (
    draw_part,
    read_outlines,
    window_around,
    window_at,
)

PART_OPTIONS = ("masks", "window", "around", "bands", "stretch")
"""The options below beside ``--scene``, by their name among the arguments."""


def add_scene_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of a part of a scene, besides points and output."""
    scene = parser.add_argument_group(
        "scenes", "in place of --images: a part of a raster of any size; no model runs"
    )
    scene.add_argument("--scene", type=Path, metavar="FILE", help="the raster")
    scene.add_argument(
        "--masks",
        type=Path,
        metavar="FILE",
        help="its polygons, as instances.gpkg of 'predict'; with --images: COCO masks that get a "
        "panel, as labels.json of 'label'",
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


@dataclass(frozen=True)
class ScenePart:
    """The part of a scene to draw, with its masks and clicks."""

    scene: Path
    masks: Path
    points: ClickFile | None
    bands: tuple[int, int, int] | None
    stretch: tuple[float, float] | None
    place: tuple[int, int, int, int] | int
    """First column and row, width and height in scene pixels; or the point id of the object in the
    middle."""
    output: Path

    @classmethod
    def parse(cls, args: argparse.Namespace) -> "ScenePart":
        """Read the arguments.

        Raises:
            InputError: an option is missing, or two parts are given.
        """
        if args.masks is None:
            raise InputError(
                "--scene goes with --masks FILE: its polygons, as 'pointsam predict' wrote."
            )
        if (args.window is None) == (args.around is None):
            raise InputError(
                "say which part of --scene: give --window X,Y,W,H or --around POINT_ID."
            )
        if args.output.suffix.lower() != ".png":
            raise InputError(f"--output {args.output}: a part of a scene is one .png file.")
        if args.points is None:
            refuse_options(args, CLICK_FILE_OPTIONS, "--points FILE")
        return cls(
            scene=args.scene,
            masks=args.masks,
            points=None if args.points is None else parse_clicks(args),
            bands=args.bands,
            stretch=args.stretch,
            place=args.around if args.window is None else args.window,
            output=args.output,
        )


def draw_scene(part: ScenePart) -> None:
    """Draw a part of a scene to the output file.

    Raises:
        FileNotFoundError: a file is missing.
        InputError: a file that cannot be read, or an output that exists.
    """
    refuse_existing_file(part.output)
    with open_scene(part.scene, bands=part.bands, stretch=part.stretch) as scene:
        outlines = read_outlines(part.masks, scene)
        record = read_scene_points(part.points, scene) if part.points else None
        points = points_on_scene(record, scene.grid) if record else None
        if isinstance(part.place, int):
            window = window_around(part.place, outlines, points, scene)
        else:
            x, y, width, height = part.place
            window = window_at((x, y), (width, height), scene)
        save_picture(draw_part(scene, window, outlines, points), part.output)
