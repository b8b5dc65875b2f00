"""The images and the learning rate of a step, as pure functions of its number."""

from dataclasses import dataclass
from math import ceil

import torch

from pointsam.randomness import addressed_generator
from pointsam.training.stages import ScheduleSettings


@dataclass(frozen=True)
class Schedule:
    """The steps of a run over `images` images; no step depends on an earlier one."""

    images: int
    batch_size: int
    settings: ScheduleSettings
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps of one pass over the images; the last batch may be smaller."""
        return ceil(self.images / self.batch_size)

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole run."""
        asked = self.settings
        passes = round(asked.epochs * self.steps_per_epoch)
        again = min(asked.enough_steps, round(asked.max_epochs * self.steps_per_epoch))
        return max(asked.min_steps, passes, again)

    def epoch(self, step: int) -> int:
        """Give the number, from 0, of the pass that a step belongs to."""
        return step // self.steps_per_epoch

    def batch(self, step: int) -> list[int]:
        """Give the indices of a step's images; each pass has its own order."""
        generator = addressed_generator(self.seed, "order", self.epoch(step))
        order = torch.randperm(self.images, generator=generator)
        start = step % self.steps_per_epoch * self.batch_size
        return order[start : start + self.batch_size].tolist()

    def lr(self, step: int) -> float:
        """Give the learning rate: linear warm-up, then tenfold steps or a linear fall to zero."""
        done = (step + 1) / self.steps_per_epoch
        warmup = self.settings.warmup_epochs
        falls = sum(done > epoch for epoch in self.settings.decay_epochs)
        rise = min(1.0, done / warmup) if warmup else 1.0
        left = 1 - step / self.steps if self.settings.linear_decay else 1.0
        return self.settings.lr * rise * left * 0.1**falls
