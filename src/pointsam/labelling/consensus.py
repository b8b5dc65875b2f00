"""The choice of one mask for each click, by agreement within a group.

Objects of one group (a class of clicks) have similar size and shape, so a mask that differs is
probably a part of the object, or includes its surroundings. The group's usual size is unknown: it
is the median of the present choice, from which the choice is made again, until nothing changes.
The result depends on the start, wholes or parts. So each of SAM's masks is a start, taken for all
objects, and the result with the best balance of low energy and similar sizes is taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from pointsam.labelling.energy import (
    UNUSABLE,
    Energies,
    Shown,
    Weights,
    energy_alone,
    energy_of_likeness,
    energy_of_shapes,
    energy_of_sizes,
    log_areas,
    trimmed,
    unusable,
)
from pointsam.labelling.evidence import Evidence, take

Reading = Literal["larger", "smaller"]

LEAN_OF: Mapping[Reading, float] = {"larger": -1.0, "smaller": 1.0}
"""Energy of one unit of log area, where the user says which is meant."""
MIN_READ = 8
"""Least number of objects of a group for a usual size."""
REASONS = (
    "its own click is outside",
    "it holds another object's click",
    "it holds its own negative click",
    "its size stands out",
    "its shape stands out",
    "its border is weak",
    "it is cut by a window",
)
"""Reasons against a choice, in the order of `Choice.against`."""

REJECTING = REASONS[:4]
"""Reasons for which a choice is rejected: it contradicts a click, or its class."""

_MOSTLY = 0.5
"""Share of clicks from which on they are mostly outside, or another object is mostly inside."""


@dataclass(frozen=True, eq=False)
class Choice:
    """One candidate for each object, with its trust."""

    picked: Int[np.ndarray, " objects"]
    energy: Float[np.ndarray, " objects"]
    """Of the choice; lower is better. Comparable within one call alone."""
    margin: Float[np.ndarray, " objects"]
    """Energy of the best other mask minus that of the choice; 0 if there is no other."""
    against: Bool[np.ndarray, "objects reasons"]
    """Which of REASONS holds of the choice."""

    def part(self, objects: slice | Int[np.ndarray, " taken"]) -> "Choice":
        """Keep the choice of some objects."""
        return Choice(*(getattr(self, field.name)[objects] for field in fields(Choice)))

    @property
    def accepted(self) -> Bool[np.ndarray, " objects"]:
        """Whether the choice agrees with all clicks and is of a usual size."""
        return np.asarray(~self.against[:, : len(REJECTING)].any(axis=1))


def trust(choice: Choice) -> Float[np.ndarray, " objects"]:
    """Give the trust in each choice, 0.1 to 1 by the rank of its energy; 0 where it is rejected."""
    order = choice.energy.argsort(kind="stable").argsort(kind="stable")
    rank = order / max(len(order), 1)
    return np.where(choice.accepted, np.clip(1.3 - 1.2 * rank, 0.1, 1.0), 0.0)


@dataclass(frozen=True, eq=False)
class Groups:
    """The group and the image of each object."""

    group: Int[np.ndarray, " objects"]
    image: Int[np.ndarray, " objects"]
    log_pixel: Float[np.ndarray, " objects"] | None = None
    """Log of the area that one pixel stands for, in any unit; None where it is one for all."""


def choose(
    evidence: Evidence,
    groups: Groups,
    *,
    weights: Weights = Weights(),  # noqa: B008 (frozen)
    readings: Mapping[int, Reading] | None = None,
    rounds: int = 10,
) -> Choice:
    """Choose a candidate for each object, group by group.

    Args:
        evidence: of all objects of all images.
        groups: of the same objects.
        weights: of the voices.
        readings: of groups for which the user says that the larger or the smaller mask is meant.
        rounds: most rounds of the choice of a group.

    Source: the terms of shape are in the spirit of Point2RBox-v3 (arXiv:2509.26281), which sets
        weights of its own for each class; here a group's own median takes the place of those.
        Prototypes of features are PointSAM's (arXiv:2409.13401); there they are of points, and
        hold the training back, here they are of masks, and choose among them.
    """
    count = len(evidence)
    picked = np.zeros(count, dtype=np.int64)
    energy, margin = np.zeros(count), np.zeros(count)
    against = np.zeros((count, len(REASONS)), dtype=bool)
    log_pixel = np.zeros(count) if groups.log_pixel is None else groups.log_pixel
    for group in np.unique(groups.group).tolist():
        members = np.flatnonzero(groups.group == group)
        own = take(evidence, members)
        image, pixel = groups.image[members], log_pixel[members, None]
        part = _Group(own, Shown.of(own), image, pixel, weights, rounds)
        found = _read((readings or {}).get(group), part)
        picked[members] = found.picked
        energy[members], margin[members] = found.energy, found.margin
        against[members] = found.against
    return Choice(picked, energy, margin, against)


@dataclass(frozen=True, eq=False)
class _Group:
    """Evidence of the objects of one group."""

    evidence: Evidence
    shown: Shown
    image: Int[np.ndarray, " objects"]
    log_pixel: Float[np.ndarray, "objects 1"]
    weights: Weights
    rounds: int


@dataclass(frozen=True, eq=False)
class _Settled:
    """The choice of one group, from one start."""

    cost: float
    """Mean energy, the log of how far apart the sizes are, and the usual size under a reading."""
    picked: Int[np.ndarray, " objects"]
    energy: Float[np.ndarray, " objects"]
    margin: Float[np.ndarray, " objects"]
    against: Bool[np.ndarray, "objects reasons"]


def _read(given: Reading | None, group: _Group) -> _Settled:
    """Choose from several starts, and take the end where the masks agree best.

    A start takes what SAM prefers, or the same of its masks for every object. A reading counts in
    the choice and in what is best, but no more than that: were the largest masks simply taken,
    objects would grow to the whole image.
    """
    lean = LEAN_OF[given] if given is not None else 0.0
    starts = [_start(group)]
    if len(group.image) >= MIN_READ:
        starts += [_start_at(group, place) for place in range(group.evidence.area.shape[1])]
    return min((_settle(group, picked, lean) for picked in starts), key=lambda found: found.cost)


def _start(group: _Group) -> Int[np.ndarray, " objects"]:
    """Choose by SAM's estimate."""
    estimate = group.evidence.iou_prediction - UNUSABLE * unusable(group.evidence)
    return np.asarray(estimate.argmax(axis=1))


