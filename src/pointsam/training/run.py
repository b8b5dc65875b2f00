"""A whole training run: from files to an adapter folder, resumable at any moment."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Never

from tqdm import tqdm

from pointsam.config import TrainSettings, write_settings
from pointsam.data.records import Dataset
from pointsam.files import refuse_existing
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
    plan = Plan(len(records), settings.data.batch_size, settings.schedule, settings.seed)
    state_path = inputs.output / STATE_NAME
    learner = make_learner(
        model,
        adapter,
        views,
        settings,
        stems=_stem_source(model, inputs.cache, writer.card.base_hash),
        resume_from=state_path if resume else None,
    )
    state = TrainState(
        learner, make_optimizer(adapter.parameters(), settings), Watch(settings.watch)
    )
    key = data_key(inputs.sources, records, settings)
    start = state.load(state_path, data_key=key) if resume else 0
    inputs.output.mkdir(parents=True, exist_ok=True)
    write_settings(settings, inputs.output / SETTINGS_NAME)

    def save(step: int) -> None:
        if state.watch.healthy:
            writer.save(learner, step=step)
        state.save(state_path, step=step, data_key=key)

    if not resume:
        save(0)
    log = RunLog(inputs.output, start=start)
    bar = tqdm(total=plan.steps, initial=start, desc="adapting", unit="step", smoothing=0.1)
    try:
        for progress in train(
            learner, state.optimizer, views, plan, state.watch, settings, start=start
        ):
            log.write(progress)
            _show(bar, progress)
            done = progress.step + 1
            epoch_ends = done % plan.steps_per_epoch == 0 or done == plan.steps
            if epoch_ends or done % save_every == 0:
                save(done)
            if epoch_ends:
                draw_epoch(learner, views, progress.epoch, inputs.output / "figures")
    except RunCollapsedError as error:
        raise RunCollapsedError(f"{error}. {inputs.output} holds the last good adapter.") from error
    finally:
        bar.close()
        log.close()


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
