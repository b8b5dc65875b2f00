"""Tests of what words of the command line are taken for."""

import pytest

from pointsam.cli.words import as_meant, refuse_empty
from pointsam.errors import InputError


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("~/runs/a", "/people/me/runs/a"),
        ("~", "/people/me"),
        ("--output=~/runs/a b", "--output=/people/me/runs/a b"),
        ("--output=a~/b", "--output=a~/b"),
        ("a~", "a~"),
        ("~other", "~other"),
        ("--negative=~", "--negative=/people/me"),
        ("--least-iou", "--min-iou"),
        ("--most-area=3", "--max-area=3"),
        ("-17.5,-5.8", "-17.5,-5.8"),
    ],
)
def test_words_are_taken_as_they_are_meant(word, meant, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/people/me")
    assert as_meant(word) == meant


def test_a_folder_called_tilde_is_that_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~").mkdir()
    assert as_meant("~/runs") == "~/runs"


@pytest.mark.parametrize("words", [["predict", ""], ["a", "--cache", ""], ["a", "--output="],
                                   ["a", "--output", " "]])  # fmt: skip
def test_a_value_of_no_letter_is_refused(words):
    with pytest.raises(InputError, match="an empty value: is a variable of the shell not set"):
        refuse_empty(words)


def test_a_class_may_be_called_nothing_and_values_may_hold_signs():
    refuse_empty(["a", "--negative", "", "--negative=", "--set", "a.b=", "--point=1,2", "x="])
