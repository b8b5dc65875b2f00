"""A run that watches itself: pseudo-masks that collapse or flood stop it.

Self-training can eat itself while its loss falls: masks that all shrink, or all grow, agree
with each other perfectly. What cannot be fooled is the frozen model beside it.
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
from pointsam.training.settings import MonitorSettings


class RunCollapsedError(RuntimeError):
    """The pseudo-masks have left the frozen model's so far behind that training on is harm."""


@dataclass(frozen=True)
class Measurement:
    """The teacher's pseudo-masks of one batch beside those of the frozen model."""

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
    """Set the teacher's pseudo-masks beside the frozen model's of the same images.

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
    """Give what is compared of each instance, in the order of _NUMBERS."""
    counts = count_pixels(label.masks, frozen.masks)
    columns = (counts.predicted, label.accepted, counts.target, frozen.accepted, counts.iou)
    return torch.stack([column.float() for column in columns], dim=1)


def _median(areas: Float[Tensor, " instances"]) -> float:
    """Give the median, in low-res pixels; 0 without any."""
    return float(areas.median()) if len(areas) else 0.0


class CollapseMonitor:
    """Judges the last measurements together: one odd image stops nothing."""

    def __init__(self, settings: MonitorSettings) -> None:
        self._settings = settings
        self._recent: deque[Measurement] = deque(maxlen=settings.window)

    def due(self, step: int) -> bool:
        """Whether a step is measured."""
        return step % self._settings.interval == 0

    def add(self, measurement: Measurement) -> None:
        """Remember a measurement; the oldest leaves."""
        self._recent.append(measurement)

    def check(self) -> None:
        """Judge the medians of the window, once it is full.

        Raises:
            RunCollapsedError: they are beyond the settings' limits.
        """
        if len(self._recent) < self._settings.window:
            return
        agreement = median(m.agreement for m in self._recent)
        change = median(m.area_change for m in self._recent)
        share = median(m.share for m in self._recent)
        limits = self._settings
        if agreement < limits.min_agreement:
            fault = f"agree with the frozen model's only by IoU {agreement:.2f}"
        elif change > limits.max_area_change:
            fault = f"flood: {change:.1f} times the area of the frozen model's"
        elif change < 1 / limits.max_area_change:
            fault = f"wither: {change:.2f} times the area of the frozen model's"
        elif share < limits.min_share:
            fault = f"are agree_with_clicks for only {share:.0%} of the instances"
        else:
            return
        raise RunCollapsedError(
            f"over the last {len(self._recent)} measurements the pseudo-masks {fault}: lower the "
            "learning rate, or use --regime self-training, whose teacher stays the frozen model"
        )

    @property
    def healthy(self) -> bool:
        """Whether the last measurement by itself is within the limits."""
        if not self._recent:
            return True
        last, limits = self._recent[-1], self._settings
        return (
            last.agreement >= limits.min_agreement
            and 1 / limits.max_area_change <= last.area_change <= limits.max_area_change
            and last.share >= limits.min_share
        )

    def state(self) -> list[dict[str, float]]:
        """Give what a resumed run needs."""
        return [asdict(m) for m in self._recent]

    def load_state(self, state: list[dict[str, float]]) -> None:
        """Take the measurements of an earlier run up."""
        self._recent.clear()
        self._recent.extend(
            Measurement(**{**row, "count": int(row["count"])})  # type: ignore[arg-type]
            for row in state
        )
