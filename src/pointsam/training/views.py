"""Views of the training images, made when they are needed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import torch

from pointsam.data.augment import training_sample
from pointsam.data.dataset import ImageSource, load_sample
from pointsam.data.records import ImageRecord
from pointsam.data.sample import Sample, TrainingSample
from pointsam.randomness import addressed_generator
from pointsam.training.moved_clicks import background_clicks, move_clicks


@dataclass(frozen=True)
class Views:
    """A fixed pool of views of each image, the same in every pass and every run."""

    records: Sequence[ImageRecord]
    images: ImageSource
    seed: int
    """Of the run; a draw depends on it, the image and the pass alone."""
    side: int
    """Of the model's input, in pixels."""
    count: int
    """Views of each image in the pool."""
    max_instances: int
    """Of one image in a view."""
    with_masks: bool = False
    """Whether views have the masks that the student learns."""
    strong_share: float = 1.0
    """Share of the views whose colours are changed."""
    moved_clicks: float = 0.0
    """Share of the objects that get new clicks, anywhere on their mask."""
    background_share: float = 0.0
    """Share of the views that are clicked off all objects, too."""
    unclear: Collection[str] = ()
    """Names of images with an object whose place is not known: nothing there is background."""
    stride: int = 16
    """Of the model's image embedding, in pixels of the model frame."""
    pinned: bool = False
    """Whether views are put in page-locked memory, which a GPU reads without waiting."""

    def __call__(self, index: int, epoch: int) -> TrainingSample:
        """Give the view of an image that a pass uses, with `max_instances` instances at most."""
        record = self.records[index]
        places = self._drawn(record, epoch)
        # Where every mask is looked at, as to click off all of them, the view is cut afterwards.
        all_masks = bool(self.background_share) and record.file_name not in self.unclear
        sample = load_sample(
            record if all_masks else _part(record, places),
            self.images,
            side=self.side,
            stride=self.stride,
            with_masks=self.with_masks,
        )
        view = training_sample(sample, seed=self.seed, view=epoch % self.count)
        if all_masks:
            view = limit_instances(self._with_background(view, record, epoch), places)
        view = self._look(view, record, epoch)
        return pin(view) if self.pinned else view

    def _drawn(self, record: ImageRecord, epoch: int) -> list[int]:
        """Draw the places of `max_instances` of the instances where there are more, in order."""
        count = len(record.instances)
        if count <= self.max_instances:
            return list(range(count))
        generator = addressed_generator(self.seed, "instances", record.id, epoch)
        kept = torch.randperm(count, generator=generator)[: self.max_instances]
        return sorted(kept.tolist())

    def _with_background(
        self, view: TrainingSample, record: ImageRecord, epoch: int
    ) -> TrainingSample:
        """Click some views off all objects."""
        masks = view.low_res_masks
        assert masks is not None
        generator = addressed_generator(self.seed, "background", record.id, epoch)
        if torch.rand((), generator=generator) >= self.background_share:
            return view
        frame = view.sample.frame
        clicks = background_clicks(masks, frame, generator=generator)
        return replace(view, background=clicks)

    def _look(self, view: TrainingSample, record: ImageRecord, epoch: int) -> TrainingSample:
        """Keep the colours of some views, and replace the clicks of some labelled objects."""
        generator = addressed_generator(self.seed, "look", record.id, epoch)
        plain = torch.rand((), generator=generator) >= self.strong_share
        if plain:
            view = replace(view, strong_pixels=view.sample.pixels)
        masks = view.low_res_masks
        if not self.moved_clicks or masks is None:
            return view
        prompts = move_clicks(
            view.sample.prompts,
            masks,
            view.sample.frame,
            share=self.moved_clicks,
            generator=generator,
        )
        return replace(view, sample=replace(view.sample, prompts=prompts))


def _part(record: ImageRecord, places: Sequence[int]) -> ImageRecord:
    """Keep the instances at some places."""
    return replace(record, instances=tuple(record.instances[place] for place in places))


def limit_instances(view: TrainingSample, places: Sequence[int]) -> TrainingSample:
    """Keep the instances at some places."""
    sample, kept = view.sample, torch.tensor(places, dtype=torch.long)
    limited: Sample = replace(
        sample,
        prompts=sample.prompts[kept],
        instance_ids=tuple(sample.instance_ids[i] for i in places),
        categories=tuple(sample.categories[i] for i in places),
        masks=None if sample.masks is None else sample.masks[kept],
        weights=None if sample.weights is None else tuple(sample.weights[i] for i in places),
    )
    cover = None if view.cover is None else view.cover[kept]
    return replace(view, sample=limited, cover=cover)


def pin(view: TrainingSample) -> TrainingSample:
    """Move what a step copies to the GPU to page-locked memory."""
    cover = view.cover
    return replace(
        view,
        sample=replace(view.sample, pixels=view.sample.pixels.pin_memory()),
        strong_pixels=view.strong_pixels.pin_memory(),
        cover=None if cover is None else cover.pin_memory(),
    )
