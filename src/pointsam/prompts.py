"""Prompts: points and boxes that the annotator gave, and what calibration adds to them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from pointsam.errors import InputError
from pointsam.frames import meets_image

POSITIVE = 1
NEGATIVE = 0
PADDING = -1


@dataclass(frozen=True, eq=False)
class Prompts:
    """Points and boxes of several instances of one image; shorter rows of points end in padding."""

    points: Float[Tensor, "instances points 2"]
    """``(x, y)`` in whatever frame the owner says; the decoder takes the model frame."""
    labels: Int[Tensor, "instances points"]
    """POSITIVE, NEGATIVE or PADDING."""
    boxes: Float[Tensor, "instances 4"] | None = None
    """``(x0, y0, x1, y1)`` in the frame of the points; a row of NaN where an instance has no box,
    None where none has."""

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[tuple[float, float, int]]]) -> "Prompts":
        """Pad one list of ``(x, y, label)`` an instance to a rectangle."""
        width = max((len(row) for row in rows), default=0)
        points = torch.zeros(len(rows), width, 2)
        labels = torch.full((len(rows), width), PADDING)
        for index, row in enumerate(rows):
            if row:
                points[index, : len(row)] = torch.tensor([[x, y] for x, y, _ in row])
                labels[index, : len(row)] = torch.tensor([label for _, _, label in row])
        return cls(points, labels)

    @classmethod
    def from_boxes(cls, boxes: Float[Tensor, "instances 4"]) -> "Prompts":
        """Give each instance a box and no point."""
        count = len(boxes)
        labels = torch.zeros(count, 0, dtype=torch.long, device=boxes.device)
        return cls(boxes.new_zeros(count, 0, 2), labels, boxes)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, instances: Tensor | slice) -> "Prompts":
        """Keep these instances."""
        boxes = None if self.boxes is None else self.boxes[instances]
        return Prompts(self.points[instances], self.labels[instances], boxes)

    @property
    def counts(self) -> Int[Tensor, " instances"]:
        """Number of points of each instance, padding left out."""
        return (self.labels != PADDING).sum(dim=1)

    @property
    def boxed(self) -> Bool[Tensor, " instances"]:
        """Whether each instance has a box."""
        if self.boxes is None:
            return torch.zeros(len(self), dtype=torch.bool, device=self.labels.device)
        return ~self.boxes.isnan().any(dim=1)

    def to(self, device: torch.device | str) -> "Prompts":
        """Move to a device."""
        return Prompts(
            self.points.to(device, non_blocking=True),
            self.labels.to(device, non_blocking=True),
            None if self.boxes is None else self.boxes.to(device, non_blocking=True),
        )

    def moved(self, move: Callable[[Tensor], Tensor]) -> "Prompts":
        """Bring points and boxes to another frame, or turn them over in theirs.

        Args:
            move: takes ``(x, y)`` along the last axis and gives the new ones.
        """
        boxes = None
        if self.boxes is not None:
            corners = move(self.boxes.unflatten(1, (2, 2)))
            boxes = torch.cat([corners.amin(dim=1), corners.amax(dim=1)], dim=1)
        return Prompts(move(self.points), self.labels, boxes)

    def with_boxes(self, boxes: Float[Tensor, "instances 4"] | None) -> "Prompts":
        """Keep the points; boxes must be in their frame."""
        return replace(self, boxes=boxes)

    def positives(self) -> tuple[Float[Tensor, "positives 2"], Int[Tensor, " positives"]]:
        """Give every positive point and the index of the instance it belongs to."""
        owner, _ = (self.labels == POSITIVE).nonzero(as_tuple=True)
        return self.points[self.labels == POSITIVE], owner


def refuse_odd_box(
    box: tuple[float, float, float, float], size: tuple[int, int], *, told: str = ""
) -> None:
    """Refuse a box without area, and one that no part of the image is in.

    Args:
        box: ``(x0, y0, x1, y1)`` in the image frame.
        size: height and width of the image in pixels.
        told: what the user calls the box; its corners if not given.

    Raises:
        InputError: it names the box, and the image's size.
    """
    x0, y0, x1, y1 = box
    said = told or f"box {[*box]}"
    if not (x0 < x1 and y0 < y1 and all(map(math.isfinite, box))):
        raise InputError(f"{said} is not (x0, y0, x1, y1) with x0 < x1 and y0 < y1.")
    if not meets_image(box, size):
        height, width = size
        raise InputError(f"{said} is off the image, which is {width} x {height} px (x, y).")


def find_rivals(
    mask_iou: Float[Tensor, "instances instances"], *, iou_threshold: float
) -> Bool[Tensor, "instances instances"]:
    """Say which instances' masks run into each other: an IoU above the threshold."""
    itself = torch.eye(len(mask_iou), dtype=torch.bool, device=mask_iou.device)
    return (mask_iou > iou_threshold) & ~itself


def calibrate_negatives(
    prompts: Prompts,
    rivals: Bool[Tensor, "instances instances"],
    *,
    max_negatives: int,
) -> Prompts:
    """Give each instance, as negatives, positive points of the masks it runs into.

    Two instances cannot own one pixel: where two predicted masks overlap, each one's positive
    points say where the other must stop. Only the nearest of them are used: SAM was trained on a
    handful of points, and a mask with dozens of negatives shrinks.

    Args:
        prompts: what the annotator gave; its points come first in the result, unchanged.
        rivals: symmetric, no instance its own rival.
        max_negatives: rivals' points an instance receives, the nearest to its own positives.

    Returns:
        Prompts no wider than the busiest instance needs, PADDING after the others; boxes stay.

    Source: PointSAM (arXiv:2409.13401), "Negative Prompt Calibration". The released code
        draws at random from these and the instance's own negatives; this keeps the own ones
        and takes the nearest, so the same masks always give the same prompts.
    """
    if not rivals.any():
        return prompts
    positive_points, owner = prompts.positives()
    points, labels = [], []
    for own_points, own_labels, rival in zip(prompts.points, prompts.labels, rivals, strict=True):
        real = own_labels != PADDING
        candidates = positive_points[rival[owner]]
        mine = own_points[own_labels == POSITIVE]
        if len(candidates) and len(mine):
            # Stable: of two points equally near, the first instance's is used.
            nearness = torch.cdist(candidates, mine).amin(dim=1).argsort(stable=True)
            candidates = candidates[nearness[:max_negatives]]
        borrowed = own_labels.new_full((len(candidates),), NEGATIVE)
        points.append(torch.cat([own_points[real], candidates]))
        labels.append(torch.cat([own_labels[real], borrowed]))
    return Prompts(
        points=pad_sequence(points, batch_first=True),
        labels=pad_sequence(labels, batch_first=True, padding_value=PADDING),
        boxes=prompts.boxes,
    )
