"""One loop for every regime; it yields reports and leaves logging, saving and figures to others."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch.nn.utils import clip_grad_norm_

from pointsam.data.sample import TrainingSample
from pointsam.training.collapse_monitor import CollapseMonitor
from pointsam.training.prototypes import PredictedClusters
from pointsam.training.report import StepReport
from pointsam.training.schedule import Schedule
from pointsam.training.stages import ScheduleSettings
from pointsam.training.step import Trainer

ViewSource = Callable[[int, int], TrainingSample]
"""Gives a view of an image: its place in the data and the number of the pass."""


@dataclass(frozen=True)
class Progress:
    """One finished step."""

    step: int
    epoch: int
    lr: float
    report: StepReport
    seconds: dict[str, float]
    """Wall time by part."""
    skipped: bool = False
    """Whether float16 overflowed, so that the step changed nothing."""


def train(
    trainer: Trainer,
    optimizer: torch.optim.Optimizer,
    views: ViewSource,
    schedule: Schedule,
    monitor: CollapseMonitor,
    *,
    clip_norm: float | None,
    start: int = 0,
) -> Iterator[Progress]:
    """Train the adapter, and yield a report after each step.

    The caller decides when to log, save, draw and stop. A second thread makes the views of the
    next step while the current one runs. This changes no result: each draw has its own seed.

    Args:
        trainer: with the model, the adapter and the teacher.
        optimizer: over the adapter's parameters.
        views: makes a view of an image.
        schedule: which images and which rate a step has.
        monitor: says which steps are measured, and judges their pseudo-masks.
        clip_norm: a longer gradient is scaled down to this norm; None leaves it as it is.
        start: first step; above 0 where a stopped run is resumed.

    Raises:
        RunCollapsedError: the pseudo-masks shrank or grew beyond the limits.
    """

    def load(step: int) -> list[TrainingSample]:
        share = trainer.ranks.share(schedule.batch(step))
        return [views(index, schedule.epoch(step)) for index in share]

    with ThreadPoolExecutor(max_workers=1) as loader:
        coming: Future[list[TrainingSample]] = loader.submit(load, start)
        for step in range(start, schedule.steps):
            with trainer.timer.part("load"):
                batch = coming.result()
            if step + 1 < schedule.steps:
                coming = loader.submit(load, step + 1)
            _refresh_prototypes(trainer, step)
            images = len(schedule.batch(step))
            report = trainer.step(batch, measured=monitor.due(step), images=images)
            lr = schedule.lr(step)
            skipped = not _update(trainer, optimizer, lr=lr, clip_norm=clip_norm)
            if report.monitored is not None:
                monitor.add(report.monitored)
            seconds = trainer.timer.take()
            yield Progress(step, schedule.epoch(step), lr, report, seconds, skipped)
            monitor.check()


def make_optimizer(
    parameters: list[torch.nn.Parameter], schedule: ScheduleSettings
) -> torch.optim.Optimizer:
    """Make the optimizer; its rate is set at every step."""
    kind = torch.optim.AdamW if schedule.optimizer == "adamw" else torch.optim.Adam
    return kind(parameters, lr=schedule.lr, weight_decay=schedule.weight_decay)


def _update(
    trainer: Trainer, optimizer: torch.optim.Optimizer, *, lr: float, clip_norm: float | None
) -> bool:
    """Apply the gradient to the adapter, and update the adapter's average.

    Returns:
        False where float16 overflowed: then nothing changes, and the scaler's factor is halved.
    """
    scaler = trainer.scaler
    for group in optimizer.param_groups:
        group["lr"] = lr
    with trainer.timer.part("optimizer"):
        scale = 0.0
        if scaler is not None:
            scale = scaler.get_scale()
            scaler.unscale_(optimizer)
        if scaler is None:
            _drop_what_is_not_finite(trainer.adapter.parameters())
        if clip_norm is not None:
            clip_grad_norm_(trainer.adapter.parameters(), clip_norm)
        if scaler is None:
            optimizer.step()
        else:
            scaler.step(optimizer)
            scaler.update()
            if scaler.get_scale() < scale:
                return False
        trainer.average.follow()
    return True


def _drop_what_is_not_finite(parameters: Iterable[torch.nn.Parameter]) -> None:
    """Set such gradients to zero: one step with them would spoil weights and average for good.

    To look and leave the step out would wait for the GPU in every step.
    """
    for parameter in parameters:
        if parameter.grad is not None:
            torch.nan_to_num_(parameter.grad, nan=0.0, posinf=0.0, neginf=0.0)


def _refresh_prototypes(trainer: Trainer, step: int) -> None:
    """Cluster and match again where it is due, with the same result in all processes."""
    regularizer = trainer.regularizer
    if regularizer is not None and regularizer.due(step):
        clusters = regularizer.refresh()
        # Sums on two GPUs may differ in their last bit, and the clusters then differ, too.
        regularizer.clusters = PredictedClusters(
            sums=trainer.ranks.from_first(clusters.sums),
            target_of=trainer.ranks.from_first(clusters.target_of),
        )
