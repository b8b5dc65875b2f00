import pytest
import torch

from pointsam.models.calibration import JointMasks
from pointsam.models.choice import InstanceMasks
from pointsam.prompts import Prompts
from pointsam.training.collapse_monitor import (
    CollapseMonitor,
    Measurement,
    RunCollapsedError,
    measure,
)
from pointsam.training.pseudo_labels import PseudoLabels
from pointsam.training.stages import MonitorSettings

GOOD = Measurement(count=9, share=0.9, median_area=100.0, area_change=1.0, agreement=0.9)


def monitored(*measurements, window=3):
    monitor = CollapseMonitor(MonitorSettings(window=window))
    for measurement in measurements:
        monitor.add(measurement)
    return monitor


def changed(**values):
    return Measurement(**{**vars(GOOD), **values})


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"agreement": 0.1}, "agree with the frozen model's only by IoU 0.10"),
        ({"area_change": 9.0}, "grew to 9.0 times"),
        ({"area_change": 0.1}, "shrank to 0.10 times"),
        ({"share": 0.1}, "are accepted for only 10%"),
    ],
)
def test_a_window_of_bad_measurements_stops_the_run(fault, message):
    monitor = monitored(*[changed(**fault)] * 3)
    assert not monitor.healthy
    assert monitor.collapsed
    with pytest.raises(RunCollapsedError, match=message):
        monitor.check()


def test_one_bad_measurement_stops_nothing_but_is_not_healthy():
    monitor = monitored(GOOD, GOOD, changed(agreement=0.0))
    monitor.check()
    assert not monitor.healthy
    assert not monitor.collapsed


def test_an_unfilled_window_is_not_judged():
    monitored(*[changed(agreement=0.0)] * 2).check()


def test_a_watch_goes_on_from_its_state():
    monitor = monitored(GOOD, changed(agreement=0.1))
    other = monitored()
    other.load_state(monitor.state())
    assert other.state() == monitor.state()
    other.add(changed(agreement=0.1))
    with pytest.raises(RunCollapsedError):
        other.check()


def label(*areas, accepted=True):
    masks = torch.zeros(len(areas), 4, 4, dtype=torch.bool)
    for mask, area in zip(masks, areas, strict=True):
        mask.view(-1)[:area] = True
    few = torch.zeros(len(areas), len(areas), dtype=torch.bool)
    prompts = Prompts.from_rows([[] for _ in areas])
    joint = JointMasks(InstanceMasks(masks.float(), torch.ones(len(areas))), prompts, few)
    return PseudoLabels(masks, torch.full((len(areas),), accepted), joint)


def test_measurement_by_hand():
    found = measure([label(2, 4, 8)], [label(4, 4, 4)], device="cpu")
    assert found.count == 3
    assert found.share == 1.0
    assert found.median_area == 4.0
    assert found.area_change == 1.0
    assert found.agreement == pytest.approx((0.5 + 1.0 + 0.5) / 3)


def test_nothing_accepted_has_no_area():
    found = measure([label(2, 4, accepted=False)], [label(2, 4)], device="cpu")
    assert (found.count, found.share, found.median_area, found.area_change) == (0, 0.0, 0.0, 1.0)
