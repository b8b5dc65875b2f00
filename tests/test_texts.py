"""Text of others: YAML, JSON and cells of a table."""

import math

import pytest
import yaml

from pointsam.errors import InputError
from pointsam.texts import as_text, from_text, parse_json, read_json, read_yaml


def test_aliases_of_yaml_are_refused():
    bomb = "a: &a [1, 1]\nb: &b [*a, *a]\nc: [*b, *b]"
    with pytest.raises(yaml.YAMLError, match="aliases"):
        read_yaml(bomb)
    assert read_yaml("a: [1, 2]") == {"a": [1, 2]}


@pytest.mark.parametrize(
    "text",
    ["1" * 5000, "2001-13-99", "!!int x", "!!float x", "!!timestamp x", "- " * 5000, r'"\ud800"'],
    ids=["5000 digits", "no month", "no int", "no float", "no time", "deep", "half"],
)
def test_values_that_yaml_itself_fails_on_are_no_yaml(text):
    with pytest.raises(yaml.YAMLError):
        read_yaml(text)


def test_whole_numbers_that_no_float_holds_are_infinite():
    nines = "9" * 400
    assert parse_json(f"[{nines}, -{nines}, 1e999]") == [math.inf, -math.inf, math.inf]
    [whole] = parse_json(f"[{2**70}]")
    assert whole == 2**70
    assert isinstance(whole, int)
    with pytest.raises(ValueError, match="too deeply"):
        parse_json("[" * 100_000)


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=2+3", "'=2+3"),
        ("roof", "roof"),
        (-1.5, -1.5),
        ("'=a", "''=a"),
        ("'a", "'a"),
        ("", ""),
        (" a.png", "' a.png"),
    ],
)
def test_no_text_becomes_a_formula(cell, written):
    assert as_text(cell) == written
    if isinstance(cell, str):
        assert from_text(written) == cell


def test_half_a_character_is_refused_and_two_halves_are_one(tmp_path):
    assert parse_json(r'["\ud83d\ude00", "\\ud800"]') == ["\U0001f600", "\\ud800"]
    path = tmp_path / "points.json"
    for text in (r'["a\ud83d"]', r'{"\udcff.png": 1}'):
        path.write_text(text)
        with pytest.raises(InputError, match="half a character") as caught:
            read_json(path)
        str(caught.value).encode()
