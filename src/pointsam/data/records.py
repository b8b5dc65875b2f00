"""Records of a data set: images, instances and points, without pixels."""

import math
from dataclasses import dataclass, field
from functools import partial
from typing import Any

Point = tuple[float, float, int]
"""``(x, y, label)`` in the image frame, in pixels; label 1 object, 0 background."""

Box = tuple[float, float, float, float]
"""``(x0, y0, x1, y1)`` in the image frame, in pixels; an integer is the middle of a pixel."""

Segmentation = list[list[float]] | dict[str, Any]
"""COCO's own forms of a mask: polygons ``[[x0, y0, x1, y1, ...], ...]`` or an RLE."""


@dataclass(frozen=True)
class InstanceRecord:
    """One object of one image."""

    id: int
    """The annotation's id, unique in its file: it pairs points and masks."""
    category: str
    points: tuple[Point, ...] = ()
    """As clicked; empty where the file carries masks alone."""
    segmentation: Segmentation | None = None
    """None where the file carries points alone."""
    box: Box | None = None
    """Around the object, where the file carries one beside its points."""
    weight: float = 1.0
    """How much a mask made from clicks is trusted, in [0, 1]; 0: not trained on."""
    key: str = ""
    """The user's name of it, if that is no number that could be its id."""


@dataclass(frozen=True)
class ImageRecord:
    """One image with its instances."""

    id: int
    file_name: str
    size: tuple[int, int]
    """Height and width in pixels, as the annotation file states them."""
    instances: tuple[InstanceRecord, ...] = ()
    background_points: tuple[tuple[float, float], ...] = ()
    """``(x, y)`` clicks that belong to no instance and serve every instance of the image."""
    borrowed: frozenset[int] = frozenset()
    """Ids of instances that are shown here, and are another record's own."""

    @property
    def clicks(self) -> list[list[Point]]:
        """Give the clicks that each instance has: its own, then those on no instance.

        Of the latter the nearest come first, as where a model takes but one.
        """
        return [self._clicks_of(instance) for instance in self.instances]

    def _clicks_of(self, instance: InstanceRecord) -> list[Point]:
        own = [(x, y) for x, y, label in instance.points if label == 1]
        background = list(self.background_points)
        if own:
            middle = [sum(axis) / len(own) for axis in zip(*own, strict=True)]
            background.sort(key=partial(math.dist, middle))
        return [*instance.points, *((x, y, 0) for x, y in background)]


@dataclass(frozen=True)
class Dataset:
    """Images with instances, and the entries that were left out while reading."""

    images: tuple[ImageRecord, ...]
    categories: tuple[str, ...] = ()
    dropped: tuple[str, ...] = field(default=())
    """One line for each thing that was dropped: file, id, reason."""
    notes: tuple[str, ...] = ()
    """One line for each thing that was read and that the user should know of."""
    ids_made: bool = False
    """Whether ids of instances were made while reading, so that they match no masks."""

    @property
    def instance_count(self) -> int:
        """Instances of all images together."""
        return sum(len(image.instances) for image in self.images)
