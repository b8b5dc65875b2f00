"""The collapse monitor: it stops a run whose pseudo-masks shrink or grow without bound.

In self-training the loss can fall while the masks get worse: if teacher and student shrink or grow
together, they still agree. So the pseudo-masks are compared with those of the frozen model.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median

import torch
from jaxtyping import Float
from torch import Tensor

from pointsam.masks import count_pixels
from pointsam.training.pseudo_labels import PseudoLabels
from pointsam.training.ranks import ALONE, Ranks
from pointsam.training.stages import MonitorSettings


class RunCollapsedError(RuntimeError):
    """The pseudo-masks differ so much from the frozen model's that more training would harm."""


@dataclass(frozen=True)
class Measurement:
    """Compares the teacher's pseudo-masks of one batch with those of the frozen model."""

    count: int
    """Accepted pseudo-masks."""
    share: float
    """Accepted pseudo-masks over instances."""
    median_area: float
    """Of the accepted pseudo-masks, in low-res pixels."""
    area_change: float
    """Their median area over that of the frozen model's accepted masks; 1 where either has none."""
    agreement: float
    """Mean IoU with the frozen model's masks, accepted or not."""


def measure(
    labels: Sequence[PseudoLabels],
    frozen: Sequence[PseudoLabels],
    *,
    device: torch.device | str,
    ranks: Ranks = ALONE,
) -> Measurement:
    """Compare the teacher's pseudo-masks with the frozen model's of the same images.

    The images of all ranks together are measured, and each rank gets the same numbers.
    """
    rows = [_beside(one, other) for one, other in zip(labels, frozen, strict=True)]
    own = torch.cat([torch.zeros(0, len(_NUMBERS), device=device), *rows])
    # One copy to the CPU, where all the rest is counted.
    area, accepted, frozen_area, frozen_accepted, iou = ranks.gather(own).cpu().unbind(dim=1)
    middle = _median(area[accepted > 0])
    frozen_middle = _median(frozen_area[frozen_accepted > 0])
    return Measurement(
        count=int(accepted.sum()),
        share=float(accepted.sum()) / len(accepted),
        median_area=middle,
        area_change=middle / frozen_middle if middle and frozen_middle else 1.0,
        agreement=float(iou.mean()),
    )


_NUMBERS = ("area", "accepted", "frozen area", "frozen accepted", "iou")


def _beside(label: PseudoLabels, frozen: PseudoLabels) -> Float[Tensor, "instances numbers"]:
    """Give the numbers that are compared for each instance, in the order of _NUMBERS."""
    counts = count_pixels(label.masks, frozen.masks)
    columns = (counts.predicted, label.accepted, counts.target, frozen.accepted, counts.iou)
    return torch.stack([column.float() for column in columns], dim=1)


def _median(areas: Float[Tensor, " instances"]) -> float:
    """Give the median, in low-res pixels; 0 without any."""
    return float(areas.median()) if len(areas) else 0.0


class CollapseMonitor:
    """Judges the last measurements together, so that one odd image does not stop a run."""

    def __init__(self, settings: MonitorSettings) -> None:
        self._settings = settings
        self._recent: deque[Measurement] = deque(maxlen=settings.window)

    def due(self, step: int) -> bool:
        """Whether a step is measured."""
        return step % self._settings.interval == 0

    def add(self, measurement: Measurement) -> None:
        """Keep a measurement, and drop the oldest where the window is full."""
        self._recent.append(measurement)

    def check(self) -> None:
        """Compare the medians of the window with the limits, once the window is full.

        Raises:
            RunCollapsedError: one of them is beyond the limits of the settings.
        """
        fault = self._lasting_fault()
        if fault is None:
            return
        raise RunCollapsedError(
            f"over the last {len(self._recent)} measurements the pseudo-masks {fault}: lower the "
            "learning rate, or use --regime self-training, whose teacher stays the frozen model"
        )

    @property
    def collapsed(self) -> bool:
        """Whether a full window is beyond the limits, so that `check` stops the run."""
        return self._lasting_fault() is not None

    def _lasting_fault(self) -> str | None:
        full = len(self._recent) == self._settings.window
        return self._fault(self._recent) if full else None

    @property
    def healthy(self) -> bool:
        """Whether the last measurement alone is within the limits."""
        return not self._recent or self._fault([self._recent[-1]]) is None

    def _fault(self, measured: Sequence[Measurement]) -> str | None:
        """Say which median of some measurements is beyond the limits; None where none is."""
        agreement = median(m.agreement for m in measured)
        change = median(m.area_change for m in measured)
        share = median(m.share for m in measured)
        limits = self._settings
        if agreement < limits.min_agreement:
            return f"agree with the frozen model's only by IoU {agreement:.2f}"
        if change > limits.max_area_change:
            return f"grew to {change:.1f} times the area of the frozen model's"
        if change < 1 / limits.max_area_change:
            return f"shrank to {change:.2f} times the area of the frozen model's"
        if share < limits.min_share:
            return f"are accepted for only {share:.0%} of the instances"
        return None

    def state(self) -> list[dict[str, float]]:
        """Give the measurements that a resumed run needs."""
        return [asdict(m) for m in self._recent]

    def load_state(self, state: list[dict[str, float]]) -> None:
        """Continue from the measurements of a stopped run."""
        self._recent.clear()
        self._recent.extend(
            Measurement(**{**row, "count": int(row["count"])})  # type: ignore[arg-type]
            for row in state
        )
