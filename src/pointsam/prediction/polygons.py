"""Rules for polygons: fewer vertices, right angles, round corners, no small parts or holes.

Shapes are in a flat frame with one unit along both axes: metres where the ground size is known,
else pixels. The caller converts them into this frame and back.
"""

import math
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from itertools import count
from typing import Literal

import numpy as np
import shapely
from jaxtyping import Float

from pointsam.errors import InputError
from pointsam.prediction.coverage import holes_of_others, noded
from pointsam.prediction.rectangles import minimum_area_rectangle

AUTO = 2.0
"""Pixels; a corner whose triangle is below its square in area is a step of the raster."""
SAME_SHAPE = 0.75
"""A shape with right angles below this IoU with its outline is not used."""
CORNER_CUTS = 2
"""Times that smoothing cuts every corner."""

Ring = Float[np.ndarray, "_ 2"]
"""Corners of a closed ring; the first is also the last."""


@dataclass(frozen=True)
class PolygonRules:
    """Rules that are applied to the outlines of masks before they are written."""

    simplify: float | Literal["auto"] | None = None
    """Detail below this length is removed; ``auto`` removes the steps of the pixels."""
    regularise: bool = False
    """Buildings: edges along two directions at right angles."""
    smooth: bool = False
    """Round corners, for water and trees."""
    min_area: float = 0.0
    """Parts below this area are left out."""
    min_hole: float = 0.0
    """Holes below this area are filled."""

    def __post_init__(self) -> None:
        if isinstance(self.simplify, float | int) and not 0 < self.simplify < math.inf:
            raise InputError(f"--simplify {self.simplify}: give a length above 0, or auto.")
        if not all(0 <= area < math.inf for area in (self.min_area, self.min_hole)):
            raise InputError("--min-area and --min-hole are areas: give 0 or more.")
        if self.regularise and self.smooth:
            raise InputError("--regularise makes right angles, --smooth rounds them: give one.")

    @property
    def idle(self) -> bool:
        """Whether outlines stay as they were traced."""
        return self == PolygonRules()


def shaped(polygons: np.ndarray, rules: PolygonRules, *, pixel: float) -> np.ndarray:
    """Apply rules to outlines along pixel edges.

    Neighbours still share their edges after `simplify`, if no two polygons overlap.

    Args:
        polygons: shapely multi-polygons; may be empty.
        rules: to apply: small holes and parts first, then simplify, then angles or rounding.
        pixel: side of a pixel, in the shapes' unit.
    """
    held = holes_of_others(polygons) if rules.min_hole else [set()] * len(polygons)
    kept = np.empty(len(polygons), dtype=object)
    for index, shape in enumerate(polygons):
        kept[index] = _without_crumbs(shape, rules, held[index])
    tolerance = AUTO * pixel if rules.simplify == "auto" else rules.simplify
    simple = kept if tolerance is None else _simplified(kept, tolerance)
    if rules.regularise:
        # angles are read off an outline without steps
        plain = simple if tolerance is not None else _simplified(kept, AUTO * pixel)
        pairs = zip(plain, kept, strict=True)
        return np.array([_right_angled(shape, mask) for shape, mask in pairs], dtype=object)
    if rules.smooth:
        return np.array([_by_rings(shape, _rounded) for shape in simple], dtype=object)
    return simple


def _without_crumbs(
    shape: shapely.Geometry, rules: PolygonRules, held: Set[int]
) -> shapely.MultiPolygon:
    """Remove small parts, and fill small holes of the others, but for those of other objects."""
    kept = []
    number = count()
    for part in shapely.get_parts(shape):
        holes = [
            hole
            for hole, one in zip(part.interiors, number, strict=False)
            if one in held or shapely.Polygon(hole).area >= rules.min_hole
        ]
        if part.area >= rules.min_area:
            kept.append(shapely.Polygon(part.exterior, holes))
    return shapely.MultiPolygon(kept)


def _simplified(shapes: np.ndarray, tolerance: float) -> np.ndarray:
    """Remove corners that span a small area; shared edges stay shared."""
    filled = np.flatnonzero(~shapely.is_empty(shapes))
    simple = shapes.copy()
    if not len(filled):
        return simple
    coverage = shapes[filled]
    if not shapely.coverage_is_valid(coverage):
        coverage = noded(coverage)
    if bool(shapely.coverage_is_valid(coverage)):
        found = shapely.coverage_simplify(coverage, tolerance)
    else:  # masks that overlap
        found = shapely.simplify(shapes[filled], tolerance / 2, preserve_topology=True)
    simple[filled] = [_multi(shape) for shape in found]
    return simple


def _multi(shape: shapely.Geometry) -> shapely.MultiPolygon:
    """Keep the areas of a shape, as a multi-polygon."""
    parts = [part for part in shapely.get_parts(shape) if isinstance(part, shapely.Polygon)]
    return shapely.MultiPolygon([part for part in parts if not part.is_empty])


