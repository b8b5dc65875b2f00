"""``pointsam predict --scenes``: many scenes, on this machine or on a Ray cluster."""

import argparse
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pointsam.cli.arguments import ModelChoice, chosen_device, refuse_options
from pointsam.cli.predict_scene import finish, planned
from pointsam.cli.scene_options import Prompt, SceneChoice
from pointsam.data.clicks.formats import ClickFile
from pointsam.data.rasters.opening import raster_stamp
from pointsam.data.rasters.scene_points import NoPromptError
from pointsam.errors import InputError
from pointsam.files import sha256_of
from pointsam.prediction.automatic import AutomaticSettings
from pointsam.prediction.many.manifest import MANIFEST_NAME, Manifest, Row
from pointsam.prediction.many.ray_engine import BATCH, RayCluster, run_on_ray
from pointsam.prediction.many.resuming import unfinished
from pointsam.prediction.many.scene_list import ListedScene, read_scene_list
from pointsam.prediction.many.work import Outcome, Segment, Unit, Work, run_here
from pointsam.prediction.predictor import Predictor
from pointsam.prediction.scenes.parts import PARTS_NAME, give_up
from pointsam.prediction.scenes.run import Shard
from pointsam.prediction.scenes.writers import data_names
from pointsam.progress import Bar

MANY_OPTIONS = ("engine", "ray_address", "workers", "batch")
"""The options below, by their name among the arguments."""

Engine = Literal["local", "ray"]

SOME_FAILED = 1
"""Exit status of a run in which some scenes failed."""


