"""Point prompts: what the annotator gave, and what calibration adds to it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

POSITIVE = 1
NEGATIVE = 0
PADDING = -1


@dataclass(frozen=True, eq=False)
class PointPrompts:
    """Points of several instances of one image, ragged: shorter rows end in padding."""

    points: Float[Tensor, "instances points 2"]
    """``(x, y)`` in whatever frame the owner says; the decoder takes the model frame."""
    labels: Int[Tensor, "instances points"]
    """POSITIVE, NEGATIVE or PADDING."""

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[tuple[float, float, int]]]) -> "PointPrompts":
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
    def none(cls, instances: int) -> "PointPrompts":
        """Give no point to any instance, for those who prompt with boxes."""
        return cls.from_rows([[]] * instances)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, instances: Tensor | slice) -> "PointPrompts":
        """Keep these instances."""
        return PointPrompts(self.points[instances], self.labels[instances])

    @property
    def counts(self) -> Int[Tensor, " instances"]:
        """Number of points of each instance, padding left out."""
        return (self.labels != PADDING).sum(dim=1)

    def to(self, device: torch.device | str) -> "PointPrompts":
        """Move to a device."""
        return PointPrompts(
            self.points.to(device, non_blocking=True), self.labels.to(device, non_blocking=True)
        )

    def with_points(self, points: Float[Tensor, "instances points 2"]) -> "PointPrompts":
        """Keep the labels, move the points (another frame, a flip)."""
        return PointPrompts(points, self.labels)

    def positives(self) -> tuple[Float[Tensor, "positives 2"], Int[Tensor, " positives"]]:
        """Give every positive point and the index of the instance it belongs to."""
        owner, _ = (self.labels == POSITIVE).nonzero(as_tuple=True)
        return self.points[self.labels == POSITIVE], owner


def find_rivals(
    mask_iou: Float[Tensor, "instances instances"], *, iou_threshold: float
) -> Bool[Tensor, "instances instances"]:
    """Say which instances' masks run into each other: an IoU above the threshold."""
    itself = torch.eye(len(mask_iou), dtype=torch.bool, device=mask_iou.device)
    return (mask_iou > iou_threshold) & ~itself


def calibrate_negatives(
    prompts: PointPrompts,
    rivals: Bool[Tensor, "instances instances"],
    *,
    max_negatives: int,
) -> PointPrompts:
    """Give each instance, as negatives, positive points of the masks it runs into.

    Two instances cannot own one pixel: where two predicted masks overlap, each one's
    positive points say where the other must stop. Only the nearest of them are lent: SAM was
    trained on a handful of points, and a mask with dozens of negatives withers.

    Args:
        prompts: what the annotator gave; its points come first in the result, unchanged.
        rivals: symmetric, no instance its own rival.
        max_negatives: rivals' points an instance receives, the nearest to its own positives.

    Returns:
        Prompts no wider than the busiest instance needs, PADDING after the others.

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
            # Stable: of two points equally near, the first instance's is lent.
            nearness = torch.cdist(candidates, mine).amin(dim=1).argsort(stable=True)
            candidates = candidates[nearness[:max_negatives]]
        borrowed = own_labels.new_full((len(candidates),), NEGATIVE)
        points.append(torch.cat([own_points[real], candidates]))
        labels.append(torch.cat([own_labels[real], borrowed]))
    return PointPrompts(
        points=pad_sequence(points, batch_first=True),
        labels=pad_sequence(labels, batch_first=True, padding_value=PADDING),
    )