def joined(parts: Sequence[shapely.Polygon]) -> shapely.MultiPolygon:
    """Make one valid shape of valid parts; those that overlap or share an edge become one."""
    shape = shapely.MultiPolygon(parts)
    return shape if shape.is_valid else _multi(shapely.union_all(parts))


def _right_angled(shape: shapely.MultiPolygon, mask: shapely.MultiPolygon) -> shapely.MultiPolygon:
    """Draw each part with right angles, where the result overlaps it enough."""
    found = []
    for part in shape.geoms:
        candidates = [_by_rings(shapely.MultiPolygon([part]), _squared), _rectangle(part)]
        own = shapely.intersection(mask, shapely.buffer(part, 0))
        scores = [_iou(candidate, own) for candidate in candidates]
        # A rectangle is preferred where it fits almost as well: it has fewer corners.
        best = int(np.argmax([scores[0], scores[1] + 0.03]))
        good = scores[best] >= SAME_SHAPE and candidates[best].is_valid
        found += list(candidates[best].geoms) if good else [part]
    return joined(found)


def _rectangle(part: shapely.Polygon) -> shapely.MultiPolygon:
    """Give the smallest rectangle around a part."""
    corners = minimum_area_rectangle(shapely.get_coordinates(part.exterior))
    return shapely.MultiPolygon([shapely.Polygon(corners)])


def _iou(one: shapely.Geometry, other: shapely.Geometry) -> float:
    """Measure the overlap of two shapes, 0 where one is invalid."""
    if not one.is_valid or one.is_empty:
        return 0.0
    shared = shapely.intersection(one, other).area
    return float(shared / (one.area + other.area - shared))


def _by_rings(
    shape: shapely.MultiPolygon, change: Callable[[Ring, float], Ring]
) -> shapely.MultiPolygon:
    """Change every ring of a shape; a ring that would become invalid stays as it was."""
    found = []
    for part in shape.geoms:
        axis = main_direction(shapely.get_coordinates(part.exterior))
        outlines = (part.exterior, *part.interiors)
        rings = [change(shapely.get_coordinates(ring), axis) for ring in outlines]
        changed = shapely.Polygon(rings[0], rings[1:])
        found.append(changed if changed.is_valid and changed.area > 0 else part)
    return joined(found)


def main_direction(ring: Float[np.ndarray, "corners 2"]) -> float:
    """Give the angle, within 45 degrees, of the main direction of a closed ring's edges.

    Edges at right angles count as one direction: the angles are multiplied by four and averaged,
    weighted by length.
    """
    edges = np.diff(ring, axis=0)
    angles = 4 * np.arctan2(edges[:, 1], edges[:, 0])
    lengths = np.hypot(edges[:, 0], edges[:, 1])
    return float(np.arctan2((lengths * np.sin(angles)).sum(), (lengths * np.cos(angles)).sum())) / 4


def _squared(ring: Ring, axis: float) -> Ring:
    """Turn the edges of a closed ring into one direction or its right angle.

    Neighbouring edges of the same direction become one, at their mean place weighted by length.
    The new corners are the crossings of neighbouring edges.
    """
    turn = np.array([[np.cos(axis), -np.sin(axis)], [np.sin(axis), np.cos(axis)]])
    turned = ring @ turn
    edges = np.diff(turned, axis=0)
    middles = (turned[1:] + turned[:-1]) / 2
    across = np.abs(edges[:, 0]) >= np.abs(edges[:, 1])
    starts = np.flatnonzero(across != np.roll(across, 1))
    if len(starts) < 4:
        return ring
    runs = [
        np.arange(start, end) % len(edges)
        for start, end in zip(starts, [*starts[1:], starts[0] + len(edges)], strict=True)
    ]
    lengths = np.hypot(edges[:, 0], edges[:, 1])
    places = [np.average(middles[run, int(across[run[0]])], weights=lengths[run]) for run in runs]
    corners = []
    for index, run in enumerate(runs):
        own, following = places[index], places[(index + 1) % len(places)]
        corners.append((following, own) if across[run[0]] else (own, following))
    squared: Ring = np.array([*corners, corners[0]]) @ turn.T
    return squared


def _rounded(ring: Ring, _axis: float) -> Ring:
    """Cut every corner of a closed ring at a quarter of its edges, repeatedly.

    Source: Chaikin, "An algorithm for high-speed curve generation", 1974.
    """
    open_ring = ring[:-1]
    for _ in range(CORNER_CUTS):
        following = np.roll(open_ring, -1, axis=0)
        near, far = 0.75 * open_ring + 0.25 * following, 0.25 * open_ring + 0.75 * following
        open_ring = np.stack([near, far], axis=1).reshape(-1, 2)
    return np.concatenate([open_ring, open_ring[:1]])
