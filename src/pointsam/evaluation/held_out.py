"""Compares direct and adapted model on held-out clicks, without annotated masks.

None of these numbers is an accuracy: a mask may contain its clicks, have a high estimate and no
overlap, and still be wrong. But they fall when a run makes things worse.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
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

FIGURE_NAME = "held_out.png"
SEEN_FIGURE_NAME = "seen.png"
SEEN_IMAGES = 12
"""Training images to compare on, for a run without held-out ones."""
_DRAWN = 3
"""Chips in the figure: those with the most objects."""


@dataclass(frozen=True)
class HeldOut:
    """Direct and adapted model on the same held-out clicks.

    All but counts and energies are shares.
    """

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
    direct_steadiness: float
    """IoU of each mask with that of the mirrored image, mean over instances."""
    adapted_steadiness: float
    direct_energy: float
    """Energy of the masks, chosen together with those of the other model; mean over instances."""
    adapted_energy: float
    kept: float
    """IoU of each mask before and after adaptation, mean over instances; of two empty ones 0."""

    def scores(self, *, prefix: str = "held_out") -> dict[str, float]:
        """Give the numbers by name, for the adapter's card."""
        return {f"{prefix}_{name}": round(float(v), 4) for name, v in asdict(self).items()}


def spread(records: Sequence[Kept], count: int) -> list[Kept]:
    """Keep at most `count` records, evenly from first to last."""
    places = np.linspace(0, len(records) - 1, min(count, len(records)))
    return [records[round(float(place))] for place in places]


@dataclass(frozen=True, eq=False)
class Answer:
    """Masks of one model for the clicks of one image."""

    logits: Float[Tensor, "instances rows cols"]
    iou_prediction: Float[Tensor, " instances"]
    masks: Bool[Tensor, "instances rows cols"]
    """Masks in the low-res frame, without the padding."""
    mirrored: Bool[Tensor, "instances rows cols"]
    """Those of the mirrored image, turned back."""


@dataclass(frozen=True, eq=False)
class Looked:
    """One image, as both models see it."""

    record: ImageRecord
    sample: Sample
    direct: Answer
    adapted: Answer


@torch.no_grad()
def look_at(
    model: Segmenter,
    adapter: Adapter,
    records: Sequence[ImageRecord],
    images: ImageSource,
    *,
    adapted: AdapterState,
    precision: Precision,
) -> list[Looked]:
    """Segment clicks without and with the trained adapter, each image as it is and mirrored.

    Args:
        model: with `adapter` on it.
        adapter: that was trained.
        records: with clicks, best such as the run did not see; at least one instance each.
        images: gives their pixels.
        adapted: the adapter's weights that are the result of the run.
        precision: of the encoder.
    """
    rows = []
    for record in records:
        sample = load_sample(record, images, side=model.side, stride=model.stride)
        with adapter.disabled():
            direct = answer(model, sample, precision=precision)
        with adapter.holding(adapted):
            rows.append(Looked(record, sample, direct, answer(model, sample, precision=precision)))
    return rows


def compare(rows: Sequence[Looked], *, energies: tuple[float, float]) -> HeldOut:
    """Give the numbers of both models.

    Args:
        rows: of at least one image.
        energies: of the direct and of the adapted model's masks.
    """
    direct = [(row.sample, row.direct) for row in rows]
    adapted = [(row.sample, row.adapted) for row in rows]
    kept = [count_pixels(row.direct.masks, row.adapted.masks).iou for row in rows]
    return HeldOut(
        images=len(rows),
        instances=sum(len(row.direct.logits) for row in rows),
        direct_agreeing=_agreeing(direct),
        adapted_agreeing=_agreeing(adapted),
        direct_overlap=_overlap(direct),
        adapted_overlap=_overlap(adapted),
        direct_iou_prediction=_sureness(direct),
        adapted_iou_prediction=_sureness(adapted),
        direct_steadiness=_steadiness(direct),
        adapted_steadiness=_steadiness(adapted),
        direct_energy=energies[0],
        adapted_energy=energies[1],
        kept=_mean(torch.cat(kept)),
    )


def answer(model: Segmenter, sample: Sample, *, precision: Precision) -> Answer:
    """Segment the clicks of one image and of its mirror image with the active weights."""
    decoded = segment(model, sample.pixels, sample.prompts, precision=precision)
    logits = decoded.low_res_logits.float().cpu()
    masks = threshold(logits) & sample.frame.low_res_valid()
    return Answer(
        logits,
        decoded.iou_prediction.float().cpu(),
        masks,
        _of_mirrored(model, sample, precision=precision),
    )


def _of_mirrored(
    model: Segmenter, sample: Sample, *, precision: Precision
) -> Bool[Tensor, "instances rows cols"]:
    """Segment the image turned over from left to right; give the masks turned back.

    Where the image's width is no whole number of low-res pixels, they are a part of one off.
    """
    width = sample.frame.resized_size[1]

    def turn(points: Tensor) -> Tensor:
        x, y = points.unbind(-1)
        return torch.stack([(width - 1 - x).clamp(min=0), y], dim=-1)

    decoded = segment(model, sample.pixels.flip(2), sample.prompts.moved(turn), precision=precision)
    valid = sample.frame.low_res_valid()
    masks = threshold(decoded.low_res_logits.float().cpu()) & valid
    cols = int(valid.any(dim=0).sum())
    back = torch.zeros_like(masks)
    back[..., :cols] = masks[..., :cols].flip(2)
    return back


_Rows = Sequence[tuple[Sample, Answer]]


def _agreeing(rows: _Rows) -> float:
    return _mean(
        torch.cat([agree_with_clicks(a.masks, sample.prompts).float() for sample, a in rows])
    )


def _overlap(rows: _Rows) -> float:
    return float(np.mean([overlap_rate(answer.masks) for _, answer in rows]))


def _sureness(rows: _Rows) -> float:
    return _mean(torch.cat([answer.iou_prediction for _, answer in rows]))


def _steadiness(rows: _Rows) -> float:
    return _mean(torch.cat([count_pixels(a.masks, a.mirrored).iou for _, a in rows]))


def _mean(values: Float[Tensor, " values"]) -> float:
    return float(values.mean())


def draw(rows: Sequence[Looked], images: ImageSource, path: Path) -> None:
    """Draw the images with the most objects, direct beside adapted."""
    order = sorted(range(len(rows)), key=lambda index: -len(rows[index].direct.logits))
    save_picture(stack([_pair(rows[index], images) for index in order[:_DRAWN]]), path)


def _pair(row: Looked, images: ImageSource) -> UInt8[np.ndarray, "height width 3"]:
    points = row.sample.frame.to_image(row.sample.prompts.points).numpy()
    return side_by_side(
        [
            draw_panel(
                images(row.record),
                masks=masks_in_image(answer.logits, row.sample.frame).numpy(),
                points=points,
                labels=row.sample.prompts.labels.numpy(),
                title=title,
            )
            for answer, title in ((row.direct, "direct"), (row.adapted, "adapted"))
        ]
    )
