"""The teacher: the student learns its masks of the weak view, where they are accepted."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from jaxtyping import Bool
from torch import Tensor

from pointsam.data.sample import Sample
from pointsam.masks import agree_with_clicks, threshold
from pointsam.models.adapters.lora import Adapter, AdapterAverage
from pointsam.models.calibration import Calibration, JointMasks, decode_jointly
from pointsam.models.choice import SINGLE_MASK, ChooseMask
from pointsam.models.segmenter import Embedding, FrozenFeatures, Segmenter
from pointsam.training.stages import TeacherSettings


@dataclass(frozen=True, eq=False)
class PseudoLabels:
    """The teacher's masks of one image, and which of them the student learns from."""

    masks: Bool[Tensor, "instances rows cols"]
    """In the low-res frame of the view they were made from."""
    accepted: Bool[Tensor, " instances"]
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
        choose: ChooseMask = SINGLE_MASK,
    ) -> None:
        self._model = model
        self._adapter = adapter
        self._settings = settings
        self._average = average
        self._choose = choose

    @torch.no_grad()
    def label(self, features: FrozenFeatures, samples: Sequence[Sample]) -> list[PseudoLabels]:
        """Label the weak views of some images: encode once, decode, calibrate, decode again."""
        with self._weights():
            return self._label(self._model.encode_adapted(features), samples)

    @torch.no_grad()
    def label_frozen(
        self, features: FrozenFeatures, samples: Sequence[Sample]
    ) -> list[PseudoLabels]:
        """Label with the frozen SAM, by the same rules; the collapse monitor compares with it."""
        with self._adapter.disabled():
            return self._label(self._model.encode_adapted(features), samples)

    @contextmanager
    def _weights(self) -> Iterator[None]:
        """Use the teacher's adapter weights inside the block."""
        if self._settings.weights == "frozen":
            chosen: AbstractContextManager[None] = self._adapter.disabled()
        elif self._settings.weights == "average":
            chosen = self._adapter.holding(self._average.state)
        else:
            chosen = nullcontext()
        with chosen:
            yield

    def _label(self, embedding: Embedding, samples: Sequence[Sample]) -> list[PseudoLabels]:
        """Decode with the weights in use; the adapter may change the decoder, too."""
        settings = self._settings
        calibration = Calibration(settings.iou_threshold, settings.max_negatives)
        labels = []
        for index, sample in enumerate(samples):
            joint = decode_jointly(
                self._model,
                embedding.one(index),
                sample.prompts,
                calibration=calibration,
                choose=self._choose,
            )
            masks = threshold(joint.masks.low_res_logits)
            accepted = agree_with_clicks(masks, sample.prompts) & (
                joint.masks.iou_prediction >= settings.min_iou_prediction
            )
            labels.append(PseudoLabels(masks, accepted, joint))
        return labels
