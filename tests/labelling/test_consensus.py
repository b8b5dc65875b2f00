from dataclasses import fields, replace

import numpy as np
import pytest

from pointsam.labelling.consensus import Groups, choose, trust
from pointsam.labelling.evidence import Evidence


def evidence(areas, scores):
    """Squares of these areas; all that speaks is their size and SAM's estimate."""
    areas = np.array(areas, dtype=np.float32)
    blank = {field.name: np.zeros_like(areas) for field in fields(Evidence)}
    usual = {"roughness": 1.0, "fill": 1.0, "largest_part": 1.0, "edge": 40.0, "own": 1.0}
    blank |= {name: np.full_like(areas, value) for name, value in usual.items()}
    blank |= dict.fromkeys(("inside", "around"), np.zeros((*areas.shape, 0), dtype=np.float32))
    blank |= {"area": areas, "iou_prediction": np.broadcast_to(scores, areas.shape).copy()}
    return Evidence(**blank)


def alike(count, images=None):
    return Groups(np.zeros(count, dtype=int), np.arange(count) if images is None else images)


PART_WHOLE_SCENE = [[25, 100, 2500]]


def test_one_that_is_sure_of_a_part_follows_the_others():
    scores = np.tile([0.5, 0.8, 0.4], (10, 1))
    scores[3] = [0.85, 0.8, 0.4]
    found = choose(evidence(PART_WHOLE_SCENE * 10, scores), alike(10))
    assert found.picked.tolist() == [1] * 10
    assert found.accepted.all()


def test_groups_do_not_mix():
    scores = np.array([[0.8, 0.79, 0.4]] * 5 + [[0.79, 0.8, 0.4]] * 5)
    groups = Groups(np.repeat([0, 1], 5), np.arange(10))
    found = choose(evidence(PART_WHOLE_SCENE * 10, scores), groups)
    assert found.picked.tolist() == [0] * 5 + [1] * 5


@pytest.mark.parametrize("name", ["outside", "foreign", "refused"])
def test_what_contradicts_a_click_is_rejected(name):
    table = evidence([[100]] * 4, [0.8])
    broken = np.zeros((4, 1), dtype=np.float32)
    broken[2] = 1
    found = choose(replace(table, **{name: broken}), alike(4))
    assert found.accepted.tolist() == [True, True, False, True]
    assert trust(found)[2] == 0


def test_what_looks_unusual_is_kept_but_for_its_size():
    table = evidence([[100]] * 7 + [[900]], [0.8])
    weak = replace(table, edge=np.where(np.arange(8)[:, None] == 1, 1.0, 40.0))
    found = choose(weak, alike(8))
    assert found.accepted.tolist() == [True] * 7 + [False]
    assert found.against[1].sum() == 1


def test_a_foreign_click_speaks_against():
    table = evidence([[80, 100, 2500]] * 4, [0.6, 0.8, 0.4])
    foreign = table.foreign.copy()
    foreign[0, 1] = 1
    found = choose(replace(table, foreign=foreign), alike(4))
    assert found.picked.tolist() == [0, 1, 1, 1]
    all_bad = replace(table, foreign=foreign + 1)
    assert not choose(all_bad, alike(4)).accepted.any()


def test_a_user_reads_a_class():
    table = evidence([[50, 100, 200]] * 10, [0.7, 0.75, 0.7])
    assert choose(table, alike(10)).picked.tolist() == [1] * 10
    assert choose(table, alike(10), readings={0: "larger"}).picked.tolist() == [2] * 10
    assert choose(table, alike(10), readings={0: "smaller"}).picked.tolist() == [0] * 10
    assert choose(table, alike(10), readings={7: "smaller"}).picked.tolist() == [1] * 10


def test_the_larger_mask_that_is_meant_is_not_the_whole_image():
    table = evidence([[50, 100, 90000]] * 10, [0.75, 0.7, 0.4])
    foreign = table.foreign.copy()
    foreign[:, 2] = 2
    found = choose(replace(table, foreign=foreign), alike(10), readings={0: "larger"})
    assert found.picked.tolist() == [1] * 10


