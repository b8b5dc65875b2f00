"""Views of the training images, made when they are needed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from pointsam.data.augment import training_sample
from pointsam.data.dataset import ImageSource, load_sample
from pointsam.data.records import ImageRecord
from pointsam.data.sample import Sample, TrainingSample
from pointsam.randomness import addressed_generator
from pointsam.training.moved_clicks import move_clicks
from pointsam.training.settings import TrainSettings


@dataclass(frozen=True)
class Views:
    """A finite pool of views of each image; the same pool in every pass and every run."""

    records: Sequence[ImageRecord]
    images: ImageSource
    settings: TrainSettings
    stride: int = 16
    """Of the model's image embedding, in pixels of the model frame."""
    pinned: bool = False
    """Whether views lie in memory that a GPU can read while the step before is computed."""

    def __call__(self, index: int, epoch: int) -> TrainingSample:
        """Give the view of an image that a pass uses, with its most instances at most."""
        record = self.records[index]
        settings = self.settings
        sample = load_sample(
            record,
            self.images,
            side=settings.model.side,
            stride=self.stride,
            with_masks=settings.regime in ("supervised", "labels"),
        )
        view = training_sample(sample, seed=settings.seed, view=epoch % settings.data.views)
        generator = addressed_generator(settings.seed, "instances", record.id, epoch)
        view = limit_instances(view, settings.data.max_instances, generator=generator)
        view = self._look(view, record, epoch)
        return pin(view) if self.pinned else view

    def _look(self, view: TrainingSample, record: ImageRecord, epoch: int) -> TrainingSample:
        """Leave some views their colours, and click some of the labelled objects anew."""
        data = self.settings.data
        generator = addressed_generator(self.settings.seed, "look", record.id, epoch)
        plain = torch.rand((), generator=generator) >= data.strong_share
        if plain:
            view = replace(view, strong_pixels=view.sample.pixels)
        if not data.moved_clicks or view.low_res_masks is None:
            return view
        prompts = move_clicks(
            view.sample.prompts,
            view.low_res_masks,
            view.sample.frame,
            share=data.moved_clicks,
            generator=generator,
        )
        return replace(view, sample=replace(view.sample, prompts=prompts))


def limit_instances(
    view: TrainingSample, most: int, *, generator: torch.Generator
) -> TrainingSample:
    """Draw `most` of the instances where there are more; they keep their order."""
    sample = view.sample
    if len(sample.prompts) <= most:
        return view
    kept = torch.randperm(len(sample.prompts), generator=generator)[:most].sort().values
    places = kept.tolist()
    limited: Sample = replace(
        sample,
        prompts=sample.prompts[kept],
        instance_ids=tuple(sample.instance_ids[i] for i in places),
        categories=tuple(sample.categories[i] for i in places),
        masks=None if sample.masks is None else sample.masks[kept],
        weights=None if sample.weights is None else tuple(sample.weights[i] for i in places),
    )
    masks = None if view.low_res_masks is None else view.low_res_masks[kept]
    return replace(view, sample=limited, low_res_masks=masks)


def pin(view: TrainingSample) -> TrainingSample:
    """Move what a step copies to the GPU to page-locked memory."""
    masks = view.low_res_masks
    return replace(
        view,
        sample=replace(view.sample, pixels=view.sample.pixels.pin_memory()),
        strong_pixels=view.strong_pixels.pin_memory(),
        low_res_masks=None if masks is None else masks.pin_memory(),
    )
