"""Tests of what words of the command line are taken for."""

import pytest

from pointsam.cli.words import as_meant


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
