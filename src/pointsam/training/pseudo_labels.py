"""The teacher: its masks of the weak view are the student's targets, where they are believed."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor
from torch.nn import functional as F

from pointsam.data.sample import Sample
from pointsam.frames import LOW_RES_STRIDE
from pointsam.masks import threshold
from pointsam.models.adapters.lora import Adapter, AdapterAverage
from pointsam.models.calibration import JointMasks, decode_jointly
from pointsam.models.segmenter import Embedding, Segmenter, Stem
from pointsam.prompts import POSITIVE, PointPrompts
from pointsam.training.settings import TeacherSettings


@dataclass(frozen=True, eq=False)
class PseudoLabels:
    """The teacher's masks of one image, and which of them the student learns from."""

    masks: Bool[Tensor, "instances rows cols"]
    """In the low-res frame of the view they were made from."""
    believed: Bool[Tensor, " instances"]
    joint: JointMasks


class Teacher:
    """Gives pseudo-labels, without gradient; shares the base model with the student.

    Its adapter is the student's, a slow average of it, or none (the frozen SAM).
    """

    def __init__(
        self,
        model: Segmenter,
        adapter: Adapter,
        settings: TeacherSettings,
        *,
        average: AdapterAverage,
    ) -> None:
        self._model = model
        self._adapter = adapter
        self._settings = settings
        self._average = average

    @torch.no_grad()
    def label(self, stem: Stem, samples: Sequence[Sample]) -> list[PseudoLabels]:
        """Label the weak views of some images: encode once, decode, calibrate, decode again."""
        with self._weights():
            embedding = self._model.encode_adapted(stem)
        return self._label(embedding, samples)

    @torch.no_grad()
    def label_frozen(self, stem: Stem, samples: Sequence[Sample]) -> list[PseudoLabels]:
        """Label as the frozen SAM would, by the same rules: what a run is watched against."""
        with self._adapter.disabled():
            embedding = self._model.encode_adapted(stem)
        return self._label(embedding, samples)

    @contextmanager
    def _weights(self) -> Iterator[None]:
        """Put the teacher's adapter on inside the block."""
        if self._settings.weights == "frozen":
            chosen: AbstractContextManager[None] = self._adapter.disabled()
        elif self._settings.weights == "average":
            chosen = self._adapter.holding(self._average.state)
        else:
            chosen = nullcontext()
        with chosen:
            yield

    def _label(self, embedding: Embedding, samples: Sequence[Sample]) -> list[PseudoLabels]:
        labels = []
        for index, sample in enumerate(samples):
            joint = decode_jointly(
                self._model,
                embedding.one(index),
                sample.prompts,
                iou_threshold=self._settings.iou_threshold,
                most_negatives=self._settings.most_negatives,
            )
            masks = threshold(joint.low_res_logits)
            believed = believable(masks, sample.prompts) & (
                joint.iou_prediction >= self._settings.least_iou_prediction
            )
            labels.append(PseudoLabels(masks, believed, joint))
        return labels


def believable(
    masks: Bool[Tensor, "instances rows cols"], prompts: PointPrompts
) -> Bool[Tensor, " instances"]:
    """Say which masks agree with all the clicks that are known about them.

    A mask must hold its own positive points, to a low-res pixel, and no positive point of
    another instance: instances do not overlap, so a mask that holds a neighbour's click is wrong,
    whatever the model thinks of it. Without this, a mask that floods its neighbours teaches
    flooding.

    Args:
        masks: in the low-res frame.
        prompts: the annotator's, in the model frame; best on the processor.
    """
    if not len(prompts):
        return masks.new_zeros(0)
    points, owner = prompts.positives()
    cells = (points / LOW_RES_STRIDE).long().clamp(0, masks.shape[-1] - 1)
    col, row = cells.to(masks.device, non_blocking=True).unbind(-1)
    holds = masks[:, row, col]
    nearly_holds = F.max_pool2d(masks[:, None].float(), 3, stride=1, padding=1)[:, 0, row, col] > 0
    own = owner[None, :] == torch.arange(len(masks), device=owner.device)[:, None]
    own = own.to(masks.device, non_blocking=True)
    has_positive = (prompts.labels == POSITIVE).any(dim=1).to(masks.device, non_blocking=True)
    return has_positive & (nearly_holds | ~own).all(dim=1) & ~(holds & ~own).any(dim=1)
