import pytest

from pointsam.training.schedule import Schedule
from pointsam.training.stages import ScheduleSettings


def schedule(images=10, batch_size=3, **schedule):
    return Schedule(images, batch_size, ScheduleSettings(**schedule), seed=7)


def test_each_pass_sees_each_image_once_in_an_order_of_its_own():
    given = schedule(epochs=2)
    assert given.steps_per_epoch == 4
    passes = [
        [image for step in range(4 * e, 4 * e + 4) for image in given.batch(step)] for e in (0, 1)
    ]
    assert sorted(passes[0]) == sorted(passes[1]) == list(range(10))
    assert passes[0] != passes[1]


def test_order_does_not_depend_on_what_was_asked_before():
    given = schedule()
    assert given.batch(5) == [schedule().batch(step) for step in range(6)][5]


def test_part_of_a_pass_is_a_whole_run():
    assert schedule(images=520, batch_size=1, epochs=0.5).steps == 260
    assert schedule(images=2, batch_size=1, epochs=0.1).steps == 1


def test_rate_rises_over_the_warm_up_and_falls_tenfold():
    given = schedule(images=10, batch_size=1, lr=1.0, warmup_epochs=0.5, decay_epochs=(2.0, 3.0))
    assert given.lr(0) == pytest.approx(0.2)
    assert given.lr(4) == 1.0
    assert given.lr(19) == 1.0
    assert given.lr(20) == pytest.approx(0.1)
    assert given.lr(30) == pytest.approx(0.01)


def test_no_warm_up_starts_at_the_full_rate():
    assert schedule(lr=1.0, warmup_epochs=0).lr(0) == 1.0


def test_rate_falls_in_a_line_to_the_last_step():
    given = schedule(images=10, batch_size=1, epochs=1, lr=1.0, warmup_epochs=0, linear_decay=True)
    assert [given.lr(step) for step in (0, 5, 9)] == pytest.approx([1.0, 0.5, 0.1])


def test_few_images_are_passed_often_enough():
    assert schedule(images=4, batch_size=2, epochs=1, min_steps=100).steps == 100
    assert schedule(images=520, batch_size=2, epochs=1, min_steps=100).steps == 260


@pytest.mark.parametrize(
    ("images", "steps"), [(1, 100), (10, 100), (25, 250), (42, 420), (60, 500), (520, 520)]
)
def test_few_images_are_passed_until_it_is_enough_but_not_too_often(images, steps):
    recipe = {"min_steps": 100, "enough_steps": 500, "max_epochs": 10}
    assert schedule(images=images, batch_size=1, epochs=1, **recipe).steps == steps
