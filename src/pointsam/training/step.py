"""One optimizer step: it sets the adapter's gradient from a batch of views, and reports.

The weak view is encoded once, by the teacher, and the strong view once, by the student. Each
chunk of instances is decoded and back-propagated by itself (``backward.py``), so memory does not
grow with the number of instances, and nothing below the first adapted block keeps a graph.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from pointsam.data.sample import TrainingSample
from pointsam.models.adapters.lora import Adapter, AdapterAverage
from pointsam.models.choice import SINGLE_MASK
from pointsam.models.encoding import Precision
from pointsam.models.segmenter import Embedding, FrozenFeatures, ImageTerms, Segmenter, chunks
from pointsam.prompts import Prompts
from pointsam.training.backward import ChunkedBackward, set_gradient
from pointsam.training.collapse_monitor import Measurement, measure
from pointsam.training.losses import (
    BACKGROUND_TERM,
    MASK_TERMS,
    PROTOTYPE_TERM,
    background_loss,
    weighted_mask_terms,
)
from pointsam.training.prototypes import PrototypeRegularizer, point_features
from pointsam.training.pseudo_labels import PseudoLabels, Teacher
from pointsam.training.ranks import ALONE, Ranks
from pointsam.training.report import PartTimer, StepReport

Look = Literal["weak", "strong"]
FrozenFeatureSource = Callable[[Sequence[TrainingSample], Look], FrozenFeatures]
"""Gives the frozen part's output for some views: computed, or read from a cache."""


@dataclass(frozen=True, eq=False)
class Target:
    """The masks of one image that the student learns."""

    masks: Bool[Tensor, "instances rows cols"] | Float[Tensor, "instances rows cols"]
    """Masks, or the share of each low-res pixel that they cover."""
    accepted: Bool[Tensor, " instances"]
    """On the CPU, which must know how many instances the decoder gets."""
    weights: Float[Tensor, " instances"] | None = None
    """Trust in each mask, on the CPU; None where all count alike."""


