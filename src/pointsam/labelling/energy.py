"""The energy of a candidate: what speaks against a mask, alone and beside those of its group."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from pointsam.labelling.evidence import Evidence

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


def log_areas(evidence: Evidence) -> Energies:
    """Give the log of each candidate's area, in pixels of the label frame."""
    return np.asarray(np.log(np.maximum(evidence.area, 1).astype(np.float64)))


def _spread(values: Float[np.ndarray, " values"]) -> float:
    """Give the deviation by medians, which a few wrong masks do not change."""
    return _NORMAL * float(np.median(np.abs(values - np.median(values))))
