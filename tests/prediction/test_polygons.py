"""Outlines of masks become shapes that people draw: straight, few corners, the same ground."""

import numpy as np
import pytest
import shapely
from rasterio import features

from pointsam.errors import InputError
from pointsam.prediction.polygons import PolygonRules, joined, main_direction, shaped
from pointsam.prediction.scenes.outlines import OwnerTracer


def traced(shape, size=80):
    """A shape along pixel edges, as a mask's outline is."""
    mask = features.rasterize([shape], (size, size))
    found = features.shapes(mask.astype(np.uint8), mask=mask > 0)
    parts = [shapely.Polygon(s["coordinates"][0], s["coordinates"][1:]) for s, _ in found]
    return shapely.MultiPolygon(parts)


def turned(shape, degrees):
    return shapely.affinity.rotate(shape, degrees, origin=(40, 40))


def iou(one, other):
    return one.intersection(other).area / one.union(other).area


def corners(shape):
    return sum(len(part.exterior.coords) - 1 for part in shape.geoms)


ROOF = shapely.box(20, 30, 60, 52)
L_ROOF = shapely.Polygon([(15, 15), (60, 15), (60, 35), (38, 35), (38, 65), (15, 65)])


def test_without_rules_outlines_stay():
    shapes = np.array([traced(turned(ROOF, 30)), shapely.MultiPolygon()], dtype=object)
    assert PolygonRules().idle
    assert all(shapely.equals(shaped(shapes, PolygonRules(), pixel=1), shapes))


def test_simple_outlines_have_few_corners_and_the_same_ground():
    mask = traced(turned(ROOF, 30))
    [found] = shaped(np.array([mask]), PolygonRules(simplify="auto"), pixel=1)
    assert corners(found) < corners(mask) / 5
    assert iou(found, mask) > 0.93
    assert abs(found.area / mask.area - 1) < 0.03


def test_neighbours_keep_their_common_border():
    left = traced(shapely.box(10, 10, 40, 40))
    right = traced(turned(shapely.box(30, 5, 70, 45), 20)).difference(left)
    shapes = np.array([left, shapely.MultiPolygon([right])], dtype=object)
    first, second = shaped(shapes, PolygonRules(simplify=3.0), pixel=1)
    assert first.intersection(second).area == pytest.approx(0, abs=1e-9)
    gap = left.union(right).area - first.union(second).area
    assert abs(gap) < 0.05 * left.area


def test_masks_that_overlap_are_simplified_one_by_one():
    shapes = np.array([traced(turned(ROOF, 20)), traced(turned(ROOF, 50))], dtype=object)
    found = shaped(shapes, PolygonRules(simplify="auto"), pixel=1)
    assert [corners(f) < corners(s) / 3 for f, s in zip(found, shapes, strict=True)] == [True] * 2


@pytest.mark.parametrize("degrees", [0, 17, 45, 80])
@pytest.mark.parametrize(("roof", "count"), [(ROOF, 4), (L_ROOF, 6)], ids=["box", "L"])
def test_buildings_get_right_angles(roof, count, degrees):
    mask = traced(turned(roof, degrees))
    [found] = shaped(np.array([mask]), PolygonRules(regularise=True), pixel=1)
    assert corners(found) == count
    assert iou(found, turned(roof, degrees)) > 0.9
    ring = np.array(found.geoms[0].exterior.coords)
    edges = np.diff(ring, axis=0)
    angles = np.degrees(np.arctan2(edges[:, 1], edges[:, 0])) - np.degrees(main_direction(ring))
    assert np.abs((angles + 45) % 90 - 45).max() < 0.01


def test_a_part_in_the_cut_corner_of_another_makes_no_invalid_shape():
    part = shapely.Polygon([(0, 0), (40, 0), (40, 24), (24, 40), (0, 40)])
    mask = shapely.MultiPolygon([part, shapely.box(34, 34, 39, 39)])
    [found] = shaped(np.array([mask]), PolygonRules(regularise=True), pixel=0.5)
    assert found.is_valid
    assert iou(found, shapely.box(0, 0, 40, 40)) > 0.99


def test_parts_that_share_an_edge_become_one():
    found = joined([shapely.box(0, 0, 2, 2), shapely.box(2, 0, 4, 1), shapely.box(9, 9, 10, 10)])
    assert found.is_valid
    assert len(found.geoms) == 2
    apart = [shapely.box(0, 0, 2, 2), shapely.box(2, 2, 3, 3)]
    assert shapely.equals_identical(joined(apart), shapely.MultiPolygon(apart))


def test_a_round_thing_is_not_made_square():
    pond = traced(shapely.Point(40, 40).buffer(25))
    [found] = shaped(np.array([pond]), PolygonRules(regularise=True), pixel=1)
    assert iou(found, pond) > 0.75
    [smooth] = shaped(np.array([pond]), PolygonRules(simplify="auto", smooth=True), pixel=1)
    assert iou(smooth, shapely.Point(40, 40).buffer(25)) > 0.93


def test_small_holes_are_filled_and_small_parts_left_out():
    ring = shapely.box(10, 10, 40, 40).difference(shapely.box(20, 20, 23, 23))
    shape = shapely.MultiPolygon([ring, shapely.box(60, 60, 62, 62)])
    [found] = shaped(np.array([shape]), PolygonRules(min_hole=10, min_area=5), pixel=1)
    assert found.area == 900
    [found] = shaped(np.array([shape]), PolygonRules(min_hole=9, min_area=4), pixel=1)
    assert found.area == shape.area
    [found] = shaped(np.array([shape]), PolygonRules(min_area=10_000), pixel=1)
    assert found.is_empty


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"simplify": 0.0}, "--simplify 0.0: give a length above 0, or auto"),
        ({"min_area": -1}, "areas: give 0 or more"),
        ({"regularise": True, "smooth": True}, "give one"),
    ],
)
def test_rules_that_cannot_be_are_refused(rules, message):
    with pytest.raises(InputError, match=message):
        PolygonRules(**rules)


def objects(*masks):
    """Outlines of masks that share a raster, later ones above earlier ones."""
    owners = np.zeros(masks[0].shape, dtype=np.uint32)
    for number, mask in enumerate(masks, start=1):
        owners[mask] = number
    tracer = OwnerTracer(len(masks))
    tracer.add((0, 0, owners.shape[1], owners.shape[0]), owners)
    return tracer.shapes()


def test_neighbours_that_end_apart_share_their_simplified_edge():
    rows, cols = np.mgrid[:64, :64]
    border = (30 + 8 * np.sin(rows / 5)).astype(int)
    left = (cols < border) & (cols >= 5) & (rows >= 10) & (rows < 50)
    right = (cols >= border) & (cols < 60)
    shapes = objects(left, right)
    found = shaped(shapes, PolygonRules(simplify="auto"), pixel=1.0)
    assert found[0].intersection(found[1]).area < 1e-9
    common = shapely.shared_paths(*(shapely.get_exterior_ring(s.geoms[0]) for s in found))
    assert shapely.length(common) > 30
    assert len(shapely.get_coordinates(found)) < len(shapely.get_coordinates(shapes)) / 2


def test_a_hole_that_holds_an_object_is_not_filled():
    whole, inside, empty = (np.zeros((30, 30), dtype=bool) for _ in range(3))
    whole[5:25, 5:25] = True
    inside[10:14, 10:14] = True
    empty[18:20, 18:20] = True
    shapes = objects(whole & ~empty, inside)
    found = shaped(shapes, PolygonRules(min_hole=20), pixel=1.0)
    assert found[0].intersection(found[1]).area == 0
    assert found[0].area == 20 * 20 - 16
