"""Compares direct and adapted model on held-out clicks, without annotated masks.

None of these numbers is an accuracy: a mask may contain its clicks, have a high estimate and no
overlap, and still be wrong. But they fall when a run makes things worse.
"""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pointsam.data.dataset import ImageSource, load_sample
from pointsam.data.records import ImageRecord
from pointsam.data.sample import Sample
from pointsam.figures import draw_panel, save_picture, side_by_side, stack
from pointsam.masks import agree_with_clicks, count_pixels, masks_in_image, overlap_rate, threshold
from pointsam.models.adapters.lora import Adapter, AdapterState
from pointsam.models.encoding import Precision
from pointsam.models.segment import segment
from pointsam.models.segmenter import Segmenter

Kept = TypeVar("Kept")

_logger = logging.getLogger(__name__)

FIGURE_NAME = "held_out.png"
SEEN_FIGURE_NAME = "seen.png"
SEEN_IMAGES = 12
"""Training images to compare on, for a run without held-out ones."""
_DRAWN = 3
"""Chips in the figure: those with the most objects."""


@dataclass(frozen=True)
class HeldOut:
    """Direct and adapted model on the same held-out clicks; all but counts are shares."""

    images: int
    instances: int
    direct_agreeing: float
    """Masks that contain their own clicks and no other object's."""
    adapted_agreeing: float
    direct_overlap: float
    """Masked pixels in two or more masks, mean over images."""
    adapted_overlap: float
    direct_iou_prediction: float
    """SAM's own estimate of its masks' IoU, mean over instances."""
    adapted_iou_prediction: float
    kept: float
    """IoU of each mask before and after adaptation, mean over instances; of two empty ones 0."""

    def scores(self, *, prefix: str = "held_out") -> dict[str, float]:
        """Give the numbers by name, for the adapter's card."""
        return {f"{prefix}_{name}": round(float(v), 4) for name, v in asdict(self).items()}


def spread(records: Sequence[Kept], count: int) -> list[Kept]:
    """Keep at most `count` records, evenly from first to last."""
    places = np.linspace(0, len(records) - 1, min(count, len(records)))
    return [records[round(float(place))] for place in places]


def warn_if_worse(found: HeldOut) -> None:
    """Warn where the adapted model agrees with fewer clicks than the frozen one."""
    if found.adapted_agreeing < found.direct_agreeing:
        _logger.warning(
            "%.0f %% of the adapted model's masks agree with all clicks, %.0f %% of the frozen "
            "one's do: the run made things worse; look at its figures before you use the adapter.",
            100 * found.adapted_agreeing,
            100 * found.direct_agreeing,
        )


@dataclass(frozen=True, eq=False)
class _Answer:
    logits: Float[Tensor, "instances rows cols"]
    iou_prediction: Float[Tensor, " instances"]
    masks: Bool[Tensor, "instances rows cols"]
    """In the low-res frame, without the padding."""


@torch.no_grad()
def compare_held_out(
    model: Segmenter,
    adapter: Adapter,
    records: Sequence[ImageRecord],
    images: ImageSource,
    *,
    adapted: AdapterState,
    precision: Precision,
    figure: Path,
) -> HeldOut:
    """Segment held-out clicks without and with the trained adapter.

    Args:
        model: with `adapter` on it.
        adapter: that was trained.
        records: with clicks that the run did not see; at least one instance each.
        images: gives their pixels.
        adapted: the adapter's weights that are the result of the run.
        precision: of the encoder.
        figure: PNG to write: direct beside adapted.
    """
    rows: list[tuple[Sample, _Answer, _Answer]] = []
    for record in records:
        sample = load_sample(record, images, side=model.side, stride=model.stride)
        with adapter.disabled():
            direct = _answer(model, sample, precision=precision)
        with adapter.holding(adapted):
            with_adapter = _answer(model, sample, precision=precision)
        rows.append((sample, direct, with_adapter))
    _draw(rows, images, records, figure)
    return HeldOut(
        images=len(rows),
        instances=sum(len(direct.logits) for _, direct, _ in rows),
        direct_agreeing=_agreeing([(sample, direct) for sample, direct, _ in rows]),
        adapted_agreeing=_agreeing([(sample, adapted) for sample, _, adapted in rows]),
        direct_overlap=_overlap([direct for _, direct, _ in rows]),
        adapted_overlap=_overlap([adapted for _, _, adapted in rows]),
        direct_iou_prediction=_sureness([direct for _, direct, _ in rows]),
        adapted_iou_prediction=_sureness([adapted for _, _, adapted in rows]),
        kept=_mean(torch.cat([count_pixels(old.masks, new.masks).iou for _, old, new in rows])),
    )


def _answer(model: Segmenter, sample: Sample, *, precision: Precision) -> _Answer:
    decoded = segment(model, sample.pixels, sample.prompts, precision=precision)
    logits = decoded.low_res_logits.float().cpu()
    masks = threshold(logits) & sample.frame.low_res_valid()
    return _Answer(logits, decoded.iou_prediction.float().cpu(), masks)


def _agreeing(rows: Sequence[tuple[Sample, _Answer]]) -> float:
    return _mean(
        torch.cat([agree_with_clicks(a.masks, sample.prompts).float() for sample, a in rows])
    )


def _overlap(answers: Sequence[_Answer]) -> float:
    return float(np.mean([overlap_rate(answer.masks) for answer in answers]))


def _sureness(answers: Sequence[_Answer]) -> float:
    return _mean(torch.cat([answer.iou_prediction for answer in answers]))


def _mean(values: Float[Tensor, " values"]) -> float:
    return float(values.mean())


def _draw(
    rows: Sequence[tuple[Sample, _Answer, _Answer]],
    images: ImageSource,
    records: Sequence[ImageRecord],
    path: Path,
) -> None:
    order = sorted(range(len(rows)), key=lambda index: -len(rows[index][1].logits))
    pairs = []
    for index in order[:_DRAWN]:
        sample, *answers = rows[index]
        points = sample.frame.to_image(sample.prompts.points).numpy()
        pairs.append(
            side_by_side(
                [
                    draw_panel(
                        images(records[index]),
                        masks=masks_in_image(answer.logits, sample.frame).numpy(),
                        points=points,
                        labels=sample.prompts.labels.numpy(),
                        title=title,
                    )
                    for answer, title in zip(answers, ("direct", "adapted"), strict=True)
                ]
            )
        )
    save_picture(stack(pairs), path)