@dataclass(frozen=True, eq=False)
class Trainer:
    """The parts of a run that a step uses; `step` sets the gradient of the adapter's parameters.

    In a float16 run the gradient is multiplied by the scaler's factor, and the loop divides by it
    before the optimizer runs. All processes have the same gradient, so all skip a step or none.
    """

    model: Segmenter
    adapter: Adapter
    average: AdapterAverage
    """Slow average of the adapter: the result of the run."""
    frozen_features: FrozenFeatureSource
    teacher: Teacher | None
    """None where masks are given: labels, or annotated ones."""
    regularizer: PrototypeRegularizer | None
    weights: Mapping[str, float]
    """Of the loss terms, by name."""
    gamma: float = 2.0
    """Exponent of the focal loss."""
    focal_mean: bool = False
    """Whether focal is averaged over an image's instances; else it is their sum."""
    soft_edges: bool = False
    """Whether given masks are learned as the share of each low-res pixel that they cover."""
    precision: Precision = "float32"
    scaler: torch.amp.GradScaler | None = None
    """Of a float16 run; other precisions need none."""
    ranks: Ranks = ALONE
    timer: PartTimer = field(default_factory=PartTimer)

    @property
    def terms(self) -> tuple[str, ...]:
        """Name the loss terms, in the order of a report's numbers."""
        prototype = (PROTOTYPE_TERM,) if self.regularizer is not None else ()
        background = (BACKGROUND_TERM,) if self.weights[BACKGROUND_TERM] else ()
        return (*MASK_TERMS, *prototype, *background)

    def step(
        self, batch: Sequence[TrainingSample], *, measured: bool, images: int | None = None
    ) -> StepReport:
        """Set the gradient of one batch, the same on all ranks.

        Args:
            batch: this rank's share of the step's views, with at least one instance each; it may
                be empty while another rank's is not.
            measured: also measure each term's gradient, and compare the teacher with the frozen
                model. This costs a backward pass for each term, one more encode and one decode.
            images: in the step on all ranks together; those of `batch` if not given.
        """
        scale = self._scale()
        backward = ChunkedBackward(self.adapter.parameters(), split=measured, scale=scale)
        with self._autocast():
            targets, monitored = self._targets(batch, measured=measured)
            embedding = None
            if batch:
                with self.timer.part("encode strong"):
                    embedding = self.model.encode_adapted(self.frozen_features(batch, "strong"))
            sums = self._decode(batch, targets, embedding, backward, images or len(batch))
            if self.regularizer is not None:
                sums[PROTOTYPE_TERM] = self._regularize(batch, embedding, backward)
        with self.timer.part("backward"):
            gradient = backward.spend(self.terms)
        with self.timer.part("exchange"):
            gradient, numbers = self._exchange(gradient, self._numbers(sums, targets))
        set_gradient(self.adapter.parameters(), gradient.sum(dim=0))
        return StepReport(
            terms=self.terms,
            sums=numbers,
            norms=gradient.norm(dim=1) / scale if measured else None,
            monitored=monitored,
        )

    def _scale(self) -> float | Tensor:
        """Give the factor on every loss, without waiting for a GPU."""
        if self.scaler is None:
            return 1.0
        factor: Tensor = self.scaler.scale(torch.ones((), device=self.model.device))
        return factor

    def _numbers(
        self, sums: dict[str, Tensor], targets: Sequence[Target]
    ) -> Float[Tensor, " numbers"]:
        """Give this rank's losses and counts as one vector."""
        instances = sum(len(target.accepted) for target in targets)
        accepted = sum(int(target.accepted.sum()) for target in targets)
        counts = torch.tensor([float(instances), float(accepted)])
        losses = torch.stack([sums[name] for name in self.terms])
        return torch.cat([losses, counts.to(losses.device, non_blocking=True)])

    def _exchange(
        self, gradient: Float[Tensor, "terms numbers"], numbers: Float[Tensor, " reported"]
    ) -> tuple[Float[Tensor, "terms numbers"], Float[Tensor, " reported"]]:
        """Add up the gradients and the reports of all ranks, in one message.

        Nothing is divided: each rank's losses are already shares of a mean over all images, and
        of one prototype term over all features.
        """
        message = self.ranks.sum(torch.cat([gradient.flatten(), numbers.to(gradient)]))
        summed, reported = message.split([gradient.numel(), len(numbers)])
        return summed.view_as(gradient), reported

    def _autocast(self) -> AbstractContextManager[object]:
        return torch.autocast(
            self.model.device.type,
            dtype=getattr(torch, self.precision),
            enabled=self.precision != "float32",
        )

    def _targets(
        self, batch: Sequence[TrainingSample], *, measured: bool
    ) -> tuple[list[Target], Measurement | None]:
        """Ask the teacher; where there is none, take the given masks."""
        if self.teacher is None:
            return [self._given(view) for view in batch], None
        samples = [view.sample for view in batch]
        labels: list[PseudoLabels] = []
        frozen: list[PseudoLabels] = []
        if batch:
            with self.timer.part("encode weak"):
                features = self.frozen_features(batch, "weak")
            with self.timer.part("label"):
                labels = self.teacher.label(features, samples)
            if measured:
                with self.timer.part("monitor"):
                    frozen = self.teacher.label_frozen(features, samples)
        monitored = None
        if measured:
            with self.timer.part("exchange"):
                monitored = measure(labels, frozen, device=self.model.device, ranks=self.ranks)
        return _targets(labels), monitored

    def _given(self, view: TrainingSample) -> Target:
        masks = view.low_res_masks
        if view.cover is None or masks is None:
            raise ValueError(f"{view.sample.file_name} was loaded without its masks.")
        trust = torch.tensor(view.sample.weights or ())
        if not len(trust):
            trust = torch.ones(len(masks))
        drawn = masks.flatten(1).any(dim=1) & (trust > 0)
        learned = view.cover if self.soft_edges else masks
        return Target(learned.to(self.model.device, non_blocking=True), drawn, trust)

    def _decode(
        self,
        batch: Sequence[TrainingSample],
        targets: Sequence[Target],
        embedding: Embedding | None,
        backward: ChunkedBackward,
        images: int,
    ) -> dict[str, Tensor]:
        """Decode every image chunk by chunk; give each term's share of the mean over `images`."""
        sums = {name: torch.zeros((), device=self.model.device) for name in self.terms}
        for index, (view, target) in enumerate(zip(batch, targets, strict=True)):
            assert embedding is not None
            with self.timer.part("decode"):
                leaves = backward.share(self.model.prepare(embedding.one(index)))
                for losses in self._losses(view, target, leaves):
                    losses = {name: loss / images for name, loss in losses.items()}
                    backward.add(losses, leaves)
                    for name, loss in losses.items():
                        sums[name] += loss.detach()
        return sums

    def _losses(
        self, view: TrainingSample, target: Target, terms: ImageTerms
    ) -> Iterator[dict[str, Tensor]]:
        """Give the weighted terms of one image, chunk by chunk."""
        yield from self._chunk_losses(view, target, terms)
        if view.background is not None and self.weights[BACKGROUND_TERM]:
            yield from self._background_losses(view.background, terms)

    def _background_losses(
        self, prompts: Prompts, terms: ImageTerms
    ) -> Iterator[dict[str, Tensor]]:
        """Give what the model says of masks where no object is; their mean over the prompts."""
        weight = self.weights[BACKGROUND_TERM] / len(prompts)
        for chunk in chunks(prompts, self.model.chunk_size):
            points = chunk.prompts.to(self.model.device)
            decoded = self.model.decode_chunk(terms, points.points, points.labels)
            found = SINGLE_MASK(decoded.low_res_logits, decoded.iou_prediction)
            yield {BACKGROUND_TERM: weight * background_loss(found.iou_prediction).sum()}

    def _chunk_losses(
        self, view: TrainingSample, target: Target, terms: ImageTerms
    ) -> Iterator[dict[str, Tensor]]:
        """Give the weighted terms of the image's objects, chunk by chunk."""
        device = self.model.device
        [kept] = target.accepted.nonzero(as_tuple=True)
        prompts: Prompts = view.sample.prompts[kept]
        valid = view.sample.frame.low_res_valid().to(device, non_blocking=True)
        for chunk in chunks(prompts, self.model.chunk_size):
            points = chunk.prompts.to(device)
            decoded = self.model.decode_chunk(terms, points.points, points.labels)
            student = SINGLE_MASK(decoded.low_res_logits, decoded.iou_prediction)
            trust = None
            if target.weights is not None:
                trust = target.weights[kept[chunk.instances]].to(device, non_blocking=True)
            yield weighted_mask_terms(
                student.low_res_logits,
                student.iou_prediction,
                target.masks[kept[chunk.instances].to(device, non_blocking=True)],
                valid,
                trust=trust,
                weights=self.weights,
                gamma=self.gamma,
                focal_mean=self.focal_mean,
                of=len(kept),
            )

    def _regularize(
        self,
        batch: Sequence[TrainingSample],
        embedding: Embedding | None,
        backward: ChunkedBackward,
    ) -> Tensor:
        """Give the prototype term of the live point features, then add them to the bank.

        Each rank computes the term over the features of all ranks, but only its own carry
        gradient, so the ranks' gradients add up to that of one process.

        Returns:
            The term's value on the first rank, 0 on the others.
        """
        assert self.regularizer is not None
        own = [self.regularizer.target[:0]]
        if embedding is not None:
            own += [
                point_features(one, view.sample.frame, view.sample.prompts)
                for one, view in zip(self.model.feature_map(embedding), batch, strict=True)
            ]
        with self.timer.part("exchange"):
            features = self.ranks.gather(torch.cat(own))
        loss = self.weights[PROTOTYPE_TERM] * self.regularizer.loss(features)
        backward.add_direct(PROTOTYPE_TERM, loss)
        self.regularizer.push(features)
        return loss.detach() if self.ranks.first else torch.zeros_like(loss)


def _targets(labels: Sequence[PseudoLabels]) -> list[Target]:
    """Make targets of the teacher's labels, with one copy to the CPU for all images."""
    if not labels:
        return []
    accepted = torch.cat([label.accepted for label in labels]).cpu()
    parts = accepted.split([len(label.accepted) for label in labels])
    return [Target(label.masks, part) for label, part in zip(labels, parts, strict=True)]
