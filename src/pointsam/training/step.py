"""One optimizer step: a batch of views in, the gradient on the adapter, a report out.

The weak view is encoded once, by the teacher, and the strong view once, by the student. Each
chunk of instances is decoded and back-propagated by itself (``backward.py``), so memory does not
grow with the number of instances, and nothing below the first adapted block keeps a graph.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Bool
from torch import Tensor

from pointsam.config import LossSettings, Precision
from pointsam.data.sample import TrainingSample
from pointsam.models.lora import Adapter, AdapterAverage
from pointsam.models.segmenter import Embedding, ImageTerms, Segmenter, Stem, chunks
from pointsam.prompts import PointPrompts
from pointsam.training.backward import TOTAL, ChunkedBackward
from pointsam.training.losses import dice_loss, focal_loss, iou_head_loss
from pointsam.training.prototypes import PrototypeRegularizer, point_features
from pointsam.training.pseudo_labels import Teacher
from pointsam.training.timing import PartTimer
from pointsam.training.watch import Measurement, measure

Look = Literal["weak", "strong"]
StemSource = Callable[[Sequence[TrainingSample], Look], Stem]
"""Gives the frozen part's output for some views: computed, or read from a cache."""


@dataclass(frozen=True)
class StepReport:
    """What one step saw; all numbers are plain."""

    losses: dict[str, float]
    """Weighted terms ``focal``, ``dice``, ``iou``, ``prototype``, and their sum ``total``."""
    instances: int
    believed: int
    """Instances that had a target: believed pseudo-masks, or annotated masks that are not empty."""
    gradient_norms: dict[str, float] = field(default_factory=dict)
    """Of each term on the adapter's weights; only at measured steps."""
    watched: Measurement | None = None
    """The teacher beside the frozen model; only at measured steps of a run with a teacher."""


@dataclass(frozen=True, eq=False)
class Target:
    """What the student's masks of one image should be."""

    masks: Bool[Tensor, "instances rows cols"]
    believed: Bool[Tensor, " instances"]


@dataclass(frozen=True, eq=False)
class Learner:
    """All that a step needs; `step` leaves the gradient on the adapter's parameters."""

    model: Segmenter
    adapter: Adapter
    average: AdapterAverage
    """Slow average of the adapter: the result of the run."""
    stems: StemSource
    teacher: Teacher | None
    """None in the supervised regime, which reads annotated masks."""
    regularizer: PrototypeRegularizer | None
    weights: LossSettings
    precision: Precision = "float32"
    timer: PartTimer = field(default_factory=PartTimer)

    def step(self, batch: Sequence[TrainingSample], *, measured: bool) -> StepReport:
        """Set the gradient of one batch.

        Args:
            batch: views with at least one instance each.
            measured: also measure each term's gradient and the teacher beside the frozen model,
                which costs a backward pass a term, one more encode and one more decode.
        """
        backward = ChunkedBackward(split=measured)
        with self._autocast():
            targets, watched = self._targets(batch, measured=measured)
            with self.timer.part("encode strong"):
                embedding = self.model.encode_adapted(self.stems(batch, "strong"))
            sums = self._decode(batch, targets, embedding, backward)
            if self.regularizer is not None:
                sums["prototype"] = self._regularize(batch, embedding, backward)
        with self.timer.part("backward"):
            norms = backward.spend(self.adapter.parameters())
        losses = {name: float(value) for name, value in sums.items()}
        return StepReport(
            losses={**losses, TOTAL: sum(losses.values())},
            instances=sum(len(target.believed) for target in targets),
            believed=sum(int(target.believed.sum()) for target in targets),
            gradient_norms=norms,
            watched=watched,
        )

    def _autocast(self) -> AbstractContextManager[object]:
        return torch.autocast(
            self.model.device.type,
            dtype=getattr(torch, self.precision),
            enabled=self.precision != "float32",
        )

    def _targets(
        self, batch: Sequence[TrainingSample], *, measured: bool
    ) -> tuple[list[Target], Measurement | None]:
        """Ask the teacher; where there is none, take the annotated masks."""
        if self.teacher is None:
            return [self._annotated(view) for view in batch], None
        samples = [view.sample for view in batch]
        with self.timer.part("encode weak"):
            stem = self.stems(batch, "weak")
        with self.timer.part("label"):
            labels = self.teacher.label(stem, samples)
        watched = None
        if measured:
            with self.timer.part("watch"):
                watched = measure(labels, self.teacher.label_frozen(stem, samples))
        return [Target(label.masks, label.believed) for label in labels], watched

    def _annotated(self, view: TrainingSample) -> Target:
        if view.low_res_masks is None:
            raise ValueError(f"{view.sample.file_name} was loaded without its masks.")
        masks = view.low_res_masks.to(self.model.device)
        return Target(masks, masks.flatten(1).any(dim=1))

    def _decode(
        self,
        batch: Sequence[TrainingSample],
        targets: Sequence[Target],
        embedding: Embedding,
        backward: ChunkedBackward,
    ) -> dict[str, Tensor]:
        """Decode every image chunk by chunk; give each term's sum."""
        sums = {
            name: torch.zeros((), device=self.model.device) for name in ("focal", "dice", "iou")
        }
        for index, (view, target) in enumerate(zip(batch, targets, strict=True)):
            with self.timer.part("decode"):
                leaves = backward.share(self.model.prepare(embedding.one(index)))
                for losses in self._chunk_losses(view, target, leaves):
                    losses = {name: loss / len(batch) for name, loss in losses.items()}
                    backward.add(losses, leaves)
                    for name, loss in losses.items():
                        sums[name] += loss.detach()
        return sums

    def _chunk_losses(
        self, view: TrainingSample, target: Target, terms: ImageTerms
    ) -> Iterator[dict[str, Tensor]]:
        """Give the weighted terms of one image, chunk by chunk.

        Focal is summed over the image's instances, Dice and the IoU head's error are averaged.
        """
        device = self.model.device
        [kept] = target.believed.nonzero(as_tuple=True)
        prompts: PointPrompts = view.sample.prompts.to(device)[kept]
        valid = view.sample.frame.low_res_valid().to(device)
        weights = self.weights
        for chunk in chunks(prompts, self.model.chunk_size):
            decoded = self.model.decode_chunk(terms, chunk.prompts.points, chunk.prompts.labels)
            logits = decoded.low_res_logits[:, 0]
            masks = target.masks[kept[chunk.instances]]
            iou_error = iou_head_loss(decoded.iou_prediction[:, 0], logits, masks, valid)
            focal = focal_loss(logits, masks, valid, gamma=weights.gamma)
            yield {
                "focal": weights.focal * focal.sum(),
                "dice": weights.dice * dice_loss(logits, masks, valid).sum() / len(kept),
                "iou": weights.iou * iou_error.sum() / len(kept),
            }

    def _regularize(
        self, batch: Sequence[TrainingSample], embedding: Embedding, backward: ChunkedBackward
    ) -> Tensor:
        """Hold the live point features to the target prototypes, then remember them."""
        assert self.regularizer is not None
        feature_map = self.model.feature_map(embedding)
        features = torch.cat(
            [
                point_features(one, view.sample.frame, view.sample.prompts.to(one.device))
                for one, view in zip(feature_map, batch, strict=True)
            ]
        )
        loss = self.weights.prototype * self.regularizer.loss(features)
        backward.add_direct("prototype", loss)
        self.regularizer.push(features)
        return loss.detach()
