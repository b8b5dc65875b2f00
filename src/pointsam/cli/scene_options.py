"""Options of ``pointsam predict`` for scenes, and their parsing."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from pointsam.cli.arguments import refuse_options
from pointsam.cli.clicks import Click
from pointsam.cli.display import AS_TRAINED, add_display_arguments, add_window_argument
from pointsam.cli.outlines import SHAPE_OPTIONS, OutlineChoice
from pointsam.data.clicks.formats import ClickFile
from pointsam.errors import InputError
from pointsam.prediction.automatic import AutomaticSettings
from pointsam.prediction.polygons import PolygonRules
from pointsam.prediction.scenes.objects import LARGEST_WINDOW
from pointsam.prediction.scenes.run import Shard
from pointsam.prediction.scenes.writers import FORMATS, POLYGONS, USUAL, scene_formats

SCENE_OPTIONS = (
    "window",
    "largest_window",
    "bands",
    "stretch",
    "allow_overlap",
    "format",
    "shapefile",
    "style",
    "shard",
    "resume",
)
"""The options below, by their name among the arguments."""

Prompt = ClickFile | tuple[Click, ...] | AutomaticSettings
"""Prompts: a file of clicks, clicks of the command line, or a grid."""


@dataclass(frozen=True)
class SceneChoice:
    """A scene, its prompts, and the options of its run."""

    image: Path
    prompt: Prompt
    bands: tuple[int, int, int] | None
    stretch: tuple[float, float] | None
    window: int | None
    """Side of a window in scene pixels; None for the one that fits the model."""
    largest_window: int
    allow_overlap: bool
    formats: tuple[str, ...]
    style: bool
    """Keep the style in the GeoPackage, too."""
    rules: PolygonRules
    shard: Shard
    resume: bool
    output: Path

    @classmethod
    def parse(cls, args: argparse.Namespace, *, image: Path, prompt: Prompt) -> "SceneChoice":
        """Read the arguments of `add_scene_arguments`.

        Raises:
            InputError: an impossible shard, or options without effect.
        """
        if isinstance(prompt, AutomaticSettings):
            refuse_options(args, ("largest_window",), "clicks")
        formats = parse_formats(args)
        largest = LARGEST_WINDOW if args.largest_window is None else args.largest_window
        return cls(
            image=image,
            prompt=prompt,
            bands=args.bands,
            stretch=args.stretch,
            window=args.window,
            largest_window=largest,
            allow_overlap=args.allow_overlap,
            formats=formats,
            style=args.style,
            rules=OutlineChoice.parse(args, on_map=True).rules,
            shard=_shard(args.shard),
            resume=args.resume,
            output=args.output,
        )


def add_scene_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of a scene, besides image, points, model and output."""
    scene = parser.add_argument_group(
        "scenes",
        "for a georeferenced raster of any size, read window by window; with --window any image",
    )
    add_window_argument(scene, unless_given=AS_TRAINED)
    scene.add_argument(
        "--largest-window",
        type=int,
        metavar="PX",
        help=f"widest view an object that is cut by its window may get (default: {LARGEST_WINDOW})",
    )
    add_display_arguments(
        scene,
        unless_given="if not given, those of the adapter's training; needed without them where the "
        "scene does not hold bytes",
    )
    scene.add_argument(
        "--allow-overlap",
        action="store_true",
        help="keep masks that overlap; else a pixel goes to the highest logit",
    )
    _add_outputs(scene)


def _add_outputs(scene: "argparse._ArgumentGroup") -> None:
    scene.add_argument(
        "--format",
        metavar="NAME,...",
        help=f"files to write, of {', '.join(FORMATS)} (default: {','.join(USUAL)})",
    )
    scene.add_argument("--shapefile", action="store_true", help=argparse.SUPPRESS)
    scene.add_argument(
        "--style",
        action="store_true",
        help="store the style in the GeoPackage, too; other readers see it as a second layer",
    )
    scene.add_argument(
        "--shard",
        metavar="I/N",
        help="do the I-th of N shares of the windows; shards may share one output folder",
    )
    scene.add_argument(
        "--resume",
        action="store_true",
        help="continue a run that was stopped, or join shards once all are done",
    )


def parse_formats(args: argparse.Namespace) -> tuple[str, ...]:
    """Give the formats that are asked for; ``--shapefile`` is the old way to add one.

    Raises:
        InputError: options of polygons, or of the GeoPackage, that is not among the formats.
    """
    names = USUAL if args.format is None else scene_formats(args.format)
    names = tuple(dict.fromkeys((*names, "shp"))) if args.shapefile else names
    if not set(names) & set(POLYGONS):
        polygons = f"--format {', '.join(POLYGONS[:-1])} or {POLYGONS[-1]}"
        refuse_options(args, SHAPE_OPTIONS, polygons)
    if names == ("cog",):
        refuse_options(args, ("allow_overlap",), "polygons and COCO")
    if "gpkg" not in names:
        refuse_options(args, ("style",), "--format gpkg")
    return names


def _shard(text: str | None) -> Shard:
    """Read ``I/N``."""
    if text is None:
        return Shard()
    number, slash, of = text.partition("/")
    if not (slash and number.isdecimal() and of.isdecimal()):
        raise InputError(f"--shard {text}: give I/N, for example 1/4.")
    return Shard(int(number), int(of))
