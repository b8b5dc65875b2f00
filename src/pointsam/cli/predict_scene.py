"""``pointsam predict`` on a georeferenced scene, or with points from a vector file."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from pointsam.cli.arguments import ModelChoice, refuse_options
from pointsam.cli.click_files import say
from pointsam.cli.clicks import Click, clicked_image
from pointsam.cli.display import add_display_arguments
from pointsam.cli.outlines import OutlineChoice
from pointsam.data.clicks.formats import ClickFile
from pointsam.data.rasters.data_under_clicks import with_data
from pointsam.data.rasters.scene import Scene, georeferenced, open_scene
from pointsam.data.rasters.scene_points import ScenePoints, scene_points
from pointsam.data.rasters.stretching import Stretch, stretch_from
from pointsam.data.scene_dataset import fitting_window, read_scene_points
from pointsam.errors import InputError
from pointsam.models.adapters.card import AdapterCard
from pointsam.prediction.automatic import AutomaticSettings
from pointsam.prediction.images.automatic import load_prototypes
from pointsam.prediction.polygons import PolygonRules
from pointsam.prediction.scenes.automatic import SceneAutomatic
from pointsam.prediction.scenes.objects import LARGEST_WINDOW
from pointsam.prediction.scenes.run import SceneRun, SceneSettings, SceneSummary, Shard
from pointsam.prediction.scenes.writers import FORMATS, USUAL, scene_formats
from pointsam.progress import Bar

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

Shown = tuple[tuple[int, int, int] | None, Stretch | tuple[float, float] | None]
"""Bands and stretch of a scene, as `open_scene` takes them."""


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
        largest = LARGEST_WINDOW if args.largest_window is None else args.largest_window
        return cls(
            image=image,
            prompt=prompt,
            bands=args.bands,
            stretch=args.stretch,
            window=args.window,
            largest_window=largest,
            allow_overlap=args.allow_overlap,
            formats=parse_formats(args),
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


def is_scene(image: Path, prompt: Prompt) -> bool:
    """Say whether an image has a place on a map, or its points have."""
    return (isinstance(prompt, ClickFile) and prompt.on_map) or georeferenced(image)


def predict_scene(asked: SceneChoice, choice: ModelChoice) -> int:
    """Segment a scene or one shard of its windows, and print a summary.

    Raises:
        FileNotFoundError: a file is missing.
        InputError: a file that cannot be read, or an output that is of another run.
    """
    card = choice.card
    bands, stretch = displayed(asked.bands, asked.stretch, card)
    with open_scene(asked.image, bands=bands, stretch=stretch) as scene:
        prompts = _prompts(asked, scene, choice.adapter)
        predictor = choice.open()
        model = predictor.model
        window = asked.window
        if window is None:
            window = fitting_window(card.ground_size if card else None, scene, side=model.side)
        if window != model.side:
            print(f"windows of {window} px, shown as {model.side} px to the model")
        settings = SceneSettings(window, asked.largest_window, predictor.precision)
        run = SceneRun(model, scene, prompts, settings)
        if not _segment(run, asked):
            return 0
        summary = run.finish(
            asked.output,
            allow_overlap=asked.allow_overlap,
            formats=asked.formats,
            rules=asked.rules,
            style=asked.style,
            told=told_of_all(asked.image, choice),
        )
    _report(summary, asked.output, asked.formats)
    return 0


def told_of_all(image: Path, choice: ModelChoice) -> dict[str, str]:
    """Give the fields that all polygons of a scene share."""
    return {
        "scene": image.name,
        "model": choice.base,
        "adapter": choice.adapter.resolve().name if choice.adapter else "",
        "version": f"pointsam {version('pointsam')}",
    }


def _segment(run: SceneRun, asked: SceneChoice) -> bool:
    """Segment the windows of one shard, and say whether all windows of the scene are done."""
    shard = asked.shard
    todo = run.windows[shard.number - 1 :: shard.of]
    windows = run.segment(asked.output, shard=shard, resume=asked.resume)
    for _ in Bar(windows, desc="segmenting", total=len(todo), unit="window"):
        pass
    missing = run.missing(asked.output)
    if missing:
        print(
            f"shard {shard.number}/{shard.of} is done; {len(missing)} of {len(run.windows)} "
            f"windows are left to the others. Then: pointsam predict ... --resume"
        )
    return not missing


def _prompts(
    asked: SceneChoice, scene: Scene, adapter: Path | None
) -> ScenePoints | SceneAutomatic:
    """Read the clicks on a scene, or give the limits of automatic masks."""
    if isinstance(asked.prompt, AutomaticSettings):
        return SceneAutomatic(asked.prompt, load_prototypes(adapter) if adapter else None)
    if isinstance(asked.prompt, tuple):
        record = clicked_image(asked.image, scene.size, asked.prompt)
    else:
        record = read_scene_points(asked.prompt, scene)
        say(asked.prompt.dropped, asked.prompt.notes)
    return with_data(scene_points(record, scene.grid), scene)


def displayed(
    bands: tuple[int, int, int] | None,
    stretch: tuple[float, float] | None,
    card: AdapterCard | None,
) -> Shown:
    """Give bands and stretch of the scene: the given ones, else those of the adapter's training.

    Raises:
        InputError: other bands than the training's, which had a stretch of its own for each.
    """
    if card is None or card.stretch is None:
        return bands, stretch
    trained = stretch_from(card.stretch)
    shown = bands or trained.bands
    if stretch is not None:
        return shown, stretch
    if shown != trained.bands and len({*trained.low}) + len({*trained.high}) > 2:
        raise InputError(
            f"the adapter was trained on bands {trained.bands}, each with a stretch of its own: "
            f"for --bands {bands} give --stretch LOW,HIGH too."
        )
    return None, replace(trained, bands=shown)


def parse_formats(args: argparse.Namespace) -> tuple[str, ...]:
    """Give the formats that are asked for; ``--shapefile`` is the old way to add one."""
    names = USUAL if args.format is None else scene_formats(args.format)
    return tuple(dict.fromkeys((*names, "shp"))) if args.shapefile else names


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
