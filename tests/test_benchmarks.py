"""The plain step that speed is measured against computes what the real one computes."""

import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from tests.models.tiny_models import small_mobile_sam
from tests.training.drawn import settings, stir, view

from pointsam.models.lora import AdapterAverage, attach_adapter
from pointsam.training.pseudo_labels import Teacher
from pointsam.training.stems import encoded_stems
from pointsam.training.step import Learner

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def plain_step(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import plain_step

    # Masks of drawn weights hold nobody's clicks: learn from all of them, in both steps.
    for place in ("pointsam.training.pseudo_labels.believable", "plain_step.believable"):
        monkeypatch.setattr(place, lambda masks, prompts: torch.ones(len(masks), dtype=torch.bool))
    yield plain_step
    sys.modules.pop("plain_step")


@pytest.fixture
def learner():
    chosen = settings(teacher={"weights": "live"})
    unsure = chosen.teacher.model_copy(update={"least_iou_prediction": -100.0})
    chosen = chosen.model_copy(update={"teacher": unsure})
    model = small_mobile_sam(128)
    adapter = attach_adapter(model, rank=2, first_block=model.first_block, seed=1)
    average = AdapterAverage(adapter, decay=0.99)
    made = Learner(
        model=model,
        adapter=adapter,
        average=average,
        stems=partial(encoded_stems, model),
        teacher=Teacher(model, adapter, chosen.teacher, average=average),
        regularizer=None,
        weights=chosen.loss,
    )
    stir(made)
    return made, chosen


def test_the_plain_step_gives_the_same_losses_and_gradient(plain_step, learner):
    ours, chosen = learner
    drawn = view(1, 6)
    report = ours.step([drawn], measured=False)
    gradient = [parameter.grad.clone() for parameter in ours.adapter.parameters()]

    plain = plain_step.PlainStep(ours.model, ours.adapter, chosen.teacher, chosen.loss, full=False)
    losses = plain.step(drawn)
    for name, loss in losses.items():
        assert loss == pytest.approx(float(report.losses[name]), rel=1e-4)
    for parameter, expected in zip(ours.adapter.parameters(), gradient, strict=True):
        torch.testing.assert_close(parameter.grad, expected, rtol=2e-3, atol=2e-6)
    assert any(tensor.abs().max() > 1e-5 for tensor in gradient)


def test_full_resolution_is_another_loss_of_the_same_masks(plain_step, learner):
    ours, chosen = learner
    low, full = (
        plain_step.PlainStep(ours.model, ours.adapter, chosen.teacher, chosen.loss, full=full).step(
            view(1, 6)
        )
        for full in (False, True)
    )
    assert full["dice"] == pytest.approx(low["dice"], rel=0.3)
    assert full != low
