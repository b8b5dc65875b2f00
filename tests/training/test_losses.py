import math

import pytest
import torch

from pointsam.training.losses import dice_loss, focal_loss, iou_head_loss

MASK_LOSSES = [focal_loss, dice_loss]


def drawn(instances=3, rows=4, cols=5, seed=0):
    """Logits in float64, masks, and a valid area without its last row and column."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(instances, rows, cols, generator=generator, dtype=torch.float64)
    target = torch.rand(instances, rows, cols, generator=generator) < 0.4
    valid = torch.ones(rows, cols, dtype=torch.bool)
    valid[-1], valid[:, -1] = False, False
    return logits, target, valid


def everywhere(rows, cols):
    return torch.ones(rows, cols, dtype=torch.bool)


def test_focal_at_an_undecided_pixel_is_a_quarter_of_ln_2():
    logits = torch.zeros(2, 1, 2, dtype=torch.float64)
    target = torch.tensor([[[True, True]], [[True, False]]])
    loss = focal_loss(logits, target, everywhere(1, 2))
    torch.testing.assert_close(loss, torch.full((2,), math.log(2) / 4, dtype=torch.float64))


def test_focal_of_one_right_and_one_wrong_pixel_by_hand():
    # logit ln 3: object with probability 3/4. Right: (1/4)^2 ln(4/3); wrong: (3/4)^2 ln 4.
    logits = torch.full((1, 1, 2), math.log(3), dtype=torch.float64)
    loss = focal_loss(logits, torch.tensor([[[True, False]]]), everywhere(1, 2))
    expected = (math.log(4 / 3) / 16 + math.log(4) * 9 / 16) / 2
    torch.testing.assert_close(loss, torch.tensor([expected], dtype=torch.float64))


def test_focal_without_discount_is_cross_entropy_of_hard_and_soft_targets():
    logits, target, _ = drawn()
    for share in (target.double(), torch.rand(target.shape, dtype=torch.float64)):
        expected = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, share, reduction="none"
        ).mean(dim=(1, 2))
        torch.testing.assert_close(focal_loss(logits, share, everywhere(4, 5), gamma=0.0), expected)


def test_focal_agrees_with_a_plain_loop_over_pixels():
    logits, target, valid = drawn()
    for loss, own_logits, own_target in zip(
        focal_loss(logits, target, valid, gamma=1.5), logits, target, strict=True
    ):
        terms = []
        for row, col in valid.nonzero().tolist():
            p = 1 / (1 + math.exp(-own_logits[row, col].item()))
            right = p if own_target[row, col] else 1 - p
            terms.append(-((1 - right) ** 1.5) * math.log(right))
        assert loss.item() == pytest.approx(sum(terms) / len(terms))


def test_dice_by_hand():
    # Probabilities 1/2 and 1/4, target the first: 1 - (2 * 1/2 + 1) / (3/4 + 1 + 1).
    logits = torch.tensor([[[0.0, -math.log(3)]]], dtype=torch.float64)
    loss = dice_loss(logits, torch.tensor([[[True, False]]]), everywhere(1, 2))
    torch.testing.assert_close(loss, torch.tensor([1 - 2 / 2.75], dtype=torch.float64))


def test_dice_of_two_empty_masks_is_nothing_and_of_two_full_ones_too():
    logits = torch.tensor([-100.0, 100.0])[:, None, None].expand(2, 3, 3)
    target = logits > 0
    torch.testing.assert_close(dice_loss(logits, target, everywhere(3, 3)), torch.zeros(2))


def test_dice_does_not_let_a_large_instance_rule():
    logits, target, valid = drawn(2)
    target[0] = True
    alone = torch.cat(
        [dice_loss(logits[:1], target[:1], valid), dice_loss(logits[1:], target[1:], valid)]
    )
    torch.testing.assert_close(dice_loss(logits, target, valid), alone)


def test_iou_head_by_hand():
    # Mask: columns 0 and 1; target: columns 1 and 2 (column 3 is padding): IoU 1/3.
    logits = torch.tensor([[[1.0, 0.1, -1.0, 5.0]]])
    target = torch.tensor([[[False, True, True, True]]])
    valid = torch.tensor([[True, True, True, False]])
    loss = iou_head_loss(torch.tensor([0.5]), logits, target, valid)
    torch.testing.assert_close(loss, torch.tensor([(0.5 - 1 / 3) ** 2]))


def test_iou_of_two_empty_masks_is_zero():
    loss = iou_head_loss(
        torch.tensor([0.25]),
        torch.full((1, 2, 2), -1.0),
        torch.zeros(1, 2, 2, dtype=torch.bool),
        everywhere(2, 2),
    )
    assert loss.tolist() == [0.0625]


def test_iou_head_trains_the_estimate_and_never_the_mask():
    logits, target, valid = drawn()
    logits.requires_grad_()
    estimate = torch.rand(3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda iou: iou_head_loss(iou, logits, target, valid), (estimate,)
    )
    iou_head_loss(estimate, logits, target, valid).sum().backward()
    assert estimate.grad.abs().min() > 0
    assert logits.grad is None


@pytest.mark.parametrize("loss", MASK_LOSSES)
def test_gradient_is_right(loss):
    logits, target, valid = drawn()
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: loss(x, target, valid), (logits,))
    loss(logits, target, valid).sum().backward()
    assert logits.grad[:, valid].abs().min() > 0
    assert logits.grad[:, ~valid].abs().max() == 0


@pytest.mark.parametrize("padding", [0.0, 1e4, -1e4, math.nan])
@pytest.mark.parametrize("loss", MASK_LOSSES)
def test_padding_has_no_say(loss, padding):
    logits, target, valid = drawn()
    other_logits, other_target = logits.clone(), target.clone()
    other_logits[:, ~valid] = padding
    other_target[:, ~valid] ^= True
    other_logits.requires_grad_()
    expected = loss(logits[:, :-1, :-1], target[:, :-1, :-1], everywhere(3, 4))
    found = loss(other_logits, other_target, valid)
    torch.testing.assert_close(found, expected)
    found.sum().backward()
    assert other_logits.grad.isfinite().all()


def test_padding_has_no_say_in_the_measured_iou():
    logits, target, valid = drawn()
    estimate = torch.rand(3, dtype=torch.float64)
    expected = iou_head_loss(estimate, logits[:, :-1, :-1], target[:, :-1, :-1], everywhere(3, 4))
    torch.testing.assert_close(iou_head_loss(estimate, logits, target, valid), expected)


@pytest.mark.parametrize("loss", MASK_LOSSES)
def test_no_instances_give_no_losses(loss):
    assert loss(
        torch.zeros(0, 4, 4), torch.zeros(0, 4, 4, dtype=torch.bool), everywhere(4, 4)
    ).shape == (0,)


def test_no_instances_give_no_iou_errors():
    empty = torch.zeros(0, 4, 4)
    assert iou_head_loss(torch.zeros(0), empty, empty > 0, everywhere(4, 4)).shape == (0,)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_extreme_logits_are_finite_with_a_finite_gradient(gamma, dtype):
    logits = torch.tensor([[[100.0, -100.0], [100.0, -100.0]]], dtype=dtype, requires_grad=True)
    target = torch.tensor([[[True, True], [False, False]]])
    # Two of four pixels are wrong by 100 nats.
    loss = focal_loss(logits, target, everywhere(2, 2), gamma=gamma)
    torch.testing.assert_close(loss, torch.tensor([50.0]))
    (loss + dice_loss(logits, target, everywhere(2, 2))).sum().backward()
    assert logits.grad.isfinite().all()


def test_a_wrong_and_certain_pixel_is_still_pulled_back():
    logits = torch.tensor([[[-100.0]]], requires_grad=True)
    focal_loss(logits, torch.tensor([[[True]]]), everywhere(1, 1)).sum().backward()
    torch.testing.assert_close(logits.grad, torch.tensor([[[-1.0]]]))


def test_a_pixel_covered_in_part_is_best_met_by_that_share():
    cover = torch.tensor([[[0.3, 1.0], [0.0, 0.7]]])
    logits = cover.clamp(1e-4, 1 - 1e-4).logit()
    met = dice_loss(logits, cover, everywhere(2, 2))
    assert met.item() == pytest.approx(0, abs=1e-3)
    for changed in (
        torch.where(cover == 0.7, 9.0, logits),
        torch.where(cover == 0.3, -9.0, logits),
    ):
        assert (dice_loss(changed, cover, everywhere(2, 2)) > met + 0.005).all()


def test_the_iou_head_sees_pixels_over_half_covered_as_the_mask():
    cover = torch.tensor([[[0.6, 0.4], [1.0, 0.0]]])
    mask = cover > 0.5
    found = iou_head_loss(torch.tensor([0.2]), 8 * (mask.float() - 0.5), cover, everywhere(2, 2))
    assert found.item() == pytest.approx(0.64)
