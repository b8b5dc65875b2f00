"""A run that watches itself: pseudo-masks that collapse or flood stop it.

Self-training can eat itself while its loss falls: masks that all shrink, or all grow, agree
with each other perfectly. What cannot be fooled is the frozen model beside it.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median

from pointsam.config import WatchSettings
from pointsam.training.pseudo_labels import PseudoLabels, mean_agreement, median_area


class RunCollapsedError(RuntimeError):
    """The pseudo-masks have left the frozen model's so far behind that training on is harm."""


@dataclass(frozen=True)
class Measurement:
    """The teacher's pseudo-masks of one batch beside those of the frozen model."""

    count: int
    """Believed pseudo-masks."""
    share: float
    """Believed pseudo-masks over instances."""
    median_area: float
    """Of the believed pseudo-masks, in low-res pixels."""
    area_change: float
    """Their median area over that of the frozen model's believed masks; 1 where either has none."""
    agreement: float
    """Mean IoU with the frozen model's masks, believed or not."""


def measure(labels: Sequence[PseudoLabels], frozen: Sequence[PseudoLabels]) -> Measurement:
    """Set the teacher's pseudo-masks beside the frozen model's of the same images."""
    count = sum(int(label.believed.sum()) for label in labels)
    instances = sum(len(label.believed) for label in labels)
    area, frozen_area = median_area(labels), median_area(frozen)
    return Measurement(
        count=count,
        share=count / instances,
        median_area=area,
        area_change=area / frozen_area if area and frozen_area else 1.0,
        agreement=float(mean_agreement(labels, frozen)),
    )


class Watch:
    """Judges the last measurements together: one odd image stops nothing."""

    def __init__(self, settings: WatchSettings) -> None:
        self._settings = settings
        self._recent: deque[Measurement] = deque(maxlen=settings.window)

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
        if agreement < limits.least_agreement:
            fault = f"agree with the frozen model's only by IoU {agreement:.2f}"
        elif change > limits.most_area_change:
            fault = f"flood: {change:.1f} times the area of the frozen model's"
        elif change < 1 / limits.most_area_change:
            fault = f"wither: {change:.2f} times the area of the frozen model's"
        elif share < limits.least_share:
            fault = f"are believable for only {share:.0%} of the instances"
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
            last.agreement >= limits.least_agreement
            and 1 / limits.most_area_change <= last.area_change <= limits.most_area_change
            and last.share >= limits.least_share
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
