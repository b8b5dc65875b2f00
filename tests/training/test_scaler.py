from dataclasses import replace

import pytest
import torch
from tests.models.tiny_models import small_mobile_sam
from tests.training.drawn import settings, stir, trainer, view, write_dataset

from pointsam.data.dataset import folder_images
from pointsam.errors import InputError
from pointsam.training.collapse_monitor import CollapseMonitor
from pointsam.training.loop import make_optimizer, train
from pointsam.training.run import RunInputs, run_training
from pointsam.training.scaler import LossScaler
from pointsam.training.schedule import Schedule
from pointsam.training.state import TrainState, read_state

GOOD, BAD = torch.ones(3), torch.tensor([1.0, torch.inf, 0.0])
CHOSEN = settings(regime="supervised", schedule={"epochs": 6, "lr": 1e-3})


def make(**values):
    built = trainer(small_mobile_sam(), CHOSEN)
    stir(built)
    return replace(built, **values)


def gradients(built):
    return [p.grad.clone() for p in built.adapter.parameters()]


@pytest.mark.parametrize("measured", [False, True])
def test_a_scale_changes_no_bit_of_a_gradient_in_range(measured):
    found = []
    for scaler in (None, LossScaler(2.0**10)):
        built = make(scaler=scaler)
        report = built.step([view(1, 3)], measured=measured)
        found.append((gradients(built), report.losses, report.gradient_norms))
    for plain, scaled in zip(found[0][0], found[1][0], strict=True):
        assert torch.equal(plain, scaled)
    assert found[0][1:] == found[1][1:]


@pytest.mark.parametrize("bad", [BAD, BAD.neg(), BAD * torch.nan])
def test_an_overflow_halves_the_scale(bad):
    scaler = LossScaler(8.0)
    assert not scaler.accept(bad)
    assert scaler.scale == 4
    assert scaler.accept(GOOD)
    assert scaler.scale == 4


def test_many_good_steps_in_a_row_double_the_scale(monkeypatch):
    monkeypatch.setattr(LossScaler, "STEPS_TO_DOUBLE", 3)
    scaler = LossScaler(8.0)
    answers = [scaler.accept(gradient) for gradient in (GOOD, GOOD, BAD, GOOD, GOOD)]
    assert answers == [True, True, False, True, True]
    assert scaler.scale == 4
    assert scaler.accept(GOOD)
    assert scaler.scale == 8


def test_a_scaler_goes_on_from_its_state(monkeypatch):
    monkeypatch.setattr(LossScaler, "STEPS_TO_DOUBLE", 2)
    first, second = LossScaler(8.0), LossScaler()
    first.accept(GOOD)
    second.load_state_dict(first.state_dict())
    second.accept(GOOD)
    assert second.scale == 16


def test_float16_step_is_near_the_float32_one():
    exact, rough = make(), make(precision="float16", scaler=LossScaler(2.0**8))
    given = view(1, 4)
    expected = exact.step([given], measured=False).losses["total"]
    report = rough.step([given], measured=False)
    assert not report.skipped
    assert report.losses["total"] == pytest.approx(expected, rel=0.05)
    assert report.losses["total"] != expected
    for ours, theirs in zip(gradients(rough), gradients(exact), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0.2, atol=0.05 * theirs.abs().max().item())


def test_a_gradient_that_vanishes_in_float16_is_saved_by_its_scale():
    tiny = {"focal": 1e-9, "dice": 1e-9, "iou": 1e-9}
    found = {}
    for scale in (1.0, 2.0**24):
        built = make(precision="float16", scaler=LossScaler(scale))
        built = replace(built, weights=built.weights.model_copy(update=tiny))
        built.step([view(1, 3)], measured=False)
        found[scale] = sum(float(gradient.norm()) for gradient in gradients(built))
    assert found[1.0] < 0.01 * found[2.0**24]


def test_steps_that_overflow_change_nothing_and_soon_end(tmp_path):
    built = make(precision="float16", scaler=LossScaler(2.0**30))
    optimizer = make_optimizer(built.adapter.parameters(), CHOSEN)
    before = built.adapter.state()
    schedule, monitor = (
        Schedule(4, 1, CHOSEN.schedule, CHOSEN.seed),
        CollapseMonitor(CHOSEN.monitor),
    )
    skipped = []
    for progress in train(built, optimizer, lambda i, e: view(i, 2), schedule, monitor, CHOSEN):
        skipped.append(progress.report.skipped)
        changed = any(not torch.equal(before[n], t) for n, t in built.adapter.state().items())
        assert changed == (not all(skipped))
    assert skipped[0]
    assert not skipped[-1]
    assert built.scaler.scale == 2.0 ** (30 - sum(skipped))
    state = TrainState(built, optimizer, monitor)
    state.save(tmp_path / "state.pt", step=24, data_key="key")
    resumed = make(precision="float16", scaler=LossScaler())
    again = make_optimizer(resumed.adapter.parameters(), CHOSEN)
    saved = read_state(tmp_path / "state.pt", data_key="key")
    assert TrainState(resumed, again, CollapseMonitor(CHOSEN.monitor)).restore(saved) == 24
    assert resumed.scaler.state_dict() == built.scaler.state_dict()


def test_float16_on_a_processor_is_refused(tmp_path):
    data, images, _ = write_dataset(tmp_path)
    inputs = RunInputs(data, folder_images(images), {}, tmp_path / "out")
    with pytest.raises(InputError, match="float16 is for GPUs"):
        run_training(inputs, settings(precision="float16"))
