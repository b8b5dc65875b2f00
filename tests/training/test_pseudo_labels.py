from itertools import combinations

import pytest
import torch
from tests.models.tiny_models import small_mobile_sam
from tests.training.drawn import SIDE, settings, stir, trainer, view

from pointsam.masks import agree_with_clicks
from pointsam.models.calibration import Calibration, decode_jointly
from pointsam.prompts import Prompts
from pointsam.training import pseudo_labels
from pointsam.training.pseudo_labels import Teacher


def square(x, y, size, side=16):
    mask = torch.zeros(side, side, dtype=torch.bool)
    mask[y : y + size, x : x + size] = True
    return mask


def clicks(*points):
    """One positive point an instance, given in low-res pixels."""
    return Prompts.from_rows([[(4.0 * x, 4.0 * y, 1)] for x, y in points])


def test_mask_that_holds_its_click_and_no_other_is_accepted():
    masks = torch.stack([square(0, 0, 4), square(8, 8, 4)])
    assert agree_with_clicks(masks, clicks((1, 1), (9, 9))).tolist() == [True, True]


def test_mask_that_floods_its_neighbour_is_not_accepted():
    masks = torch.stack([square(0, 0, 12), square(8, 8, 4)])
    assert agree_with_clicks(masks, clicks((1, 1), (9, 9))).tolist() == [False, True]


def test_mask_away_from_its_click_is_not_accepted():
    masks = torch.stack([square(4, 4, 4), square(8, 8, 4)])
    assert agree_with_clicks(masks, clicks((1, 1), (9, 9))).tolist() == [False, True]


def test_click_beside_the_border_still_counts():
    masks = square(4, 4, 4)[None]
    assert agree_with_clicks(masks, clicks((3, 4))).tolist() == [True]
    assert agree_with_clicks(masks, clicks((2, 4))).tolist() == [False]


def test_a_click_between_two_low_res_pixels_is_in_the_one_that_covers_it():
    # Places count from pixel middles: 11.6 lies in model pixel 12, the first of low-res pixel 3.
    beside = Prompts.from_rows([[(11.6, 16.0, 1)]])
    assert agree_with_clicks(square(4, 4, 4)[None], beside).tolist() == [True]


def test_negative_points_of_others_say_nothing():
    masks = torch.stack([square(0, 0, 4), square(8, 8, 4)])
    prompts = Prompts.from_rows([[(4.0, 4.0, 1)], [(36.0, 36.0, 1), (8.0, 8.0, 0)]])
    assert agree_with_clicks(masks, prompts).tolist() == [True, True]


def test_no_instances_give_no_beliefs():
    masks = torch.zeros(0, 16, 16, dtype=torch.bool)
    assert agree_with_clicks(masks, Prompts.from_rows([])).tolist() == []


@pytest.mark.parametrize("adapt", [("query-value",), ("decoder",)], ids="+".join)
@pytest.mark.parametrize("weights", ["average", "live", "frozen"])
def test_teacher_labels_with_the_weights_it_is_told_to(weights, adapt):
    chosen = settings(teacher={"weights": weights}, model={"side": SIDE, "adapt": list(adapt)})
    built = trainer(small_mobile_sam(), chosen)
    given = view(1, 3)
    frozen_features = built.frozen_features([given], "weak")

    def labelled(label):
        return label(frozen_features, [given.sample])[0].joint.masks.low_res_logits

    stir(built, seed=1, adapt=adapt)
    built.average.state = built.adapter.state()
    average = with_own_weights(built, given)
    stir(built, seed=2, adapt=adapt)
    expected = {"average": average, "live": with_own_weights(built, given)}
    with built.adapter.disabled():
        expected["frozen"] = with_own_weights(built, given)
    student = built.adapter.state()

    assert torch.equal(labelled(built.teacher.label), expected[weights])
    assert torch.equal(labelled(built.teacher.label_frozen), expected["frozen"])
    for one, other in combinations(expected.values(), 2):
        assert not torch.allclose(one, other, atol=1e-2)
    # The student's own weights are back in their place.
    after = built.adapter.state()
    assert all(torch.equal(after[name], student[name]) for name in student)


def test_a_mask_that_sam_rates_too_low_is_not_accepted(monkeypatch):
    monkeypatch.setattr(
        pseudo_labels, "agree_with_clicks", lambda masks, _: masks.new_ones(len(masks)).bool()
    )
    chosen = settings(teacher={"weights": "frozen", "max_negatives": 0})
    built, given = trainer(small_mobile_sam(), chosen), view(1, 5)

    def labelled(minimum):
        teacher = chosen.teacher.model_copy(update={"min_iou_prediction": minimum})
        own = Teacher(built.model, built.adapter, teacher, average=built.average)
        [label] = own.label(built.frozen_features([given], "weak"), [given.sample])
        return label

    rated = labelled(0.0).joint.masks.iou_prediction
    order = rated.argsort()
    assert rated.unique().numel() == 5
    for rejected in range(5):
        # A mask that is rated exactly at the bound is accepted.
        accepted = labelled(rated[order[rejected]].item()).accepted
        assert not accepted[order[:rejected]].any()
        assert accepted[order[rejected:]].all()


@torch.no_grad()
def with_own_weights(built, given):
    """The masks of the weights that are on the model now, without a teacher."""
    embedding = built.model.encode_adapted(built.frozen_features([given], "weak"))
    joint = decode_jointly(
        built.model, embedding, given.sample.prompts, calibration=Calibration(0.1, 3)
    )
    return joint.masks.low_res_logits
