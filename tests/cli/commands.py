"""A usual form of each command, and what a case of bad input is."""

from collections.abc import Callable
from dataclasses import dataclass

MODEL = "--side 128"
EVALUATE = (
    "evaluate --images images --annotations masks.json --points points.json --output out " + MODEL
)
PREDICT = "predict --images images --points points.json --output out " + MODEL
TRAIN = (
    "train --images images --points points.json --output out --side 128 --epochs 0.4 "
    "--regime pointsam --set loss.prototype=0"
)
SCENE = "predict scene.tif --points clicks.gpkg --output out " + MODEL
TRAIN_SCENE = (
    "train --images scene.tif --points clicks.gpkg --output out --side 128 --epochs 0.4 "
    "--regime pointsam --set loss.prototype=0"
)
GRID = "predict --images images --grid 2 --output out " + MODEL
SCENE_GRID = "predict scene.tif --grid 2 --output out " + MODEL
FIGURE = (
    "figure --images images --points points.json --annotations masks.json --output out " + MODEL
)
DRAW = "points draw --annotations masks.json --output out.json"
CONVERT = "points convert clicks.csv --images images --output out.json"
LABELS = "data convert labels --images images --labels labels --output out.json"
WHU = "data convert whu WHU"
POLYGONS = "data convert polygons scene.tif roofs.gpkg --output out"
IMAGES = "data images images --output out"
SPLIT = "data split masks.json points.json --output out"
BOXES = "boxes make --masks masks.json --output out"
MAP_BOXES = "boxes make --masks roofs.gpkg --output out.gpkg"
BOX_SCORES = "boxes evaluate --truth labelTxt --boxes labelTxt --output out"
BOX_POINTS = "boxes points --labels labelTxt --images images --output out.json"
MERGE = "merge --adapter adapter --output out.safetensors"


@dataclass(frozen=True)
class Case:
    """One command that must end in one line."""

    name: str
    command: str
    says: str
    """Part of the line: the file or value that is at fault, and what is wrong with it."""
    spoil: Callable[[], object] = lambda: None
    """What is done to the good inputs first."""


def cases(rows):
    """Make cases of name, command, what spoils the inputs, and what is said."""
    return [
        Case(name, command, says, spoil or (lambda: None)) for name, command, spoil, says in rows
    ]
