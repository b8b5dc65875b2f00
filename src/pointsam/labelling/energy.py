"""The energy of a candidate: what speaks against a mask, alone and beside those of its group."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from pointsam.labelling.evidence import Evidence
from pointsam.labelling.features import Feature
from pointsam.labelling.groups import MIN_ALIKE

Energies = Float[np.ndarray, "objects candidates"]

UNUSABLE = 1e4
"""Energy of an empty or cut mask, which is chosen only if there is no other."""
_NORMAL = 1.4826
"""Deviation of a normal distribution over its median absolute deviation."""
_TRIM = 4.0
"""Energy above the median beyond which a bad mask says no more about the others."""
_MOST_CLICKS = 3
"""Own clicks off a mask that speak against it; of many, some may be misplaced."""


@dataclass(frozen=True)
class Weights:
    """Weights of the energy's terms, in units of half a squared deviation of the log area.

    Between half and twice these the choice hardly changes.
    """

    iou_prediction: float = 8.0
    outside: float = 3.0
    """Of each own click off the mask."""
    foreign: float = 3.0
    refused: float = 1.5
    edge: float = 1 / 40
    """A unit of CIELAB."""
    largest_part: float = 2.0
    shape: float = 0.5
    """Of half a squared deviation of roughness, and of fill."""
    likeness: float = 1.0
    """Of the prototype's cosine with the rim around a mask, less that with the inside."""
    min_spread: float = 0.35
    """Least deviation of the log area in a group."""
    class_share: float = 2.0
    """Objects of an image that weigh as much as all others of the group."""


def trimmed(energy: Float[np.ndarray, " objects"]) -> Float[np.ndarray, " objects"]:
    """Cut off what is far above the median, so that a mean is not that of a few bad masks."""
    return energy.clip(max=float(np.median(energy)) + _TRIM)


def unusable(evidence: Evidence) -> Bool[np.ndarray, "objects candidates"]:
    """Say which candidates are empty or cut."""
    return np.asarray((evidence.cut > 0) | (evidence.area < 1))


def energy_alone(evidence: Evidence, weights: Weights) -> Energies:
    """Give the part of each candidate's energy that depends on no other object."""
    return np.asarray(
        weights.outside * evidence.outside.clip(max=_MOST_CLICKS)
        + weights.foreign * evidence.foreign.clip(max=2)
        + weights.refused * evidence.refused
        - weights.iou_prediction * evidence.iou_prediction
        - weights.edge * evidence.edge
        - weights.largest_part * evidence.largest_part
        + UNUSABLE * unusable(evidence),
        dtype=np.float64,
    )


def energy_of_sizes(
    log_area: Energies,
    image: Int[np.ndarray, " objects"],
    picked: Int[np.ndarray, " objects"],
    weights: Weights,
) -> Energies:
    """Give the energy of each candidate's size, from the chosen ones of group and image."""
    rows = np.arange(len(picked))
    chosen = log_area[rows, picked]
    median, spread = float(np.median(chosen)), _spread(chosen) + 0.2
    size = np.zeros_like(log_area)
    for name in np.unique(image):
        own = np.flatnonzero(image == name)
        share = weights.class_share / (weights.class_share + len(own))
        usual = share * median + (1 - share) * float(np.median(chosen[own]))
        deviation = max(weights.min_spread, spread * share**0.5)
        size[own] = ((log_area[own] - usual) / deviation) ** 2 / 2
    return size


def energy_of_shapes(
    evidence: Evidence, picked: Int[np.ndarray, " objects"], weights: Weights
) -> Energies:
    """Give the energy of roughness and fill, from the chosen ones of the group."""
    rows = np.arange(len(picked))
    shape = np.zeros(evidence.area.shape)
    for values in (evidence.roughness, evidence.fill):
        usual = values[rows, picked]
        squared = ((values - np.median(usual)) / (_spread(usual) + 0.05)) ** 2 / 2
        shape += weights.shape * squared.clip(max=8)
    return shape


@dataclass(frozen=True, eq=False)
class Shown:
    """Features of the candidates of one group as directions from the group's mean.

    The mean is over what is inside and around the candidates alike, so that a group of one class
    alone has a direction from its background to its objects.
    """

    inside: Feature
    around: Feature

    @classmethod
    def of(cls, evidence: Evidence) -> "Shown":
        """Take the mean off, and keep the direction alone."""
        inside, around = evidence.inside.astype(np.float32), evidence.around.astype(np.float32)
        mean = (inside.mean(axis=(0, 1)) + around.mean(axis=(0, 1))) / 2
        return cls(_direction(inside - mean), _direction(around - mean))


def energy_of_likeness(
    shown: Shown, picked: Int[np.ndarray, " objects"], weights: Weights
) -> Energies:
    """Give the energy of what each candidate shows, beside the chosen ones of the group.

    It is low where the inside looks like the inside of the group's usual mask, and what is around
    does not: a part of an object is surrounded by the object, a flooded mask is filled with other
    things.
    """
    count = len(picked)
    if count < MIN_ALIKE or not shown.inside.shape[-1]:
        return np.zeros(shown.inside.shape[:2])
    usual = _direction(np.median(shown.inside[np.arange(count), picked], axis=0))
    return np.asarray(
        weights.likeness * (shown.around @ usual - shown.inside @ usual), dtype=np.float64
    )


def log_areas(evidence: Evidence) -> Energies:
    """Give the log of each candidate's area, in pixels of the label frame."""
    return np.asarray(np.log(np.maximum(evidence.area, 1).astype(np.float64)))


def _direction(
    vectors: Float[np.ndarray, "*masks channels"],
) -> Float[np.ndarray, "*masks channels"]:
    """Bring vectors to length 1; those of no length stay."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-6))


def _spread(values: Float[np.ndarray, " values"]) -> float:
    """Give the deviation by medians, which a few wrong masks do not change."""
    return _NORMAL * float(np.median(np.abs(values - np.median(values))))
