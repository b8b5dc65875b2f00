"""A whole training run: from files to an adapter folder, resumable at any moment."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Never

from tqdm import tqdm

from pointsam.config import TrainSettings, write_settings
from pointsam.data.records import Dataset
from pointsam.files import new_folder, refuse_existing
from pointsam.models.cache import FeatureCache
from pointsam.models.checkpoints import load_segmenter
from pointsam.models.lora import attach_adapter
from pointsam.models.segmenter import Segmenter
from pointsam.training.figure import draw_epoch
from pointsam.training.log import RunLog
from pointsam.training.loop import Progress, make_optimizer, train
from pointsam.training.result import AdapterWriter, data_key, trainable
from pointsam.training.schedule import Plan
from pointsam.training.setup import make_learner
from pointsam.training.state import STATE_NAME, TrainState
from pointsam.training.stems import CachedStems, encoded_stems
from pointsam.training.step import StemSource
from pointsam.training.views import Views
from pointsam.training.watch import RunCollapsedError, Watch

SETTINGS_NAME = "settings.yaml"


@dataclass(frozen=True)
class RunInputs:
    """What a run reads and where it writes."""

    data: Dataset
    images: Path
    """Folder that the file names are in."""
    sources: dict[str, str]
    """Hash of each file the data was read from, by name."""
    output: Path
    """The adapter folder."""
    device: str = "cpu"
    cache: FeatureCache | None = None
    """Of the frozen features; None encodes every view anew."""


def run_training(
    inputs: RunInputs,
    settings: TrainSettings,
    *,
    resume: bool = False,
    save_every: int = 50,
) -> None:
    """Adapt a model to images with points, and leave an adapter folder.

    Args:
        inputs: images, points, output.
        settings: of the run.
        resume: go on from the state in the output folder.
        save_every: optimizer steps between two saved states.

    Raises:
        InputError: the data has nothing to train on, or the output exists.
        RunCollapsedError: the pseudo-masks collapsed or flooded; the folder holds the last good
            adapter.
    """
    run = _prepare(inputs, settings, resume=resume)
    start = run.resume() if resume else run.begin()
    log = RunLog(inputs.output, start=start)
    bar = tqdm(total=run.plan.steps, initial=start, desc="adapting", unit="step", smoothing=0.1)
    try:
        for progress in run.steps(start):
            log.write(progress)
            _show(bar, progress)
            done = progress.step + 1
            epoch_ends = done % run.plan.steps_per_epoch == 0 or done == run.plan.steps
            if epoch_ends or done % save_every == 0:
                run.save(done)
            if epoch_ends:
                draw_epoch(run.state.learner, run.views, progress.epoch, inputs.output / "figures")
    except RunCollapsedError as error:
        raise RunCollapsedError(f"{error}. {inputs.output} holds the last good adapter.") from error
    finally:
        bar.close()
        log.close()


@dataclass(frozen=True, eq=False)
class _Run:
    """The parts of a run, and what it keeps in its folder."""

    settings: TrainSettings
    plan: Plan
    views: Views
    state: TrainState
    writer: AdapterWriter
    key: str
    """Identifies the data and settings, so that no other run takes the state up."""

    def begin(self) -> int:
        """Make the folder, whole or not at all."""
        with new_folder(self.writer.folder) as folder:
            write_settings(self.settings, folder / SETTINGS_NAME)
            replace(self.writer, folder=folder).save(self.state.learner, step=0)
            self.state.save(folder / STATE_NAME, step=0, data_key=self.key)
        return 0

    def resume(self) -> int:
        """Take the folder's state up; give the first step to make."""
        return self.state.load(self.writer.folder / STATE_NAME, data_key=self.key)

    def save(self, step: int) -> None:
        """Keep the state, and the adapter where it is a good one."""
        if self.state.watch.healthy:
            self.writer.save(self.state.learner, step=step)
        self.state.save(self.writer.folder / STATE_NAME, step=step, data_key=self.key)

    def steps(self, start: int) -> Iterator[Progress]:
        """Train from a step on."""
        state = self.state
        return train(
            state.learner,
            state.optimizer,
            self.views,
            self.plan,
            state.watch,
            self.settings,
            start=start,
        )


def _prepare(inputs: RunInputs, settings: TrainSettings, *, resume: bool) -> _Run:
    """Load the model, put an adapter on it, and set up all that a run needs."""
    records = trainable(inputs.data)
    if not resume:
        refuse_existing(inputs.output)
    model = load_segmenter(settings.model.name, side=settings.model.side, device=inputs.device)
    model.checkpointing = settings.model.checkpointing
    model.chunk_size = settings.model.chunk_size
    writer = AdapterWriter.for_run(inputs.output, model, settings, records, inputs.sources)
    adapter = attach_adapter(
        model, rank=settings.model.rank, first_block=writer.card.first_block, seed=settings.seed
    )
    views = Views(records, inputs.images, settings, stride=model.stride)
    learner = make_learner(
        model,
        adapter,
        views,
        settings,
        stems=_stem_source(model, inputs.cache, writer.card.base_hash),
        resume_from=inputs.output / STATE_NAME if resume else None,
    )
    optimizer = make_optimizer(adapter.parameters(), settings)
    return _Run(
        settings=settings,
        plan=Plan(len(records), settings.data.batch_size, settings.schedule, settings.seed),
        views=views,
        state=TrainState(learner, optimizer, Watch(settings.watch)),
        writer=writer,
        key=data_key(inputs.sources, records, settings),
    )


def _stem_source(model: Segmenter, cache: FeatureCache | None, weights: str) -> StemSource:
    if cache is None:
        return partial(encoded_stems, model)
    return CachedStems(model, cache, weights)


def _show(bar: "tqdm[Never]", progress: Progress) -> None:
    """Move the progress bar on."""
    report = progress.report
    bar.set_postfix(
        loss=f"{report.losses['total']:.3f}",
        believed=f"{report.believed}/{report.instances}",
        refresh=False,
    )
    bar.update()