def test_a_choice_may_begin_elsewhere_than_sam_would():
    # SAM is surest of parts whose sizes scatter; the wholes are all of one size.
    parts = np.geomspace(2, 400, 12)
    table = evidence([[part, 900] for part in parts], [0.82, 0.78])
    assert choose(table, alike(12)).picked.tolist() == [1] * 12


def test_sizes_of_one_image_may_be_its_own():
    # Objects of two images at two scales: in each, the middle mask is the usual one.
    areas = [[25, 100, 400]] * 6 + [[100, 400, 1600]] * 6
    found = choose(evidence(areas, [0.5, 0.7, 0.5]), alike(12, np.repeat([0, 1], 6)))
    assert found.picked.tolist() == [1] * 12


def test_sizes_agree_on_the_ground():
    # Six images of pixels twice as wide: the same objects have a quarter of the pixels there.
    areas = [[100, 400, 1600]] * 6 + [[100, 400, 1600]] * 6
    scores = np.array([[0.5, 0.8, 0.5]] * 6 + [[0.6, 0.6, 0.5]] * 6)
    pixels = np.repeat([0.0, np.log(4.0)], 6)
    groups = Groups(np.zeros(12, dtype=int), np.arange(12), pixels)
    assert choose(evidence(areas, scores), groups).picked.tolist() == [1] * 6 + [0] * 6
    in_pixels = choose(evidence(areas, scores), alike(12)).picked.tolist()
    assert in_pixels == [1] * 12


def test_cut_and_empty_masks_are_taken_last():
    table = evidence([[0, 100, 90]], [0.9, 0.9, 0.2])
    cut = table.cut.copy()
    cut[0, 1] = 1
    assert choose(replace(table, cut=cut), alike(1)).picked.tolist() == [2]


def test_trust_falls_with_the_energy_and_is_none_where_rejected():
    scores = np.linspace(0.4, 0.9, 10)[:, None] * np.ones(3)
    table = evidence(PART_WHOLE_SCENE * 10, scores)
    outside = np.zeros_like(table.area)
    outside[9] = 1
    found = choose(replace(table, outside=outside), alike(10))
    weights = trust(found)
    assert weights[9] == 0
    assert (np.diff(weights[:9]) >= 0).all()
    assert weights.max() == pytest.approx(1)


def test_the_margin_is_to_the_best_other_mask():
    found = choose(evidence([[100, 100]], [0.9, 0.5]), alike(1))
    assert found.margin.item() == pytest.approx(8 * 0.4)


def test_no_objects_are_no_choice():
    none = choose(evidence(np.zeros((0, 3)), np.zeros((0, 3))), alike(0))
    assert len(none.picked) == 0
    assert trust(none).shape == (0,)


def test_each_own_click_off_a_mask_speaks_against_it_up_to_three():
    # SAM is surer of the mask of which two of five clicks are off, by 0.5: four units of energy.
    table = evidence([[100, 100]] * 10, [0.9, 0.4])
    off = np.zeros_like(table.area)
    off[:, 0] = 2
    five = np.full_like(table.area, 5)
    assert choose(replace(table, own=five), alike(10)).picked.tolist() == [0] * 10
    found = choose(replace(table, own=five, outside=off), alike(10))
    assert found.picked.tolist() == [1] * 10
    # Where every mask misses most clicks, one click more or less says nothing.
    missed = np.where(off > 0, 5, 4).astype(np.float32)
    assert choose(replace(table, own=five, outside=missed), alike(10)).picked.tolist() == [0] * 10


def test_masks_of_one_size_are_told_apart_by_what_they_show():
    """Each object has two masks of one size: one shows the object, the other its background."""
    of_all = evidence(np.full((8, 2), 100.0), np.tile([0.8, 0.82], (8, 1)))
    thing, ground = np.array([1.0, 0.2, 0.0]), np.array([0.0, 0.3, 1.0])
    inside, around = np.stack([thing, ground]), np.stack([ground, ground])
    seen = replace(of_all, inside=np.tile(inside, (8, 1, 1)), around=np.tile(around, (8, 1, 1)))
    assert choose(of_all, alike(8)).picked.tolist() == [1] * 8
    assert choose(seen, alike(8)).picked.tolist() == [0] * 8
    # Two objects are no group that says what a thing looks like.
    pairs = Groups(np.arange(8) // 2, np.arange(8))
    assert choose(seen, pairs).picked.tolist() == [1] * 8
