"""A whole training run: from files to an adapter folder; it can be resumed at any time.

Every process of a run calls this; only the first writes files and shows progress.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pointsam.data.dataset import ImageSource
from pointsam.data.rasters.stretching import Stretch, key_entry
from pointsam.data.records import Dataset, ImageRecord
from pointsam.files import new_folder, refuse_existing
from pointsam.models.cache import FeatureCache
from pointsam.models.encoding import choose_precision
from pointsam.models.segmenter import Segmenter
from pointsam.progress import Bar
from pointsam.training.collapse_monitor import RunCollapsedError
from pointsam.training.figure import draw_epoch
from pointsam.training.frozen_features import feature_source
from pointsam.training.log import RunLog
from pointsam.training.loop import Progress, train
from pointsam.training.machine import refuse_idle_ranks, refuse_slow_float16, settle_precision
from pointsam.training.ranks import ALONE, RankLostError, Ranks
from pointsam.training.result import AdapterWriter, data_key, trainable
from pointsam.training.schedule import Schedule
from pointsam.training.settings import TrainSettings, write_settings
from pointsam.training.setup import load_base, make_views, new_state
from pointsam.training.starting import Start, hashed
from pointsam.training.state import STATE_NAME, RunKey, TrainState, read_state
from pointsam.training.verdict import Verdict, look_back
from pointsam.training.views import Views

SETTINGS_NAME = "settings.yaml"


@dataclass(frozen=True)
class RunInputs:
    """The data that a run reads, and where it writes."""

    data: Dataset
    images: ImageSource
    """Gives the pixels of a record."""
    sources: dict[str, str]
    """Hash of each file the data was read from, by name."""
    output: Path
    """The adapter folder."""
    device: str = "cpu"
    cache: FeatureCache | None = None
    """Of the frozen features; None encodes every view anew."""
    ranks: Ranks = ALONE
    """The processes that share each step's images; `device` is this one's."""
    held_out: Sequence[ImageRecord] = ()
    """Images with clicks that are not trained on; the end of the run compares on them."""
    ground_size: float | None = None
    """Ground size of a pixel of the model frame, in metres; saved with the adapter."""
    stretch: Stretch | None = None
    """How values of all images become 8 bits, where known; saved with the adapter."""
    unclear: Collection[str] = ()
    """Names of images with an object whose label was rejected: nothing there is background."""
    start: Start | None = None
    """The adapter that the run starts from; None makes a new one."""


def run_training(
    inputs: RunInputs,
    settings: TrainSettings,
    *,
    resume: bool = False,
    save_every: int = 50,
) -> Verdict | None:
    """Adapt a model to images with points, and write an adapter folder.

    Args:
        inputs: images, points, output.
        settings: of the run.
        resume: go on from the state in the output folder.
        save_every: optimizer steps between two saved states.

    Returns:
        What the clicks say of the result, in the first process; None where nothing can be said.

    Raises:
        InputError: the data has nothing to train on, or the output exists.
        RunCollapsedError: the pseudo-masks shrank or grew too far; the folder holds the last good
            adapter. Raised in every process.
        RankLostError: another process of the run has ended; the message says how to resume.
    """
    try:
        settings = settle(inputs, settings, resume=resume)
        run, saved = _prepare(inputs, settings, resume=resume)
        start = run.begin() if saved is None else run.state.restore(saved)
        if inputs.ranks.first:
            _write_down(run, start, save_every=save_every)
            return look_back(run.state.trainer, run.writer, inputs.images,
                             held_out=inputs.held_out, learned=run.views.records)  # fmt: skip
        for _ in run.steps(start):
            pass
    except RunCollapsedError as error:
        raise RunCollapsedError(f"{error}. {inputs.output} holds the last good adapter.") from error
    except RankLostError as error:
        raise RankLostError(f"{error}: {_what_is_left(inputs.output)}") from error
    return None


def refuse_another_run(inputs: RunInputs, settings: TrainSettings) -> None:
    """Refuse an output folder that was made of other inputs, or with other settings.

    Raises:
        FileNotFoundError: it holds no state.
        InputError: it is another run's.
    """
    read_state(inputs.output / STATE_NAME, data_key=_run_key(inputs, settings))


def _run_key(inputs: RunInputs, settings: TrainSettings) -> RunKey:
    """Give the hashes of all that decides a run."""
    sources = hashed(inputs.sources, inputs.start, inputs.cache)
    return data_key(sources | key_entry(inputs.stretch), trainable(inputs.data), settings)


def _write_down(run: "_Run", start: int, *, save_every: int) -> None:
    """Train, and write log, state, adapter and figures."""
    output = run.writer.folder
    log = RunLog(output, start=start)
    bar = Bar(total=run.schedule.steps, initial=start, desc="adapting", unit="step", smoothing=0.1)
    try:
        for progress in run.steps(start):
            log.write(progress)
            _show(bar, progress)
            done = progress.step + 1
            epoch_ends = done % run.schedule.steps_per_epoch == 0 or done == run.schedule.steps
            if epoch_ends:  # before the state is kept: a run that is killed here draws it again
                draw_epoch(run.state.trainer, run.views, progress.epoch, output / "figures")
            if epoch_ends or done % save_every == 0:
                run.save(done)
    finally:
        bar.close()
        log.close()


def _what_is_left(output: Path) -> str:
    """Say what a run that ended early has saved, and how to resume it."""
    path = output / STATE_NAME
    if not path.is_file():
        return f"no state is in {output} here; start the run again, with --resume if there is one"
    step = read_state(path)["step"]
    return f"{output} holds the state after step {step}; go on with the same command and --resume"


@dataclass(frozen=True, eq=False)
class _Run:
    """The parts of a run, and the files that it writes."""

    settings: TrainSettings
    """What is written beside the result."""
    clip_norm: float | None
    schedule: Schedule
    views: Views
    state: TrainState
    writer: AdapterWriter
    key: RunKey
    """Hashes of data and settings, so that no other run resumes the state."""

    def begin(self) -> int:
        """Make the output folder with its first files, or none of it."""
        if not self.state.trainer.ranks.first:
            return 0
        with new_folder(self.writer.folder) as folder:
            write_settings(self.settings, folder / SETTINGS_NAME)
            replace(self.writer, folder=folder).save(self.state.trainer, step=0)
            self.state.save(folder / STATE_NAME, step=0, data_key=self.key)
        return 0

    def save(self, step: int) -> None:
        """Save the state, and the adapter if the monitor finds it healthy.

        The last adapter of a run is judged by all recent measurements: one odd image does not
        leave an older one in its place.
        """
        monitor = self.state.monitor
        sound = not monitor.collapsed if step == self.schedule.steps else monitor.healthy
        if sound:
            self.writer.save(self.state.trainer, step=step)
        self.state.save(self.writer.folder / STATE_NAME, step=step, data_key=self.key)

    def steps(self, start: int) -> Iterator[Progress]:
        """Train from a step to the end."""
        state = self.state
        return train(
            state.trainer,
            state.optimizer,
            self.views,
            self.schedule,
            state.monitor,
            clip_norm=self.clip_norm,
            start=start,
        )


def round_folder(output: Path, number: int) -> Path:
    """Name the adapter folder of a round before the last."""
    return output.with_name(f"{output.name}-round-{number}")


def settle(inputs: RunInputs, settings: TrainSettings, *, resume: bool) -> TrainSettings:
    """Let the first process fix, for all, the settings that depend on the machine."""
    with inputs.ranks.agreeing():
        if inputs.ranks.first:
            begun = [inputs.output, round_folder(inputs.output, 1)] if resume else []
            saved_at = next((f / SETTINGS_NAME for f in begun if f.is_dir()), None)
            settings = settle_precision(settings, device=inputs.device, saved_at=saved_at)
    return inputs.ranks.tell(settings)


def _prepare(
    inputs: RunInputs, settings: TrainSettings, *, resume: bool
) -> tuple[_Run, dict[str, Any] | None]:
    """Load the model, put an adapter on it, and set up all that a run needs.

    Returns:
        The run, and the saved state that it resumes from.
    """
    saved = None
    with inputs.ranks.agreeing():
        records = trainable(inputs.data)
        refuse_idle_ranks(settings, inputs.ranks)
        refuse_slow_float16(settings, inputs.device)
        if inputs.ranks.first:
            choose_precision(settings.precision, device=inputs.device)  # warns of a slow one
        key = _run_key(inputs, settings)
        if not resume:
            refuse_existing(inputs.output)
        elif inputs.ranks.first:
            saved = read_state(inputs.output / STATE_NAME, data_key=key)
        model = load_base(settings, device=inputs.device)
        writer = _describe(inputs, settings, records, model)
    saved = inputs.ranks.tell(saved)
    views = _views(inputs, settings, records, stride=model.stride)
    run = _Run(
        clip_norm=settings.schedule.clip_norm,
        schedule=Schedule(len(records), settings.data.batch_size, settings.schedule, settings.seed),
        views=views,
        state=new_state(
            model,
            views,
            settings,
            first_block=writer.card.first_block,
            start=inputs.start,
            frozen_features=feature_source(model, inputs.cache, writer.card.base_hash),
            saved=saved,
            ranks=inputs.ranks,
        ),
        writer=writer,
        settings=settings,
        key=key,
    )
    return run, saved


def _views(
    inputs: RunInputs, settings: TrainSettings, records: Sequence[ImageRecord], *, stride: int
) -> Views:
    return make_views(
        records,
        inputs.images,
        settings,
        stride=stride,
        pinned=inputs.device.startswith("cuda"),
        unclear=inputs.unclear,
    )


def _describe(
    inputs: RunInputs, settings: TrainSettings, records: Sequence[ImageRecord], model: Segmenter
) -> AdapterWriter:
    """Fill in the card of the adapter before it is made; `model` has none yet."""
    return AdapterWriter.for_run(
        inputs.output,
        model,
        settings,
        records,
        inputs.sources,
        ground_size=inputs.ground_size,
        stretch=inputs.stretch,
        started_from=None if inputs.start is None else inputs.start.described,
    )


def _show(bar: Bar, progress: Progress) -> None:
    """Move the progress bar on."""
    report = progress.report
    bar.set_postfix(
        loss=f"{report.losses['total']:.3f}",
        accepted=f"{report.accepted}/{report.instances}",
        refresh=False,
    )
    bar.update()
