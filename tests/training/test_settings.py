import pytest

from pointsam.errors import InputError
from pointsam.training.settings import train_settings


@pytest.mark.parametrize(
    ("stage", "former", "present", "value"),
    [
        ("data", "most_instances", "max_instances", 7),
        ("teacher", "least_iou_prediction", "min_iou_prediction", 0.25),
        ("teacher", "most_negatives", "max_negatives", 3),
        ("prototypes", "least_clusters", "min_clusters", 5),
    ],
)
def test_a_setting_is_known_by_its_former_name(stage, former, present, value):
    settings = train_settings({stage: {former: value}}, source="test")
    assert getattr(getattr(settings, stage), present) == value


def test_the_collapse_monitor_is_known_as_watch():
    settings = train_settings({"watch": {"least_agreement": 0.125}}, source="test")
    assert settings.monitor.min_agreement == 0.125


def test_both_names_of_a_setting_are_refused():
    with pytest.raises(InputError, match="unknown setting data"):
        train_settings({"data": {"most_instances": 7, "max_instances": 8}}, source="test")


def test_passes_that_are_named_are_meant_where_images_are_few():
    usual = train_settings({"regime": "labels"}, source="test")
    named = train_settings({"regime": "labels", "schedule": {"epochs": 1}}, source="test")
    both = {"regime": "labels", "schedule": {"epochs": 1, "min_steps": 7}}
    assert (usual.schedule.min_steps, usual.schedule.enough_steps) == (100, 500)
    assert (named.schedule.min_steps, named.schedule.enough_steps) == (1, 1)
    assert train_settings(both, source="test").schedule.min_steps == 7
    least = {"regime": "labels", "schedule": {"min_steps": 7}}
    assert train_settings(least, source="test").schedule.enough_steps == 1
    more = {"regime": "labels", "schedule": {"epochs": 1, "enough_steps": 50}}
    assert train_settings(more, source="test").schedule.enough_steps == 50


@pytest.mark.parametrize(
    ("stage", "key", "value"),
    [("loss", "soft_edges", True), ("loss", "background", 1.0), ("data", "moved_clicks", 0.5)],
)
@pytest.mark.parametrize("regime", ["pointsam", "self-training"])
def test_settings_of_given_masks_are_refused_where_a_teacher_makes_them(stage, key, value, regime):
    values = {stage: {key: value}}
    with pytest.raises(InputError, match=f"{stage}.{key}={value} has no effect .* {regime}"):
        train_settings({"regime": regime, **values}, source="settings")
    train_settings({"regime": "supervised", **values}, source="settings")
