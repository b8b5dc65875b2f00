import numpy as np
import pytest

from pointsam.data.prepare.oriented_boxes import ImageBoxes, OrientedBox
from pointsam.errors import InputError
from pointsam.evaluation.box_scores import average_precision, score_boxes


def _box(id, x, *, category="ship", score=1.0, difficult=False, width=10.0):
    corners = np.array([[x, 0.0], [x + width, 0.0], [x + width, 10.0], [x, 10.0]])
    return OrientedBox(id, category, corners, score, difficult)


def _score(truth, found):
    return score_boxes([ImageBoxes("a", tuple(truth))], [ImageBoxes("a", tuple(found))])


def test_average_precision_by_hand():
    right = np.array([True, False, True])
    # recall 1/2, 1/2, 1; precision 1, 1/2, 2/3: six thresholds up to 0.5, five above
    assert average_precision(right, ~right, objects=2) == pytest.approx((6 + 5 * 2 / 3) / 11)
    none = np.zeros(0, dtype=bool)
    assert average_precision(none, none, objects=3) == 0


def test_perfect_boxes_score_one():
    truth = [_box(1, 0), _box(2, 50, category="large vehicle")]
    scores = _score(truth, [_box(1, 0), _box(2, 50, category="large-vehicle")])
    assert (scores.mean_ap50, scores.mean_iou, scores.missing) == (1, 1, 0)
    assert set(scores.ap50) == {"ship", "large-vehicle"}


def test_a_second_box_on_one_object_is_wrong():
    scores = _score(
        [_box(1, 0), _box(2, 50)],
        [_box(1, 0, score=0.9), _box(3, 1, score=0.8), _box(2, 50, score=0.7)],
    )
    assert scores.ap50["ship"] == pytest.approx((6 + 5 * 2 / 3) / 11)


def test_an_iou_of_a_half_is_not_enough():
    # the found box is twice as wide: IoU is exactly 1/2
    assert _score([_box(1, 0)], [_box(1, 0, width=20.0)]).mean_ap50 == 0
    assert _score([_box(1, 0)], [_box(1, 0, width=19.0)]).mean_ap50 == 1


def test_difficult_objects_neither_help_nor_hurt():
    truth = [_box(1, 0), _box(2, 50, difficult=True)]
    scores = _score(truth, [_box(2, 50, score=0.9), _box(1, 0, score=0.5)])
    assert (scores.mean_ap50, scores.objects) == (1, 1)


def test_a_box_of_another_class_does_not_count():
    scores = _score([_box(1, 0)], [_box(1, 0, category="harbor")])
    assert scores.mean_ap50 == 0
    assert scores.mean_iou == 1  # paired by id, whatever the class


def test_a_missing_box_has_no_overlap():
    scores = _score([_box(1, 0), _box(2, 50)], [_box(1, 5)])
    assert scores.mean_iou == pytest.approx(1 / 3 / 2)
    assert scores.missing == 1


def test_detections_of_all_images_are_ranked_together():
    truth = [ImageBoxes("a", (_box(1, 0),)), ImageBoxes("b", (_box(2, 0),)), ImageBoxes("c", ())]
    found = [
        ImageBoxes("b", (_box(2, 0, score=0.9),)),
        ImageBoxes("c", (_box(3, 0, score=0.8),)),
        ImageBoxes("a", (_box(1, 0, score=0.7),)),
    ]
    assert score_boxes(truth, found).mean_ap50 == pytest.approx((6 + 5 * 2 / 3) / 11)


def test_sets_that_share_no_image_are_refused():
    with pytest.raises(InputError, match="1 objects in the truth, 0 of its 1 images"):
        score_boxes([ImageBoxes("a", (_box(1, 0),))], [ImageBoxes("b", ())])
    with pytest.raises(InputError, match="0 objects in the truth"):
        score_boxes([ImageBoxes("a", ())], [ImageBoxes("a", ())])
