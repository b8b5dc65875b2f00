import math
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
from pointsam.training.schedule import Schedule
from pointsam.training.state import TrainState, read_state

CHOSEN = settings(regime="supervised", schedule={"epochs": 6, "lr": 1e-3})


def make(**values):
    built = trainer(small_mobile_sam(), CHOSEN)
    stir(built)
    return replace(built, **values)


def gradients(built):
    return [p.grad.clone() for p in built.adapter.parameters()]


def scaler(scale):
    return torch.amp.GradScaler("cpu", init_scale=scale)


@pytest.mark.parametrize("measured", [False, True])
def test_a_scale_changes_no_bit_of_a_gradient_in_range(measured):
    found = []
    for factor in (1.0, 2.0**10):
        built = make(scaler=None if factor == 1 else scaler(factor))
        report = built.step([view(1, 3)], measured=measured)
        plain = [gradient / factor for gradient in gradients(built)]
        found.append((plain, report.losses, report.gradient_norms))
    for plain, scaled in zip(found[0][0], found[1][0], strict=True):
        assert torch.equal(plain, scaled)
    assert found[0][1:] == found[1][1:]


def test_a_scale_changes_no_bit_of_the_adapter_of_a_run():
    states = []
    for factor in (None, 2.0**10):
        built = make(scaler=None if factor is None else scaler(factor))
        optimizer = make_optimizer(built.adapter.parameters(), CHOSEN.schedule)
        assert not any(progress.skipped for progress in trained(built, optimizer, epochs=1))
        states.append(built.average.state)
    for name, tensor in states[0].items():
        assert torch.equal(tensor, states[1][name])


def trained(built, optimizer, *, epochs):
    schedule = CHOSEN.schedule.model_copy(update={"epochs": epochs})
    return train(
        built,
        optimizer,
        lambda index, epoch: view(index, 2),
        Schedule(4, 1, schedule, CHOSEN.seed),
        CollapseMonitor(CHOSEN.monitor),
        clip_norm=CHOSEN.schedule.clip_norm,
    )


def test_float16_step_is_near_the_float32_one():
    exact, rough = make(), make(precision="float16", scaler=scaler(2.0**8))
    given = view(1, 4)
    expected = exact.step([given], measured=False).losses["total"]
    report = rough.step([given], measured=False)
    assert report.losses["total"] == pytest.approx(expected, rel=0.05)
    assert report.losses["total"] != expected
    for scaled, theirs in zip(gradients(rough), gradients(exact), strict=True):
        ours = scaled / 2**8
        torch.testing.assert_close(ours, theirs, rtol=0.2, atol=0.05 * theirs.abs().max().item())


def test_a_gradient_that_vanishes_in_float16_is_saved_by_its_scale():
    tiny = {"focal": 1e-9, "dice": 1e-9, "iou": 1e-9, "background": 1e-9}
    found = {}
    for scale in (1.0, 2.0**24):
        built = make(precision="float16", scaler=scaler(scale), weights=tiny)
        built.step([view(1, 3)], measured=False)
        found[scale] = sum(float(gradient.norm()) / scale for gradient in gradients(built))
    assert found[1.0] < 0.01 * found[2.0**24]


def test_steps_that_overflow_change_nothing_and_soon_end(tmp_path):
    built = make(precision="float16", scaler=scaler(2.0**30))
    optimizer = make_optimizer(built.adapter.parameters(), CHOSEN.schedule)
    before, average = built.adapter.state(), built.average.state
    average = {name: tensor.clone() for name, tensor in average.items()}
    skipped = []
    for progress in trained(built, optimizer, epochs=6):
        skipped.append(progress.skipped)
        changed = any(not torch.equal(before[n], t) for n, t in built.adapter.state().items())
        followed = any(not torch.equal(average[n], t) for n, t in built.average.state.items())
        assert changed == followed == (not all(skipped))
    assert skipped[0]
    assert not skipped[-1]
    assert built.scaler.get_scale() == 2.0 ** (30 - sum(skipped))
    state = TrainState(built, optimizer, CollapseMonitor(CHOSEN.monitor))
    state.save(tmp_path / "state.pt", step=24, data_key="key")
    resumed = make(precision="float16", scaler=scaler(2.0**16))
    again = make_optimizer(resumed.adapter.parameters(), CHOSEN.schedule)
    saved = read_state(tmp_path / "state.pt", data_key="key")
    assert TrainState(resumed, again, CollapseMonitor(CHOSEN.monitor)).restore(saved) == 24
    assert resumed.scaler.state_dict() == built.scaler.state_dict()


def test_a_gradient_that_is_not_finite_spoils_nothing():
    broken = {"focal": math.nan, "dice": 1.0, "iou": 1.0, "background": 1.0}
    built = make(weights=broken)
    optimizer = make_optimizer(built.adapter.parameters(), CHOSEN.schedule)
    before = built.adapter.state()
    for progress in trained(built, optimizer, epochs=1):
        assert not math.isfinite(progress.report.losses["total"])
    for name, value in built.adapter.state().items():
        torch.testing.assert_close(value, before[name], rtol=1e-5, atol=0)  # the weight's decay
        assert built.average.state[name].isfinite().all()


def test_a_step_in_which_nothing_is_accepted_is_no_overflow():
    nothing = settings(teacher={"min_iou_prediction": 1.0}, loss={"prototype": 0.0})
    built = replace(trainer(small_mobile_sam(), nothing), scaler=scaler(2.0**10))
    optimizer = make_optimizer(built.adapter.parameters(), nothing.schedule)
    first = next(trained(built, optimizer, epochs=1))
    assert first.report.accepted == 0
    assert not first.skipped


def test_float16_on_a_cpu_is_refused(tmp_path):
    data, images, _ = write_dataset(tmp_path)
    inputs = RunInputs(data, folder_images(images), {}, tmp_path / "out")
    with pytest.raises(InputError, match="float16 is for GPUs"):
        run_training(inputs, settings(precision="float16"))
