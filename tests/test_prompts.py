import torch
from hypothesis import given
from hypothesis import strategies as st

from pointsam.prompts import (
    NEGATIVE,
    PADDING,
    POSITIVE,
    Prompts,
    calibrate_negatives,
    find_rivals,
)


def rivals(count, *pairs):
    matrix = torch.zeros(count, count, dtype=torch.bool)
    for first, second in pairs:
        matrix[first, second] = matrix[second, first] = True
    return matrix


def real_points(prompts):
    """Each instance's ``(x, y, label)``, padding left out, in their order."""
    return [
        [(x, y, label) for (x, y), label in zip(row, labels, strict=True) if label != PADDING]
        for row, labels in zip(prompts.points.tolist(), prompts.labels.tolist(), strict=True)
    ]


ROWS = [[(1.0, 2.0, 1)], [], [(3.0, 4.0, 1), (5.0, 6.0, 0), (7.0, 8.0, 1)]]


def test_rows_come_back_from_their_rectangle():
    prompts = Prompts.from_rows(ROWS)
    assert real_points(prompts) == ROWS
    assert prompts.labels.tolist() == [[1, -1, -1], [-1, -1, -1], [1, 0, 1]]
    assert prompts.counts.tolist() == [1, 0, 3]
    assert len(prompts) == 3


def test_no_rows_are_no_instances():
    prompts = Prompts.from_rows([])
    assert len(prompts) == 0
    assert prompts.points.shape == (0, 0, 2)
    assert prompts.counts.tolist() == []


def test_instances_are_kept_by_index_mask_and_slice():
    prompts = Prompts.from_rows(ROWS)
    assert real_points(prompts[torch.tensor([2, 0])]) == [ROWS[2], ROWS[0]]
    assert real_points(prompts[torch.tensor([True, False, True])]) == [ROWS[0], ROWS[2]]
    assert real_points(prompts[1:]) == ROWS[1:]


BOXES = torch.tensor([[0.0, 1, 4, 5], [2, 2, 6, 9], [1, 0, 3, 8]])


def test_points_and_boxes_move_together_and_labels_stay():
    prompts = Prompts.from_rows(ROWS).with_boxes(BOXES)
    moved = prompts.moved(lambda points: points * torch.tensor([2.0, 3.0]))
    assert moved.points[0, 0].tolist() == [2, 6]
    assert moved.boxes[0].tolist() == [0, 3, 8, 15]
    assert torch.equal(moved.labels, prompts.labels)


def test_a_box_that_is_turned_over_still_starts_at_its_low_corner():
    turned = Prompts.from_boxes(BOXES).moved(lambda points: 10 - points)
    assert turned.boxes[0].tolist() == [6, 5, 10, 9]


def test_boxes_go_with_their_instances():
    prompts = Prompts.from_rows(ROWS).with_boxes(BOXES)
    assert prompts[torch.tensor([2, 0])].boxes.tolist() == BOXES[[2, 0]].tolist()
    assert prompts[1:].to("cpu").boxes.tolist() == BOXES[1:].tolist()
    lent = calibrate_negatives(prompts, rivals(3, (0, 2)), max_negatives=1)
    assert lent.boxes.tolist() == BOXES.tolist()


def test_an_instance_without_a_box_says_so():
    missing = BOXES.clone()
    missing[1] = float("nan")
    assert Prompts.from_rows(ROWS).boxed.tolist() == [False, False, False]
    assert Prompts.from_boxes(missing).boxed.tolist() == [True, False, True]
    assert Prompts.from_boxes(missing).counts.tolist() == [0, 0, 0]


def test_positive_points_name_their_instance():
    points, owner = Prompts.from_rows(ROWS).positives()
    assert points.tolist() == [[1, 2], [3, 4], [7, 8]]
    assert owner.tolist() == [0, 2, 2]


def test_rivals_overlap_by_more_than_the_threshold_and_nobody_rivals_itself():
    iou = torch.tensor([[1.0, 0.1, 0.2], [0.1, 1.0, 0.0], [0.2, 0.0, 1.0]])
    assert torch.equal(find_rivals(iou, iou_threshold=0.1), rivals(3, (0, 2)))


