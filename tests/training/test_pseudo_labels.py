import pytest
import torch
from tests.models.tiny_models import small_mobile_sam
from tests.training.drawn import settings, stir, trainer, view

from pointsam.masks import agree_with_clicks
from pointsam.prompts import Prompts


def square(x, y, size, side=16):
    mask = torch.zeros(side, side, dtype=torch.bool)
    mask[y : y + size, x : x + size] = True
    return mask


def clicks(*points):
    """One positive point an instance, given in low-res pixels."""
    return Prompts.from_rows([[(4.0 * x, 4.0 * y, 1)] for x, y in points])


def test_mask_that_holds_its_click_and_no_other_is_believed():
    masks = torch.stack([square(0, 0, 4), square(8, 8, 4)])
    assert agree_with_clicks(masks, clicks((1, 1), (9, 9))).tolist() == [True, True]


def test_mask_that_floods_its_neighbour_is_not_believed():
    masks = torch.stack([square(0, 0, 12), square(8, 8, 4)])
    assert agree_with_clicks(masks, clicks((1, 1), (9, 9))).tolist() == [False, True]


def test_mask_away_from_its_click_is_not_believed():
    masks = torch.stack([square(4, 4, 4), square(8, 8, 4)])
    assert agree_with_clicks(masks, clicks((1, 1), (9, 9))).tolist() == [False, True]


def test_click_beside_the_border_still_counts():
    masks = square(4, 4, 4)[None]
    assert agree_with_clicks(masks, clicks((3, 4))).tolist() == [True]
    assert agree_with_clicks(masks, clicks((2, 4))).tolist() == [False]


def test_negative_points_of_others_say_nothing():
    masks = torch.stack([square(0, 0, 4), square(8, 8, 4)])
    prompts = Prompts.from_rows([[(4.0, 4.0, 1)], [(36.0, 36.0, 1), (8.0, 8.0, 0)]])
    assert agree_with_clicks(masks, prompts).tolist() == [True, True]


def test_no_instances_give_no_beliefs():
    masks = torch.zeros(0, 16, 16, dtype=torch.bool)
    assert agree_with_clicks(masks, Prompts.from_rows([])).tolist() == []


@pytest.mark.parametrize("weights", ["average", "live", "frozen"])
def test_teacher_uses_the_weights_it_is_told_to(weights):
    built = trainer(small_mobile_sam(), settings(teacher={"weights": weights}))
    given = view(1, 3)
    stem = built.frozen_features([given], "weak")
    frozen = built.teacher.label_frozen(stem, [given.sample])[0].joint.masks.low_res_logits
    stir(built)
    for name, tensor in built.adapter.state().items():
        if "lora_B" in name:
            built.average.state[name] = torch.zeros_like(tensor)
    with torch.no_grad():
        for name, parameter in built.adapter.named_parameters().items():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    found = built.teacher.label(stem, [given.sample])[0].joint.masks.low_res_logits
    same = torch.equal(found, frozen)
    assert same == (weights != "live")
    # The student's own weights are back in their place.
    assert any(p.any() for n, p in built.adapter.named_parameters().items() if "lora_B" in n)
