"""What a step saw: numbers that stay on the device until somebody asks."""

from dataclasses import dataclass
from functools import cached_property

from jaxtyping import Float
from torch import Tensor

from pointsam.training.watch import Measurement


@dataclass(frozen=True, eq=False)
class StepReport:
    """What one step saw, in all processes of the run together.

    Asking for a number waits for the step to end on a GPU and brings all numbers in one copy.
    """

    terms: tuple[str, ...]
    sums: Float[Tensor, " numbers"]
    """The weighted terms, then instances, then believed instances."""
    norms: Float[Tensor, " terms"] | None = None
    """Of each term's gradient on the adapter's weights; only at measured steps."""
    watched: Measurement | None = None
    """The teacher beside the frozen model; only at measured steps of a run with a teacher."""
    skipped: bool = False
    """Whether float16 overflowed: the gradient is no number and must not be used."""

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
    def believed(self) -> int:
        """Count those with a target: believed pseudo-masks, or annotated masks with a pixel."""
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
