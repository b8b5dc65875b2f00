"""Numbers that no computation can take are refused in one line."""

import math
from argparse import Namespace

import pytest

from pointsam.cli import main as command_line
from pointsam.errors import InputError
from pointsam.prediction.polygons import PolygonRules
from pointsam.training.settings import train_settings


@pytest.mark.parametrize("seed", [10**20, 2**63, -1])
def test_a_seed_that_no_generator_takes_is_refused(seed):
    with pytest.raises(InputError, match="seed"):
        train_settings({"seed": seed}, source="settings")


def test_the_largest_seed_is_taken():
    assert train_settings({"seed": 2**63 - 1}, source="settings").seed == 2**63 - 1


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("name", ["min_area", "min_hole", "simplify"])
def test_lengths_and_areas_are_finite(name, value):
    with pytest.raises(InputError, match=f"--{name}".replace("_", "-")):
        PolygonRules(**{name: value})


@pytest.mark.parametrize(
    "words",
    ["[enforce fail] can't allocate memory", "Cannot allocate memory", "failed to map segment"],
)
def test_full_memory_is_one_line(words, monkeypatch, capsys):
    def run(_):
        raise RuntimeError(words)

    class Parser:
        def parse_args(self, _):
            return Namespace(run=run)

    monkeypatch.setattr(command_line, "make_parser", lambda _: Parser())
    assert command_line.main([]) == 2
    assert "the memory is full" in capsys.readouterr().err
