"""The plain formulations that speed is measured against compute what ours do."""

from dataclasses import replace
from unittest.mock import patch

import pytest
import torch
from benchmarks.plain_step import PlainStep, library_decode, rivals_one_by_one
from benchmarks.plan_scenes import Plan, simulate
from tests.models.tiny_models import drawn_prompts, pixels, small_segmenter
from tests.training.drawn import settings, stir, trainer, view

from pointsam.masks import pairwise_iou
from pointsam.models.calibration import Calibration, decode_jointly
from pointsam.models.segmenter import Embedding
from pointsam.prompts import find_rivals
from pointsam.training import pseudo_labels


def everyone(masks, prompts):
    return torch.ones(len(masks), dtype=torch.bool)


@pytest.mark.parametrize("family", ["mobile_sam", "sam"])
@pytest.mark.parametrize("cut", [False, True])
def test_plain_step_has_our_losses_and_gradients(family, cut):
    # Any overlap makes rivals, and three mutual rivals borrow two points each: no padding, which
    # the library attends to and ours does not.
    chosen = settings(teacher={"iou_threshold": 0.0})
    believing = chosen.teacher.model_copy(update={"min_iou_prediction": float("-inf")})
    chosen = chosen.model_copy(update={"teacher": believing})
    ours = trainer(small_segmenter(family).double(), chosen)
    stir(ours)
    for _ in range(2):
        ours.regularizer.push(torch.randn(2, 256, dtype=torch.float64))
    ours.regularizer.refresh()
    given = one_point_each(view(1, 3))
    step_far(ours, given)
    plain = PlainStep(
        ours.model,
        ours.adapter,
        chosen.teacher,
        chosen.loss,
        ours.regularizer,
        full=False,
        cut=cut,
    )
    assert all_are_rivals(ours, given, chosen)
    with patch.object(pseudo_labels, "agree_with_clicks", everyone):
        losses = plain.step(given)
        expected = [p.grad.clone() for p in ours.adapter.parameters()]
        report = ours.step([given], measured=False)
    found = [p.grad for p in ours.adapter.parameters()]

    assert losses["prototype"] > 0
    for name, loss in losses.items():
        assert report.losses[name] == pytest.approx(loss, rel=1e-6)  # reported in float32
    assert any(g.abs().max() > 1e-6 for g in expected)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


def step_far(built, given):
    """Move the adapter so far along a gradient that the adapted masks are not the frozen ones."""
    with patch.object(pseudo_labels, "agree_with_clicks", everyone):
        built.step([given], measured=False)
    with torch.no_grad():
        for parameter in built.adapter.parameters():
            parameter -= 3 * parameter.grad / parameter.grad.norm().clamp(min=1e-12)


def one_point_each(given):
    sample = given.sample
    prompts = sample.prompts
    first = type(prompts)(prompts.points[:, :1], prompts.labels[:, :1])
    return replace(given, sample=replace(sample, prompts=first))


def all_are_rivals(built, given, chosen):
    with torch.no_grad(), built.adapter.disabled():
        embedding = built.model.encode_adapted(built.frozen_features([given], "weak"))
    joint = decode_jointly(
        built.model,
        embedding,
        given.sample.prompts,
        calibration=Calibration(chosen.teacher.iou_threshold, chosen.teacher.max_negatives),
    )
    return joint.rivals.sum() == len(joint.rivals) * (len(joint.rivals) - 1)


@pytest.mark.parametrize("family", ["mobile_sam", "sam"])
def test_library_decoder_in_one_call_gives_our_masks(family):
    model = small_segmenter(family)
    prompts = drawn_prompts(128, [1] * 9)
    with torch.no_grad():
        embedding = model.encode_adapted(model.encode_frozen(pixels(128)))
        masks, sureness = library_decode(model, embedding.image, prompts)
        ours = model.decode(Embedding(embedding.image), prompts)
    torch.testing.assert_close(ours.low_res_logits[:, 0], masks, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours.iou_prediction[:, 0], sureness, rtol=1e-4, atol=1e-4)


def test_rivals_one_by_one_are_those_of_one_product():
    masks = torch.rand(6, 12, 12, generator=torch.Generator().manual_seed(0)) > 0.6
    masks[2] = False
    expected = find_rivals(pairwise_iou(masks), iou_threshold=0.25)
    assert expected.any()
    assert not expected.all()
    assert torch.equal(rivals_one_by_one(masks, iou_threshold=0.25), expected)


def test_a_plan_is_limited_by_workers_first_and_by_storage_then():
    plan = Plan(scenes=40, windows=100, seconds=1.0, workers=1, read=9.0, write=1.0, start=0.0)
    one, two, many = (simulate(replace(plan, workers=count)) for count in (1, 2, 40))
    # 4000 windows of a second, and 4000 x 10 MB at 200 MB/s.
    assert one.hours * 3600 == pytest.approx(4000)
    assert two.hours * 3600 == pytest.approx(2000)
    assert many.hours * 3600 == pytest.approx(200)
    assert (one.limit, two.limit, many.limit) == ("workers", "workers", "storage")
    assert many.cost == pytest.approx(2 * one.cost)
    assert simulate(replace(plan, lost=0.2)).hours > one.hours
