"""Draws points from masks like an annotator, careful or careless."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from pointsam.data.dataset import draw_masks
from pointsam.data.records import ImageRecord, InstanceRecord, Point
from pointsam.errors import InputError
from pointsam.prompts import NEGATIVE, POSITIVE
from pointsam.randomness import addressed_generator

Placement = Literal["uniform", "centre", "near-centre", "boundary"]
PLACEMENTS: tuple[Placement, ...] = get_args(Placement)

Mask = Bool[np.ndarray, "height width"]
Pixels = Int[np.ndarray, " _"]
"""Indices into the flattened image."""


@dataclass(frozen=True)
class Annotator:
    """The way in which a simulated annotator clicks."""

    positives: int = 1
    """Points on each object; fewer on an object of fewer pixels."""
    negatives: int = 1
    """Points off each object."""
    placement: Placement = "uniform"
    """Of positives: anywhere in the mask; at its deepest pixel; near that, by a Gaussian of half
    the depth; or rather near the outline, by the inverse square of the depth."""
    missed: float = 0.0
    """Share of the objects, in [0, 1], that get no points at all."""
    misplaced: float = 0.0
    """Share of the positive points, in [0, 1], that land just off their object: no farther than
    a quarter of the square root of its area, or 3 pixels."""

    def __post_init__(self) -> None:
        if self.positives < 1:
            raise InputError(f"an object needs at least 1 positive point, got {self.positives}.")
        if self.negatives < 0:
            raise InputError(f"negatives is a number of points, got {self.negatives}.")
        if self.placement not in PLACEMENTS:
            raise InputError(f"placement is {', '.join(PLACEMENTS)}, got {self.placement!r}.")
        for name in ("missed", "misplaced"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} is a share in [0, 1], got {getattr(self, name)}.")


def click_image(record: ImageRecord, annotator: Annotator, *, seed: int) -> ImageRecord:
    """Give every instance of an image points in place of its mask.

    A draw depends on seed, annotation id and kind of point alone: more points, other images or
    another order do not change the first points.
    """
    [masks] = draw_masks([record])
    drawn = masks.numpy()
    taken = np.asarray(drawn.any(axis=0))
    instances = []
    for instance, mask in zip(record.instances, drawn, strict=True):
        if _chance(seed, "missed", instance.id) >= annotator.missed:
            points = _click(instance.id, mask, taken, annotator, seed=seed)
            instances.append(InstanceRecord(instance.id, instance.category, points))
    return replace(record, instances=tuple(instances))


def draw_points(
    mask: Mask,
    taken: Mask,
    *,
    positives: int,
    negatives: int,
    generator: torch.Generator,
    placement: Placement = "uniform",
) -> list[Point]:
    """Draw points on an object and off it, no pixel twice.

    Args:
        mask: of the object.
        taken: pixels of any object; negatives lie off all of them, or, where that leaves no
            pixel, off this object alone.
        positives: wanted; fewer come where the mask has fewer pixels.
        negatives: wanted; fewer come where there is no room.
        generator: draws the positives first.
        placement: of the positives.
    """
    chosen = _positives(mask, positives, placement, generator)
    free = ~(mask | taken) if not (mask | taken).all() else ~mask
    others = _uniform(np.flatnonzero(free), negatives, generator)
    width = mask.shape[1]
    return [*_points(chosen, width, POSITIVE), *_points(others, width, NEGATIVE)]


def _click(
    number: int, mask: Mask, taken: Mask, annotator: Annotator, *, seed: int
) -> tuple[Point, ...]:
    """Draw all points of one instance; each kind from a generator of its own."""
    on = draw_points(
        mask,
        taken,
        positives=annotator.positives,
        negatives=0,
        generator=addressed_generator(seed, "positive", number),
        placement=annotator.placement,
    )
    off = draw_points(
        mask,
        taken,
        positives=0,
        negatives=annotator.negatives,
        generator=addressed_generator(seed, "negative", number),
    )
    for place in range(len(on)):
        if _chance(seed, "misplaced", number, place) < annotator.misplaced:
            generator = addressed_generator(seed, "slip", number, place)
            slip = _uniform(_rim(mask), 1, generator)
            on[place : place + 1] = _points(slip, mask.shape[1], POSITIVE) or on[place : place + 1]
    return (*on, *off)


def _chance(seed: int, *address: int | str) -> float:
    return float(torch.rand((), generator=addressed_generator(seed, *address)))


def _points(pixels: Pixels, width: int, label: int) -> list[Point]:
    return [(float(pixel % width), float(pixel // width), label) for pixel in pixels.tolist()]


def _uniform(pixels: Pixels, count: int, generator: torch.Generator) -> Pixels:
    """Draw without replacement, one at a time: the first of three is the first of one."""
    chosen: list[int] = []
    while len(chosen) < min(count, len(pixels)):
        pixel = int(pixels[int(torch.randint(len(pixels), (), generator=generator))])
        if pixel not in chosen:
            chosen.append(pixel)
    return np.array(chosen, dtype=np.int64)


def _positives(mask: Mask, count: int, placement: Placement, generator: torch.Generator) -> Pixels:
    pixels = np.flatnonzero(mask)
    if not count or not len(pixels):
        return np.zeros(0, dtype=np.int64)
    if placement == "uniform":
        return _uniform(pixels, count, generator)
    rows, cols = np.divmod(pixels, mask.shape[1])
    depth = _depth(mask)[rows, cols]
    if placement == "centre":
        return np.asarray(pixels[_deepest(rows, cols, depth, count)])
    if placement == "boundary":
        weights = depth**-2
    else:
        centre = int(depth.argmax())
        away = (rows - rows[centre]) ** 2 + (cols - cols[centre]) ** 2
        weights = np.exp(-away / (2 * (depth[centre] / 2) ** 2))
    return np.asarray(pixels[_weighted(weights, count, generator)])


def _depth(mask: Mask) -> Float[np.ndarray, "height width"]:
    """Give each pixel's distance to the nearest pixel off the mask; off the image is off it."""
    return _distance(np.pad(mask, 1))[1:-1, 1:-1]