def _start_at(group: _Group, place: int) -> Int[np.ndarray, " objects"]:
    """Take one candidate of each object; where it is unusable, the best by SAM's estimate."""
    return np.where(unusable(group.evidence)[:, place], _start(group), place)


def _settle(group: _Group, picked: Int[np.ndarray, " objects"], lean: float) -> _Settled:
    """Choose again until the choice does not change, or the rounds are used up."""
    evidence, weights = group.evidence, group.weights
    log_area = log_areas(evidence) + group.log_pixel
    alone = energy_alone(evidence, weights)
    for _ in range(group.rounds):
        size, shape, like = _in_group(group, log_area, picked)
        again = (alone + size + shape + like + lean * log_area).argmin(axis=1)
        if (again == picked).all():
            break
        picked = again
    else:  # it did not come to rest: the terms are those of the choice before
        size, shape, like = _in_group(group, log_area, picked)
    rows = np.arange(len(picked))
    energy = alone + size + shape + like
    chosen = energy[rows, picked]
    others = np.where(np.arange(energy.shape[1]) == picked[:, None], np.inf, energy)
    areas = log_area[rows, picked]
    kept = trimmed(chosen)
    apart = float(np.abs(areas - np.median(areas)).mean()) + 0.02
    return _Settled(
        cost=float(kept.mean() + np.log(apart) + lean * np.median(areas)),
        picked=picked,
        energy=chosen,
        margin=others.min(axis=1) - chosen if energy.shape[1] > 1 else np.zeros(len(rows)),
        against=_against(evidence, size, shape, rows, picked),
    )


def _in_group(
    group: _Group, log_area: Energies, picked: Int[np.ndarray, " objects"]
) -> tuple[Energies, Energies, Energies]:
    """Give the energies of size, shape and likeness, beside the present choice."""
    return (
        energy_of_sizes(log_area, group.image, picked, group.weights),
        energy_of_shapes(group.evidence, picked, group.weights),
        energy_of_likeness(group.shown, picked, group.weights),
    )


def _against(
    evidence: Evidence,
    size: Energies,
    shape: Energies,
    rows: Int[np.ndarray, " objects"],
    picked: Int[np.ndarray, " objects"],
) -> Bool[np.ndarray, "objects reasons"]:
    """Say which of REASONS hold of a choice."""
    found = (
        evidence.outside > _MOSTLY * evidence.own,
        evidence.foreign >= _MOSTLY,
        evidence.refused >= 1,
        size > 2.5**2 / 2,
        shape > 2.0,
        evidence.edge < 5.0,
        evidence.cut > 0,
    )
    return np.stack([values[rows, picked] for values in found], axis=1)
