import json

import pytest

from pointsam import progress
from pointsam.progress import Bar, show_progress_as


@pytest.fixture(autouse=True)
def usual_form():
    yield
    show_progress_as("bar")


def lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_json_has_one_line_an_update_and_nothing_else(capsys, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0)
    show_progress_as("json")
    assert list(Bar("abc", desc="reading", unit="image")) == ["a", "b", "c"]
    found = lines(capsys)
    assert [line["done"] for line in found] == [0, 1, 2, 3, 3]
    assert {(line["stage"], line["total"], line["unit"]) for line in found} == {
        ("reading", 3, "image")
    }
    assert found[0]["seconds_left"] is None
    assert found[-1]["seconds_left"] == 0


def test_a_resumed_bar_begins_where_the_run_did(capsys):
    show_progress_as("json")
    bar = Bar(total=10, initial=4, desc="adapting", unit="step")
    bar.set_postfix(loss="0.5")
    bar.close()
    assert lines(capsys)[0]["done"] == 4


def test_the_message_is_the_bars_postfix(capsys):
    show_progress_as("json")
    with Bar(total=2, desc="adapting") as bar:
        bar.set_postfix(loss="0.5")
    assert lines(capsys)[-1]["message"] == "loss=0.5"


def test_work_of_unknown_length_has_no_total(capsys):
    show_progress_as("json")
    list(Bar(iter("ab")))
    assert lines(capsys)[-1] | {"seconds_left": None} == {
        "stage": "", "done": 2, "total": None, "unit": "it", "seconds_left": None, "message": ""
    }  # fmt: skip


def test_none_says_nothing(capsys):
    show_progress_as("none")
    assert list(Bar("abc")) == ["a", "b", "c"]
    assert capsys.readouterr().err == ""


def test_a_bar_is_for_people(capsys):
    list(Bar("abc", desc="reading"))
    assert "reading: 100%" in capsys.readouterr().err
