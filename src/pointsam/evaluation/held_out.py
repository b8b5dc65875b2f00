"""Compares direct and adapted model on held-out clicks, without annotated masks.

None of these numbers is an accuracy: a mask may contain its clicks, have a high estimate and no
overlap, and still be wrong. But they fall when a run makes things worse.
"""

from collections.abc import Iterator, Sequence
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
from pointsam.frames import mirrored
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


@dataclass(frozen=True, eq=False)
class Judged:
    """What clicks say of one model's masks in one image, object by object."""

    agreeing: Float[Tensor, " instances"]
    """1 for a mask that contains its own clicks and no other object's."""
    overlap: float
    iou_prediction: Float[Tensor, " instances"]
    steadiness: Float[Tensor, " instances"]


@dataclass(frozen=True, eq=False)
class Compared:
    """What clicks say of both models in one image, without the masks: images may be many."""

    direct: Judged
    adapted: Judged
    kept: Float[Tensor, " instances"]


@torch.no_grad()
def look_at(
    model: Segmenter,
    adapter: Adapter,
    records: Sequence[ImageRecord],
    images: ImageSource,
    *,
    adapted: AdapterState,
    precision: Precision,
) -> Iterator[Looked]:
    """Segment clicks without and with the trained adapter, each image as it is and mirrored.

    Images come one by one, so that no more of them are in memory than the caller keeps.

    Args:
        model: with `adapter` on it.
        adapter: that was trained.
        records: with clicks, best such as the run did not see; at least one instance each.
        images: gives their pixels.
        adapted: the adapter's weights that are the result of the run.
        precision: of the encoder.
    """
    for record in records:
        sample = load_sample(record, images, side=model.side, stride=model.stride)
        with adapter.disabled():
            direct = answer(model, sample, precision=precision)
        with adapter.holding(adapted):
            after = answer(model, sample, precision=precision)
        yield Looked(record, sample, direct, after)


def compare_masks(row: Looked) -> Compared:
    """Judge the masks of both models in one image."""
    return Compared(
        _judge(row.sample, row.direct),
        _judge(row.sample, row.adapted),
        count_pixels(row.direct.masks, row.adapted.masks).iou,
    )


def _judge(sample: Sample, answer: Answer) -> Judged:
    return Judged(
        agreeing=agree_with_clicks(answer.masks, sample.prompts).float(),
        overlap=overlap_rate(answer.masks),
        iou_prediction=answer.iou_prediction,
        steadiness=count_pixels(answer.masks, answer.mirrored).iou,
    )


def compare(found: Sequence[Compared], *, energies: tuple[float, float]) -> HeldOut:
    """Give the numbers of both models.

    Args:
        found: of each image; one at least.
        energies: of the direct and of the adapted model's masks.
    """
    direct = [image.direct for image in found]
    adapted = [image.adapted for image in found]
    return HeldOut(
        images=len(found),
        instances=sum(len(image.kept) for image in found),
        direct_agreeing=_mean([image.agreeing for image in direct]),
        adapted_agreeing=_mean([image.agreeing for image in adapted]),
        direct_overlap=float(np.mean([image.overlap for image in direct])),
        adapted_overlap=float(np.mean([image.overlap for image in adapted])),
        direct_iou_prediction=_mean([image.iou_prediction for image in direct]),
        adapted_iou_prediction=_mean([image.iou_prediction for image in adapted]),
        direct_steadiness=_mean([image.steadiness for image in direct]),
        adapted_steadiness=_mean([image.steadiness for image in adapted]),
        direct_energy=energies[0],
        adapted_energy=energies[1],
        kept=_mean([image.kept for image in found]),
    )


def _mean(values: Sequence[Float[Tensor, "_"]]) -> float:
    return float(torch.cat(list(values)).mean())


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
        return torch.stack([mirrored(x, width), y], dim=-1)

    decoded = segment(model, sample.pixels.flip(2), sample.prompts.moved(turn), precision=precision)
    valid = sample.frame.low_res_valid()
    masks = threshold(decoded.low_res_logits.float().cpu()) & valid
    cols = int(valid.any(dim=0).sum())
    back = torch.zeros_like(masks)
    back[..., :cols] = masks[..., :cols].flip(2)
    return back


def largest(rows: Sequence[Looked]) -> list[Looked]:
    """Keep the few images with the most objects, as a figure shows them."""
    return sorted(rows, key=lambda row: -len(row.direct.logits))[:_DRAWN]


def draw(rows: Sequence[Looked], images: ImageSource, path: Path) -> None:
    """Draw the images with the most objects, direct beside adapted."""
    save_picture(stack([_pair(row, images) for row in largest(rows)]), path)


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
