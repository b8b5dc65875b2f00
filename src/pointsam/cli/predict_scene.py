"""``pointsam predict`` on a georeferenced scene, or with points from a vector file."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from pointsam.cli.arguments import ModelChoice
from pointsam.cli.click_files import say
from pointsam.cli.clicks import clicked_image
from pointsam.cli.scene_options import Prompt, SceneChoice
from pointsam.data.clicks.formats import ClickFile
from pointsam.data.rasters.data_under_clicks import with_data
from pointsam.data.rasters.doubts import doubts_of_scene
from pointsam.data.rasters.likeness import doubts_of_colours, doubts_of_order
from pointsam.data.rasters.remote import Source
from pointsam.data.rasters.scene import Scene, georeferenced, open_scene
from pointsam.data.rasters.scene_points import ScenePoints, scene_points
from pointsam.data.rasters.stretching import Stretch, stretch_from
from pointsam.data.scene_dataset import fitting_window, read_scene_points
from pointsam.errors import InputError
from pointsam.models.adapters.card import AdapterCard
from pointsam.prediction.automatic import AutomaticSettings
from pointsam.prediction.images.automatic import load_prototypes
from pointsam.prediction.predictor import Predictor
from pointsam.prediction.scenes.automatic import SceneAutomatic
from pointsam.prediction.scenes.run import SceneRun, SceneSettings, SceneSummary
from pointsam.prediction.scenes.writers import FORMATS
from pointsam.progress import Bar

Shown = tuple[tuple[int, int, int] | None, Stretch | tuple[float, float] | None]
"""Bands and stretch of a scene, as `open_scene` takes them."""


def is_scene(image: Path, prompt: Prompt) -> bool:
    """Say whether an image has a place on a map, or its points have."""
    on_map = isinstance(prompt, ClickFile) and prompt.on_map
    return on_map or isinstance(image, Source) or georeferenced(image)


def predict_scene(asked: SceneChoice, choice: ModelChoice) -> int:
    """Segment a scene or one shard of its windows, and print a summary.

    Raises:
        FileNotFoundError: a file is missing.
        InputError: a file that cannot be read, or an output that is of another run.
    """
    with planned(asked, choice, lambda: choice.open(images=None)) as plan:
        if isinstance(asked.prompt, ClickFile):
            say(asked.prompt.dropped, asked.prompt.notes)
        if plan.window != plan.side:
            print(f"windows of {plan.window} px, shown as {plan.side} px to the model")
        if not _segment(plan.run, asked):
            return 0
        summary = finish(plan.run, asked, choice)
    _report(summary, asked.output, asked.formats)
    return 0


@dataclass(frozen=True)
class PlannedScene:
    """An open scene, ready to be segmented."""

    run: SceneRun
    window: int
    """Side of a window, in scene pixels."""
    side: int
    """Of the model's input, in pixels."""


@contextmanager
def planned(
    asked: SceneChoice, choice: ModelChoice, open_predictor: Callable[[], Predictor]
) -> Iterator[PlannedScene]:
    """Open a scene and its prompts, then the model, and say which windows are needed.

    Raises:
        FileNotFoundError: a file is missing.
        InputError: a file that cannot be read.
    """
    card = choice.card
    bands, stretch = displayed(asked.bands, asked.stretch, card)
    with open_scene(asked.image, bands=bands, stretch=stretch) as scene:
        prompts = _prompts(asked, scene, choice.adapter)
        clicks = prompts if isinstance(prompts, ScenePoints) else None
        doubts = doubts_of_scene(scene, trained=isinstance(stretch, Stretch), points=clicks)
        if asked.bands is None:
            doubts += doubts_of_bands([asked.image], stretch)
        say(clicks.without_data if clicks else (), doubts)
        predictor = open_predictor()
        model = predictor.model
        window = asked.window
        if window is None:
            trained = card.ground_size if card else None
            window = fitting_window(trained, scene.ground_size, side=model.side)
        settings = SceneSettings(window, asked.largest_window, predictor.precision)
        yield PlannedScene(SceneRun(model, scene, prompts, settings), window, model.side)


def finish(run: SceneRun, asked: SceneChoice, choice: ModelChoice) -> SceneSummary:
    """Write the outputs of a scene whose windows are all done."""
    return run.finish(
        asked.output,
        allow_overlap=asked.allow_overlap,
        formats=asked.formats,
        rules=asked.rules,
        style=asked.style,
        told=told_of_all(asked.image, choice),
    )


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


def doubts_as_trained(
    paths: Sequence[Path], stretch: Stretch | tuple[float, float] | None
) -> list[str]:
    """Say which scenes name other bands as their colours than those of an adapter's training."""
    if not isinstance(stretch, Stretch):
        return []
    remedy = "if the file is right, give --bands {bands}"
    return doubts_of_colours(paths, stretch, remedy=remedy)


def doubts_of_bands(
    paths: Sequence[Path], stretch: Stretch | tuple[float, float] | None
) -> list[str]:
    """Say which scenes leave open which bands are colours, where no bands were asked for."""
    trained = isinstance(stretch, Stretch)
    return doubts_as_trained(paths, stretch) if trained else doubts_of_order(paths)


def _report(summary: SceneSummary, output: Path, formats: Sequence[str]) -> None:
    print(f"{summary.objects} objects in {summary.windows} windows, {summary.empty} without a mask")
    if summary.removed:
        print(f"{summary.removed} have an empty polygon, as all of it is smaller than --min-area")
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