def _deepest(
    rows: Int[np.ndarray, " n"], cols: Int[np.ndarray, " n"], depth: Float[np.ndarray, " n"],
    count: int,
) -> Int[np.ndarray, " chosen"]:  # fmt: skip
    """Choose the deepest pixel, then those deep and far from the ones before."""
    chosen: list[int] = []
    room = depth.copy()
    for _ in range(min(count, len(depth))):
        best = int(room.argmax())
        chosen.append(best)
        room = np.minimum(room, np.hypot(rows - rows[best], cols - cols[best]))
        room[chosen] = -1
    return np.array(chosen)


def _weighted(
    weights: Float[np.ndarray, " n"], count: int, generator: torch.Generator
) -> Int[np.ndarray, " chosen"]:
    """Draw by weight without replacement, one at a time."""
    chosen: list[int] = []
    left = weights.copy()
    for _ in range(min(count, int((weights > 0).sum()))):
        ends = left.cumsum()
        share = float(torch.rand((), generator=generator, dtype=torch.float64))
        chosen.append(int(np.searchsorted(ends, share * ends[-1], side="right")))
        left[chosen] = 0
    return np.array(chosen)


def _rim(mask: Mask) -> Pixels:
    """Give the pixels just outside a mask."""
    reach = max(3.0, float(mask.sum()) ** 0.5 / 4)
    if mask.all() or not mask.any():
        return np.zeros(0, dtype=np.int64)
    away = _distance(~mask)
    return np.flatnonzero((away > 0) & (away <= reach))


def _distance(mask: Mask) -> Float[np.ndarray, "height width"]:
    """Give each pixel's distance to the nearest pixel that is not set."""
    away = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(away, dtype=np.float64)
