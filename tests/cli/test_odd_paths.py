"""What only looks like bad input works: names with spaces and letters of any language."""

import os
import shlex
import shutil
from pathlib import Path

import pytest
from tests.cli.commands import (
    BOX_POINTS,
    BOX_SCORES,
    BOXES,
    CONVERT,
    DRAW,
    EVALUATE,
    FIGURE,
    GRID,
    IMAGES,
    LABELS,
    MAP_BOXES,
    MERGE,
    POLYGONS,
    PREDICT,
    SCENE,
    SCENE_GRID,
    SPLIT,
    TRAIN,
    TRAIN_SCENE,
)
from tests.cli.good_inputs import make_good_inputs

from pointsam.cli.main import main

ODD = "Bilder ü 图 (neu) 'a' %d"
"""Name of the folder everything lies in."""

COMMANDS = (
    EVALUATE, PREDICT, TRAIN, TRAIN_SCENE, SCENE, GRID, SCENE_GRID, FIGURE, DRAW, CONVERT, LABELS,
    POLYGONS, IMAGES, SPLIT, BOXES, MAP_BOXES, BOX_SCORES, BOX_POINTS, MERGE,
    "data check --annotations masks.json --points points.json --images images --sheet s.png",
)  # fmt: skip


GROUPS = ("data", "points", "boxes")
"""Commands whose second word is a command too."""


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd") / ODD
    folder.mkdir()
    make_good_inputs(folder)
    for old in ("images", "scene.tif", "clicks.gpkg", "roofs.gpkg", "clicks.csv", "labels"):
        path = folder / old
        path.rename(path.with_stem(f"{path.stem} ñ 图"))
    return folder


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.partition(" --out")[0])
def test_any_letters_may_be_in_a_path(command, odd, small_model, tmp_path):
    folder = tmp_path / ODD
    shutil.copytree(odd, folder)
    given = shlex.split(command)
    depth = 3 if given[:2] == ["data", "convert"] else 2 if given[0] in GROUPS else 1
    words = given[:depth]
    for word in given[depth:]:
        path = Path(word)
        named = folder / path.with_stem(f"{path.stem} ñ 图") if path.stem else folder / word
        words.append(str(next((p for p in (folder / word, named) if p.exists()), word)))
    output = words.index("--output" if "--output" in words else "--sheet") + 1
    words[output] = str(folder / f"ergebnis é {words[output]}")
    assert main(words) == 0
    assert Path(words[output]).exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize(
    ("command", "name"),
    [(EVALUATE, "masks.json"), (PREDICT, "images/1.jpg"), (SCENE, "scene.tif"), (CONVERT, "c.csv")],
)
def test_what_may_not_be_read_is_named(command, name, small_model, tmp_path, monkeypatch, capsys):
    make_good_inputs(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).touch()
    (tmp_path / name).chmod(0)
    assert main(shlex.split(command.replace("clicks.csv", "c.csv"))) == 2
    assert name in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
