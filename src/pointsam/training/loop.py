"""One loop for every regime; it yields reports and leaves logging, saving and figures to others."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch.nn.utils import clip_grad_norm_

from pointsam.data.sample import TrainingSample
from pointsam.training.prototypes import PredictedClusters
from pointsam.training.report import StepReport
from pointsam.training.schedule import Plan
from pointsam.training.settings import TrainSettings
from pointsam.training.step import Learner
from pointsam.training.watch import Watch

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


def train(
    learner: Learner,
    optimizer: torch.optim.Optimizer,
    views: ViewSource,
    plan: Plan,
    watch: Watch,
    settings: TrainSettings,
    *,
    start: int = 0,
) -> Iterator[Progress]:
    """Train the adapter, one report a step.

    A generator: the caller decides when to log, save, draw and stop. The views of the next step
    are made while the current one runs; every draw is addressed, so this changes none.

    Args:
        learner: with the model, the adapter and the teacher.
        optimizer: over the adapter's parameters.
        views: makes a view of an image.
        plan: which images and which rate a step has.
        watch: judges the pseudo-masks at measured steps.
        settings: of the run.
        start: first step, where a killed run goes on.

    Raises:
        RunCollapsedError: the pseudo-masks collapsed or flooded.
    """

    def load(step: int) -> list[TrainingSample]:
        share = learner.ranks.share(plan.batch(step))
        return [views(index, plan.epoch(step)) for index in share]

    with ThreadPoolExecutor(max_workers=1) as loader:
        coming: Future[list[TrainingSample]] = loader.submit(load, start)
        for step in range(start, plan.steps):
            with learner.timer.part("load"):
                batch = coming.result()
            if step + 1 < plan.steps:
                coming = loader.submit(load, step + 1)
            _refresh_prototypes(learner, step, interval=settings.prototypes.interval)
            report = learner.step(
                batch,
                measured=step % settings.watch.interval == 0,
                images=len(plan.batch(step)),
            )
            for group in optimizer.param_groups:
                group["lr"] = plan.lr(step)
            if not report.skipped:
                with learner.timer.part("optimizer"):
                    if settings.schedule.clip_norm is not None:
                        clip_grad_norm_(learner.adapter.parameters(), settings.schedule.clip_norm)
                    optimizer.step()
                    learner.average.follow()
            if report.watched is not None:
                watch.add(report.watched)
            yield Progress(step, plan.epoch(step), plan.lr(step), report, learner.timer.take())
            watch.check()


def make_optimizer(
    parameters: list[torch.nn.Parameter], settings: TrainSettings
) -> torch.optim.Optimizer:
    """Make the optimizer; its rate is set at every step."""
    schedule = settings.schedule
    kind = torch.optim.AdamW if schedule.optimizer == "adamw" else torch.optim.Adam
    return kind(parameters, lr=schedule.lr, weight_decay=schedule.weight_decay)


def _refresh_prototypes(learner: Learner, step: int, *, interval: int) -> None:
    """Cluster and match anew, at the interval or as soon as the bank has filled."""
    regularizer = learner.regularizer
    if regularizer is None or not regularizer.bank.full:
        return
    if regularizer.clusters is None or step % interval == 0:
        clusters = regularizer.refresh()
        # Sums on a GPU may differ in their last bit, and then so may the clusters.
        regularizer.clusters = PredictedClusters(
            sums=learner.ranks.from_first(clusters.sums),
            target_of=learner.ranks.from_first(clusters.target_of),
        )
