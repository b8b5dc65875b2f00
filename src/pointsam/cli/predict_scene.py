"""``pointsam predict`` on a georeferenced scene, or with points from a vector file."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pointsam.cli.arguments import open_model
from pointsam.cli.click_files import say
from pointsam.cli.clicks import clicked_image
from pointsam.cli.display import add_display_arguments
from pointsam.cli.outlines import outline_rules, told_of_all
from pointsam.cli.predict_automatic import automatic_settings
from pointsam.data.clicks.formats import ClickFile
from pointsam.data.rasters.scene import Scene, georeferenced, open_scene
from pointsam.data.rasters.scene_points import scene_points
from pointsam.data.rasters.stretching import Stretch, stretch_from
from pointsam.data.records import ImageRecord
from pointsam.data.scene_dataset import fitting_window, read_scene_points
from pointsam.errors import InputError
from pointsam.models.adapters.card import AdapterCard, read_card
from pointsam.prediction.images.automatic import load_prototypes
from pointsam.prediction.predictor import usual_base
from pointsam.prediction.scenes.automatic import SceneAutomatic
from pointsam.prediction.scenes.run import SceneRun, SceneSettings, SceneSummary, Shard
from pointsam.prediction.scenes.writers import FORMATS, USUAL, scene_formats
from pointsam.progress import Bar

SCENE_DEFAULTS = {
    "window": None,
    "largest_window": 8192,
    "bands": None,
    "stretch": None,
    "allow_overlap": False,
    "format": None,
    "shapefile": False,
    "style": False,
    "shard": None,
    "resume": False,
}
"""Of the options below, by their name among the arguments."""


def add_scene_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what a scene takes beside image, points, model and output."""
    scene = parser.add_argument_group(
        "scenes",
        "for a georeferenced raster of any size, read window by window; with --window any image",
    )
    scene.add_argument(
        "--window",
        type=int,
        metavar="PX",
        help="scene pixels the model sees at once; if not given, the ground that the adapter was "
        "trained to see, or the side of the model's input",
    )
    scene.add_argument(
        "--largest-window",
        type=int,
        metavar="PX",
        default=SCENE_DEFAULTS["largest_window"],
        help="widest view an object that is cut by its window may get (default: %(default)s)",
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
        help="keep the style in the GeoPackage, too; other readers see it as a second layer",
    )
    scene.add_argument(
        "--shard",
        metavar="I/N",
        help="do the I-th of N shares of the windows; shards may share one output folder",
    )
    scene.add_argument(
        "--resume",
        action="store_true",
        help="go on with a run that was killed, or join shards once all are done",
    )


def is_scene(image: Path, clicks: ClickFile | None) -> bool:
    """Say whether an image belongs on a map, or its points come from one."""
    return (clicks is not None and clicks.on_map) or georeferenced(image)


def run_scene(args: argparse.Namespace, clicks: ClickFile | None) -> int:
    """Segment a scene; reads image, points, output, the model's arguments and the above."""
    shard, rules, formats = _shard(args.shard), outline_rules(args), _formats(args)
    card = read_card(args.adapter) if args.adapter else None
    bands, stretch = displayed(args, card)
    with open_scene(args.image, bands=bands, stretch=stretch) as scene:
        prompts = (
            scene_points(_record(args, clicks, scene), scene.grid)
            if args.grid is None
            else _automatic(args)
        )
        if clicks is not None:
            say(clicks.dropped, clicks.notes)
        model = open_model(args)
        window = (
            args.window
            if args.window is not None
            else fitting_window(card.ground_size if card else None, scene, side=model.side)
        )
        if window != model.side:
            print(f"windows of {window} px, shown as {model.side} px to the model")
        settings = SceneSettings(window, args.largest_window, args.precision)
        run = SceneRun(model, scene, prompts, settings)
        todo = run.windows[shard.number - 1 :: shard.of]
        for _ in Bar(
            run.segment(args.output, shard=shard, resume=args.resume),
            total=len(todo),
            unit="window",
        ):
            pass
        missing = run.missing(args.output)
        if missing:
            print(
                f"shard {shard.number}/{shard.of} is done; {len(missing)} of {len(run.windows)} "
                f"windows are left to the others. Then: pointsam predict ... --resume"
            )
            return 0
        summary = run.finish(
            args.output,
            allow_overlap=args.allow_overlap,
            formats=formats,
            rules=rules,
            style=args.style,
            told=told_of_all(args, base=args.model or usual_base(args.adapter)),
        )
    _report(summary, args.output, formats)
    return 0


def _formats(args: argparse.Namespace) -> tuple[str, ...]:
    """Give the formats that are asked for; ``--shapefile`` is the old way to add one."""
    names = USUAL if args.format is None else scene_formats(args.format)
    return tuple(dict.fromkeys((*names, "shp"))) if args.shapefile else names


def _record(args: argparse.Namespace, clicks: ClickFile | None, scene: Scene) -> ImageRecord:
    """Read the clicks on a scene: those of the command line, or those of a file."""
    if clicks is None:
        return clicked_image(args.image, scene.size, args.point)
    return read_scene_points(clicks, scene)


def displayed(
    args: argparse.Namespace, card: AdapterCard | None
) -> tuple[tuple[int, int, int] | None, Stretch | tuple[float, float] | None]:
    """Say how the scene is shown: as asked for, and else as the adapter's training was.

    Raises:
        InputError: other bands than the training's, which had a stretch of its own for each.
    """
    if card is None or card.stretch is None:
        return args.bands, args.stretch
    trained = stretch_from(card.stretch)
    bands = args.bands or trained.bands
    if args.stretch is not None:
        return bands, args.stretch
    if bands != trained.bands and len({*trained.low}) + len({*trained.high}) > 2:
        raise InputError(
            f"the adapter was trained on bands {trained.bands}, each with a stretch of its own: "
            f"for --bands {args.bands} give --stretch LOW,HIGH too."
        )
    return None, replace(trained, bands=bands)


def _automatic(args: argparse.Namespace) -> SceneAutomatic:
    """Give what is kept of a scene that nobody has clicked on."""
    prototypes = load_prototypes(args.adapter) if args.adapter else None
    return SceneAutomatic(automatic_settings(args), prototypes)


def _report(summary: SceneSummary, output: Path, formats: Sequence[str]) -> None:
    print(f"{summary.objects} objects in {summary.windows} windows, {summary.empty} without a mask")
    if summary.cut:
        print(f"{summary.cut} reach beyond --largest-window and may be cut (field 'cut')")
    if summary.outside:
        print(f"{summary.outside} objects of the point file are not on this scene, or where it "
              "has no data")  # fmt: skip
    if summary.replaced:
        print(f"replaced, as the run was finished before: {', '.join(summary.replaced)}")
    first, *others = [FORMATS[name].files[0] for name in formats]
    endings = [f", {Path(name).suffix}" for name in others]
    print(f"outputs: {output}/{first}{''.join(endings)}")


def _shard(text: str | None) -> Shard:
    """Read ``I/N``."""
    if text is None:
        return Shard()
    number, slash, of = text.partition("/")
    if not (slash and number.isdecimal() and of.isdecimal()):
        raise InputError(f"--shard {text}: give I/N, for example 1/4.")
    return Shard(int(number), int(of))