def test_rivals_of_nobody_are_an_empty_square():
    assert find_rivals(torch.zeros(0, 0), iou_threshold=0.1).shape == (0, 0)


def test_rivals_exchange_their_positive_points():
    prompts = Prompts.from_rows(
        [[(0.0, 0.0, 1), (9.0, 9.0, 0)], [(4.0, 0.0, 1)], [(50.0, 50.0, 1)]]
    )
    calibrated = calibrate_negatives(prompts, rivals(3, (0, 1)), max_negatives=3)
    assert real_points(calibrated) == [
        [(0.0, 0.0, POSITIVE), (9.0, 9.0, NEGATIVE), (4.0, 0.0, NEGATIVE)],
        [(4.0, 0.0, POSITIVE), (0.0, 0.0, NEGATIVE)],
        [(50.0, 50.0, POSITIVE)],
    ]


def test_the_nearest_points_are_lent():
    prompts = Prompts.from_rows(
        [[(0.0, 0.0, 1)], [(8.0, 0.0, 1), (3.0, 0.0, 1)], [(0.0, 5.0, 1)], [(0.0, 4.0, 1)]]
    )
    calibrated = calibrate_negatives(prompts, rivals(4, (0, 1), (0, 2), (0, 3)), max_negatives=2)
    assert real_points(calibrated)[0] == [(0.0, 0.0, 1), (3.0, 0.0, 0), (0.0, 4.0, 0)]


def test_of_points_equally_near_the_first_instance_lends():
    prompts = Prompts.from_rows([[(0.0, 0.0, 1)], [(0.0, 2.0, 1)], [(2.0, 0.0, 1)]])
    calibrated = calibrate_negatives(prompts, rivals(3, (0, 1), (0, 2)), max_negatives=1)
    assert real_points(calibrated)[0] == [(0.0, 0.0, 1), (0.0, 2.0, 0)]


def test_prompts_without_rivals_stay_as_they_are():
    prompts = Prompts.from_rows(ROWS)
    assert calibrate_negatives(prompts, rivals(3), max_negatives=3) is prompts


def test_padding_between_points_is_closed_up():
    prompts = Prompts(
        torch.tensor([[[1.0, 1], [0, 0], [2, 2]], [[5, 5], [0, 0], [0, 0]]]),
        torch.tensor([[1, PADDING, 1], [1, PADDING, PADDING]]),
    )
    calibrated = calibrate_negatives(prompts, rivals(2, (0, 1)), max_negatives=1)
    assert calibrated.labels.tolist() == [[1, 1, 0], [1, 0, PADDING]]
    assert real_points(calibrated)[1] == [(5.0, 5.0, 1), (2.0, 2.0, 0)]


@given(seed=st.integers(0, 2**16), most=st.integers(0, 4))
def test_calibration_agrees_with_a_plain_loop(seed, most):
    generator = torch.Generator().manual_seed(seed)
    count = int(torch.randint(2, 6, (1,), generator=generator))
    rows = []
    for _ in range(count):
        points = torch.rand(
            int(torch.randint(1, 4, (1,), generator=generator)), 2, generator=generator
        )
        rows.append([(x, y, int(i != 1)) for i, (x, y) in enumerate(points.tolist())])
    upper = (torch.rand(count, count, generator=generator) < 0.5).triu(1)
    matrix = upper | upper.T
    found = real_points(calibrate_negatives(Prompts.from_rows(rows), matrix, max_negatives=most))
    for index, own in enumerate(rows):
        mine = [(x, y) for x, y, label in own if label == POSITIVE]
        others = [
            (min((x - a) ** 2 + (y - b) ** 2 for a, b in mine), x, y)
            for other in range(count)
            if matrix[index, other]
            for x, y, label in rows[other]
            if label == POSITIVE
        ]
        lent = [(x, y, NEGATIVE) for _, x, y in sorted(others)[:most]]
        assert found[index] == own + lent
