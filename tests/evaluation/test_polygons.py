import numpy as np
import pytest
import shapely

from pointsam.errors import InputError
from pointsam.evaluation.polygons import best_partners, score_classes, score_polygons


def box(x, y, width=10, height=10):
    return shapely.box(x, y, x + width, y + height)


def test_equal_layers_have_full_scores_in_any_order():
    truth = [box(0, 0), box(20, 0), box(40, 0)]
    scores = score_polygons(truth[::-1], truth)
    assert (scores.iou, scores.precision, scores.recall, scores.f1) == (1, 1, 1, 1)


def test_half_a_box_has_half_the_iou_and_is_found():
    scores = score_polygons([box(0, 0, width=5)], [box(0, 0), box(50, 50)])
    assert scores.iou == pytest.approx(0.25)
    assert (scores.precision, scores.recall) == (1, 0.5)
    assert scores.f1 == pytest.approx(2 / 3)


def test_a_polygon_found_twice_counts_once():
    scores = score_polygons([box(0, 0), box(0, 0)], [box(0, 0)])
    assert (scores.iou, scores.precision, scores.recall) == (1, 0.5, 1)


def test_the_better_partner_is_taken_whatever_comes_first():
    found = np.array([box(0, 0, width=6), box(0, 0, width=9)])
    assert best_partners(found, np.array([box(0, 0)])).tolist() == pytest.approx([0.9])


def test_nothing_found_is_zero_and_no_truth_is_refused():
    scores = score_polygons([], [box(0, 0)])
    assert (scores.iou, scores.precision, scores.recall, scores.f1) == (0, 0, 0, 0)
    with pytest.raises(InputError, match="no true polygon"):
        score_polygons([box(0, 0)], [])


def test_a_class_is_scored_by_its_own_polygons():
    truth = [box(0, 0), box(20, 0)]
    scores = score_classes(
        truth, truth, found_classes=["roof", "tank"], true_classes=["roof", "roof"]
    )
    assert scores["roof"].recall == 0.5
    assert list(scores) == ["roof"]