def add_many_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what a run over many scenes takes."""
    many = parser.add_argument_group(
        "many scenes",
        "with --scenes; manifest.csv says what became of each, one that fails does not stop the "
        "rest, and --resume does what is missing or failed",
    )
    many.add_argument(
        "--engine",
        choices=["local", "ray"],
        help="local: one scene after the other in this process (default); ray: workers of a Ray "
        "cluster, each with the model loaded",
    )
    many.add_argument(
        "--ray-address",
        metavar="HOST:PORT",
        help="of the cluster's head, or auto for the one on this machine; if not given, workers "
        "are started here and end with the run",
    )
    many.add_argument(
        "--workers", type=int, metavar="N", help="of Ray; if not given, as many as there is room"
    )
    many.add_argument(
        "--batch",
        type=int,
        metavar="N",
        help=f"windows that a worker of Ray does in one go (default: {BATCH})",
    )


@dataclass(frozen=True)
class ManyChoice:
    """A list of scenes, the options of each run, and the engine."""

    source: Path
    """A list, or a folder."""
    each: SceneChoice
    """Of every scene; its image and output are those of the run."""
    engine: Engine
    cluster: RayCluster
    batch: int
    any_device: bool
    """Each worker takes a GPU where it has one."""

    @classmethod
    def parse(cls, args: argparse.Namespace, *, prompt: Prompt) -> "ManyChoice":
        """Read the arguments of `add_many_arguments`.

        Raises:
            InputError: options that would say nothing, or a number that cannot be.
        """
        refuse_options(args, ("shard",), "one scene")
        engine: Engine = args.engine or "local"
        if engine == "local":
            refuse_options(args, ("ray_address", "workers", "batch"), "--engine ray")
        for name in ("workers", "batch"):
            value = getattr(args, name)
            if value is not None and value < 1:
                raise InputError(f"--{name} {value}: give at least 1.")
        device = chosen_device(args.device)
        gpus = 1 if device.startswith("cuda") else 0
        return cls(
            source=args.scenes,
            each=SceneChoice.parse(args, image=args.scenes, prompt=prompt),
            engine=engine,
            cluster=RayCluster(
                args.ray_address,
                args.workers,
                args.threads or 1,
                None if args.device == "auto" else gpus,
            ),
            batch=args.batch or BATCH,
            any_device=args.device == "auto",
        )


@dataclass(frozen=True)
class Opening:
    """What a worker opens once: the model, and the files of clicks."""

    each: SceneChoice
    model: ModelChoice
    any_device: bool

    def __call__(self) -> Segment:
        """Load the model; gives what does a unit with it."""
        model = replace(self.model, device=chosen_device("auto")) if self.any_device else self.model
        return Segmenting(self.each, model, model.open(images=None))


@dataclass(frozen=True, eq=False)
class Segmenting:
    """Does units of work with a loaded model."""

    each: SceneChoice
    model: ModelChoice
    predictor: Predictor

    def __call__(self, unit: Unit) -> Outcome:
        """Do some windows of a scene, or all of them and its outputs."""
        output = self.each.output / unit.scene.folder
        # Before anything is read: a file that changes meanwhile has another stamp then.
        stamp = raster_stamp(unit.scene.path)
        try:
            return replace(self._segment(unit, output), stamp=stamp)
        except NoPromptError:
            return Outcome("no clicks", stamp=stamp)

    def _segment(self, unit: Unit, output: Path) -> Outcome:
        asked = replace(self.each, image=unit.scene.path, output=output)
        with planned(asked, self.model, lambda: self.predictor) as plan:
            note = _left_out(asked.prompt)
            windows = len(plan.run.windows)
            whole = unit.shard is None
            if whole and unit.max_windows is not None and windows > unit.max_windows:
                return Outcome("cut", windows=windows)
            try:
                for _ in plan.run.segment(output, shard=unit.shard or Shard(), resume=True):
                    pass
            except Exception:
                if whole and not any((output / PARTS_NAME).glob("*")):
                    give_up(output)
                raise
            if not whole:
                return Outcome("part", windows=windows)
            found = finish(plan.run, asked, self.model)
            content = plan.run.manifest["scene"]["content"]
        return Outcome("done", windows, found.objects, found.empty, note, content=content)


def _left_out(prompt: Prompt) -> str:
    """Say what of a file of clicks was left out on the scene at hand, and forget it."""
    if not isinstance(prompt, ClickFile):
        return ""
    lines = [*prompt.dropped, *dict.fromkeys(prompt.notes)]
    prompt.dropped.clear()
    prompt.notes.clear()
    return f"{lines[0]}{f' (and {len(lines) - 1} more)' if lines[1:] else ''}" if lines else ""


def predict_many(asked: ManyChoice, choice: ModelChoice) -> int:
    """Segment scene after scene, and say how many ended how.

    Raises:
        FileNotFoundError: a file of the list is missing.
        InputError: a list that cannot be read, an output of another run, no cluster.
    """
    scenes = read_scene_list(asked.source)
    output = asked.each.output
    manifest = Manifest(output, _settings(asked, choice), resume=asked.each.resume)
    try:
        todo = unfinished(scenes, manifest, output, names=data_names(asked.each.formats))
        _do(asked, choice, todo, manifest, total=len(scenes))
    except InputError:
        manifest.give_up()
        raise
    manifest.settle(str(one.path) for one in scenes)
    return _report(scenes, manifest)


def _do(
    asked: ManyChoice,
    choice: ModelChoice,
    todo: list[ListedScene],
    manifest: Manifest,
    *,
    total: int,
) -> None:
    """Segment scenes, and write the row of each when it is finished."""
    with Bar(desc="segmenting", total=total, initial=total - len(todo), unit="scene") as bar:
        for row in _rows(asked, choice, todo):
            manifest.add(row)
            if row.state == "done":
                parts = asked.each.output / row.folder / PARTS_NAME
                shutil.rmtree(parts, ignore_errors=True)
            bar.update()
            if row.state == "failed":
                bar.write(f"pointsam: failed: {row.scene}: {row.error}", file=sys.stderr)


def _rows(asked: ManyChoice, choice: ModelChoice, todo: list[ListedScene]) -> Iterator[Row]:
    """Segment the scenes with the chosen engine."""
    if not todo:
        return iter(())
    if asked.engine == "local":
        return run_here(Work.of(todo), Opening(asked.each, choice, any_device=False))
    threads = replace(choice, threads=asked.cluster.cpus)
    opening = Opening(asked.each, threads, any_device=asked.any_device)
    return run_on_ray(Work.of(todo, max_windows=asked.batch), opening, asked.cluster)


def _settings(asked: ManyChoice, choice: ModelChoice) -> dict[str, Any]:
    """Give all settings that decide the masks and files of every scene."""
    each = asked.each
    prompt = each.prompt
    if isinstance(prompt, ClickFile):
        clicks: object = prompt.content_hash()
    else:
        assert isinstance(prompt, AutomaticSettings)
        clicks = asdict(prompt)
    weights = Path(choice.base or "")
    return {
        "clicks": clicks,
        "model": choice.base,
        "weights": sha256_of(weights) if weights.exists() else None,
        "adapter": sha256_of(choice.adapter) if choice.adapter else None,
        "side": choice.side,
        "precision": choice.precision,
        "bands": each.bands,
        "stretch": each.stretch,
        "window": each.window,
        "largest_window": each.largest_window,
        "allow_overlap": each.allow_overlap,
        "formats": each.formats,
        "style": each.style,
        "polygons": asdict(each.rules),
    }


def _report(scenes: tuple[ListedScene, ...], manifest: Manifest) -> int:
    """Say how the scenes of the list ended, and give the exit status."""
    rows = [manifest.rows[str(one.path)] for one in scenes]
    ends = [row.state for row in rows]
    objects = sum(row.objects for row in rows)
    print(
        f"{len(rows)} scenes: {ends.count('done')} done with {objects} objects, "
        f"{ends.count('no clicks')} without clicks, {ends.count('failed')} failed"
    )
    noted = [row for row in rows if row.note]
    if noted:
        print(
            f"pointsam: note: {MANIFEST_NAME} has notes on {len(noted)} scenes, the first on "
            f"{noted[0].scene}: {noted[0].note}",
            file=sys.stderr,
        )
    if "failed" not in ends:
        return 0
    print(
        f"{MANIFEST_NAME} says why; the same command with --resume tries those again",
        file=sys.stderr,
    )
    return SOME_FAILED
