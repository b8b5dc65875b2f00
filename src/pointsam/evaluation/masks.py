"""Scores of masks from fixed prompts, per instance, image, class and set; nothing is random."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pointsam.data.coco.masks import rasterise
from pointsam.data.dataset import draw_masks, folder_images, load_sample, model_prompts
from pointsam.data.records import Dataset, ImageRecord
from pointsam.data.sample import Sample
from pointsam.errors import InputError
from pointsam.masks import count_pixels, masks_in_image, overlap_rate
from pointsam.models.encoding import Precision, encode_with
from pointsam.models.segment import segment
from pointsam.models.segmenter import Embedding, Segmenter
from pointsam.prompts import Prompts

METRICS = ("iou", "f1", "precision", "recall")


@dataclass(frozen=True)
class InstanceScore:
    """How well one mask fits; all numbers in [0, 1], 0 for an empty prediction."""

    id: int
    category: str
    iou: float
    f1: float
    precision: float
    recall: float
    iou_prediction: float
    """SAM's own estimate of ``iou``; not clamped."""


@dataclass(frozen=True)
class ImageScore:
    """The scores of one image's instances; it has at least one."""

    file_name: str
    instances: tuple[InstanceScore, ...]
    overlap: float
    """Share of the predicted pixels that lie in two or more masks."""

    def mean(self, metric: str) -> float:
        """Give the mean of a metric over the image's instances."""
        return _mean(getattr(instance, metric) for instance in self.instances)


@dataclass(frozen=True)
class ClassScore:
    """Means over all instances of one class."""

    instances: int
    iou: float
    f1: float
    precision: float
    recall: float


@dataclass(frozen=True)
class Scores:
    """The scores of one point file on all images with instances."""

    images: tuple[ImageScore, ...]

    @property
    def instances(self) -> list[InstanceScore]:
        """Give the instances of all images, in their order."""
        return [instance for image in self.images for instance in image.instances]

    @property
    def overlap(self) -> float:
        """Give the mean over images of the overlap rate."""
        return _mean(image.overlap for image in self.images)

    def mean(self, metric: str) -> float:
        """Give the mean over instances of an image, then over images.

        Source: PointSAM (arXiv:2409.13401), the metrics of its tables.
        """
        return _mean(image.mean(metric) for image in self.images)

    def instance_mean(self, metric: str) -> float:
        """Give the mean over the instances of all images together."""
        return _mean(getattr(instance, metric) for instance in self.instances)

    def classes(self) -> dict[str, ClassScore]:
        """Give the means of each class that has instances, by name."""
        by_class: dict[str, list[InstanceScore]] = {}
        for instance in self.instances:
            by_class.setdefault(instance.category, []).append(instance)
        return {
            name: ClassScore(
                len(members),
                *(_mean(getattr(member, metric) for member in members) for metric in METRICS),
            )
            for name, members in sorted(by_class.items())
        }


def paired_records(datasets: Sequence[Dataset]) -> list[tuple[ImageRecord, ...]]:
    """Give, for each image with instances, its record of each point file.

    Args:
        datasets: masks with the points of one file each; the masks are the same in all.

    Raises:
        InputError: there is no instance to score.
    """
    rows = list(zip(*(data.images for data in datasets), strict=True))
    scored = [row for row in rows if row[0].instances]
    if not scored:
        raise InputError("no image has an instance with a mask: there is nothing to score.")
    return scored


@torch.no_grad()
def evaluate(
    model: Segmenter,
    rows: Iterable[tuple[ImageRecord, ...]],
    folder: Path,
    *,
    precision: Precision = "float32",
    with_boxes: bool = False,
) -> Iterator[tuple[ImageScore, ...]]:
    """Score image by image, one score for each point file; an image is encoded once.

    Args:
        model: with or without an adapter.
        rows: of `paired_records`.
        folder: that the file names are in.
        precision: of the encoder.
        with_boxes: prompt with the instances' boxes in place of their points.

    Raises:
        FileNotFoundError: an image is missing.
        InputError: an image cannot be read or is of another size, or an instance has no box.
    """
    images = folder_images(folder)
    for row in rows:
        sample = load_sample(row[0], images, side=model.side, stride=model.stride, with_masks=True)
        embedding = encode_with(model, [sample.pixels], precision=precision)
        yield tuple(
            score_image(
                model,
                embedding,
                sample,
                model_prompts(record, sample.frame, with_boxes=with_boxes),
            )
            for record in row
        )


def score_image(
    model: Segmenter, embedding: Embedding, sample: Sample, prompts: Prompts
) -> ImageScore:
    """Score the masks of one image in the image frame.

    Args:
        model: that made `embedding`.
        embedding: of the image of `sample`.
        sample: with its annotated masks.
        prompts: in the model frame, in the order of the sample's instances.
    """
    assert sample.masks is not None
    decoded = segment(model, embedding, prompts)
    predicted = masks_in_image(decoded.low_res_logits, sample.frame)
    counts = count_pixels(predicted, sample.masks)
    columns = [getattr(counts, metric).tolist() for metric in METRICS]
    columns.append(decoded.iou_prediction.tolist())
    instances = tuple(
        InstanceScore(id_, category, *numbers)
        for id_, category, *numbers in zip(
            sample.instance_ids, sample.categories, *columns, strict=True
        )
    )
    return ImageScore(sample.file_name, instances, overlap_rate(predicted))


def score_given(
    truth: Iterable[ImageRecord], given: Mapping[int, ImageRecord]
) -> Iterator[ImageScore]:
    """Score masks of a file, from any method, as `score_image` scores those of a model.

    Args:
        truth: with annotated masks; images without instances are left out.
        given: by image id, of the same sizes, with masks under the annotations' ids, as
            `given_masks` pairs them; a missing mask is an empty one.
    """
    for record in truth:
        if not record.instances:
            continue
        found = given.get(record.id)
        masks = {i.id: i.segmentation for i in found.instances} if found is not None else {}
        predicted = np.zeros((len(record.instances), *record.size), dtype=bool)
        for mask, instance in zip(predicted, record.instances, strict=True):
            segmentation = masks.get(instance.id)
            if segmentation is not None:
                mask[:] = rasterise(segmentation, record.size)
        drawn = torch.from_numpy(predicted)
        counts = count_pixels(drawn, draw_masks([record])[0])
        columns = [getattr(counts, metric).tolist() for metric in METRICS]
        columns.append([float("nan")] * len(predicted))  # these masks carry no estimate
        instances = tuple(
            InstanceScore(instance.id, instance.category, *numbers)
            for instance, *numbers in zip(record.instances, *columns, strict=True)
        )
        yield ImageScore(record.file_name, instances, overlap_rate(drawn))


def _mean(values: Iterable[float]) -> float:
    """Give the mean in float64; summed pairwise, in the order given."""
    return float(np.mean(list(values)))
