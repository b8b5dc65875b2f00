"""The report of a step: its losses, counts and times."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter

from jaxtyping import Float
from torch import Tensor

from pointsam.training.collapse_monitor import Measurement


@dataclass(frozen=True, eq=False)
class StepReport:
    """Losses and counts of one step, over all processes of the run.

    The first read of a number waits until a GPU has done the step, and copies all numbers at once.
    """

    terms: tuple[str, ...]
    sums: Float[Tensor, " numbers"]
    """The weighted terms, then instances, then accepted instances."""
    norms: Float[Tensor, " terms"] | None = None
    """Of each term's gradient on the adapter's weights; only at measured steps."""
    monitored: Measurement | None = None
    """Teacher against frozen model; only at measured steps of a run with a teacher."""

    @property
    def losses(self) -> dict[str, float]:
        """Give the weighted terms, and their sum ``total``."""
        losses = dict(zip(self.terms, self._numbers, strict=False))
        return {**losses, "total": sum(losses.values())}

    @property
    def instances(self) -> int:
        """Give the number of instances in the step."""
        return int(self._numbers[-2])

    @property
    def accepted(self) -> int:
        """Count those with a target: accepted pseudo-masks, or given masks with a pixel."""
        return int(self._numbers[-1])

    @cached_property
    def gradient_norms(self) -> dict[str, float]:
        """Give the norm of each term's gradient; empty where it was not measured."""
        if self.norms is None:
            return {}
        return dict(zip(self.terms, self.norms.tolist(), strict=True))

    @cached_property
    def _numbers(self) -> list[float]:
        numbers: list[float] = self.sums.tolist()
        return numbers


class PartTimer:
    """Adds up the wall time of named parts.

    A GPU queues its work, so a part's time there is the time to queue it: use a profiler instead.
    """

    def __init__(self) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the block's seconds under `name`."""
        start = perf_counter()
        try:
            yield
        finally:
            self._seconds[name] += perf_counter() - start

    def take(self) -> dict[str, float]:
        """Give the seconds since the last call by part, and start from zero."""
        taken = dict(self._seconds)
        self._seconds.clear()
        return taken
