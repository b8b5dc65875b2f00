import errno
from pathlib import Path

import pytest

from pointsam.errors import InputError
from pointsam.prediction.many.scene_list import ListedScene
from pointsam.prediction.many.work import MAX_TRIES, Outcome, Work, attempt, run_here

SCENES = [ListedScene(Path(f"{name}.tif"), name) for name in "abc"]
DONE = Outcome("done", windows=3, objects=5)


def states(rows):
    return {row.folder: row.state for row in rows}


def test_one_scene_that_fails_does_not_stop_the_rest():
    def segment(unit):
        if unit.scene.folder == "a":
            raise InputError("a.tif is damaged:\nget it again.")
        if unit.scene.folder == "b":
            raise ZeroDivisionError("by zero")
        return DONE

    rows = list(run_here(Work.of(SCENES), lambda: segment))
    assert states(rows) == {"a": "failed", "b": "failed", "c": "done"}
    assert rows[0].error == "a.tif is damaged: get it again."
    assert rows[1].error.startswith("ZeroDivisionError: by zero (segment, line ")
    assert rows[2].objects == 5


def test_a_full_disk_stops_all():
    def segment(unit):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        list(run_here(Work.of(SCENES), lambda: segment))


def test_a_large_scene_is_done_in_units_and_written_once():
    seen = []

    def segment(unit):
        seen.append((unit.scene.folder, unit.shard and (unit.shard.number, unit.shard.of)))
        if unit.shard is not None:
            return Outcome("part", windows=5)
        first = unit.max_windows is not None and unit.scene.folder == "a"
        return Outcome("cut", windows=5) if first else DONE

    rows = list(run_here(Work.of(SCENES[:2], max_windows=2), lambda: segment))
    parts = [("a", (1, 3)), ("a", (2, 3)), ("a", (3, 3))]
    assert seen == [("a", None), *parts, ("a", None), ("b", None)]
    assert states(rows) == {"a": "done", "b": "done"}


def test_a_scene_one_part_of_which_fails_is_not_written():
    work = Work.of(SCENES[:1], max_windows=2)
    assert work.take(work.next(), Outcome("cut", windows=4)) is None
    first, second = work.next(), work.next()
    assert work.take(first, Outcome("failed", error="why")) is None
    row = work.take(second, Outcome("part", windows=4))
    assert (row.state, row.error) == ("failed", "why")
    assert work.next() is None


def test_a_unit_whose_worker_is_lost_comes_first_again_and_not_for_ever():
    work = Work.of(SCENES[:2])
    unit = work.next()
    for tries in range(2, MAX_TRIES + 1):
        assert work.lost(unit, "killed") is None
        unit = work.next()
        assert (unit.scene.folder, unit.tries) == ("a", tries)
    row = work.lost(unit, "killed")
    assert (row.state, row.tries) == ("failed", MAX_TRIES)
    assert "its worker was lost 3 times (killed)" in row.error
    assert work.next().scene.folder == "b"


def test_seconds_add_up_over_the_units_of_a_scene():
    work = Work.of(SCENES[:1], max_windows=1)
    work.take(work.next(), Outcome("cut", windows=1, seconds=1.0))
    work.take(work.next(), Outcome("part", windows=1, seconds=2.0))
    row = work.take(work.next(), Outcome("done", seconds=4.0))
    assert row.seconds == 7.0


def test_an_attempt_says_how_long_it_took():
    assert attempt(lambda unit: DONE, Work.of(SCENES).next()).seconds > 0
