"""A folder with images, and one beside it where no input may lead."""

from pathlib import Path

import numpy as np
from PIL import Image
from tests.cli.good_inputs import picture, save_raster

INPUT = "input"
"""Folder that the inputs are written to."""

OUTSIDE = "outside"


def make_world(folder: Path) -> Path:
    """Make images of 96 x 80 px: two plain ones and a scene on a map."""
    for name in ("images/north", INPUT, OUTSIDE):
        (folder / name).mkdir(parents=True)
    shown = Image.fromarray(picture())
    for name in ("images/1.jpg", "images/2.png", "images/north/1.jpg", f"{OUTSIDE}/secret.png"):
        shown.save(folder / name)
    save_raster(folder / "images/scene.tif", np.moveaxis(picture(), -1, 0))
    return folder
