"""Makes a run's inputs of a project's clicks, by way of a file that the worker reads."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from pointsam.data.rasters.georeference import pixel_metres
from pointsam.data.rasters.windows import Window
from pointsam.data.records import Dataset, ImageRecord, InstanceRecord, Point
from pointsam.errors import InputError
from pointsam.frames import to_edges, to_middles
from pointsam.server.engine import Engine
from pointsam.server.pictures import Picture, Pixels, find_pictures, model_shrink
from pointsam.server.project import Project
from pointsam.training.run import RunInputs
from pointsam.training.settings import TrainSettings, train_settings

SHORT = 60
"""In a shorter run the average follows faster, or it would still contain the start."""


@dataclass(frozen=True)
class _Chip:
    picture: Picture
    window: Window
    shrink: int


@dataclass(frozen=True)
class Chips:
    """Gives the pixels of a record, in the window in which its objects were clicked."""

    chips: Mapping[str, _Chip]
    """Chips by the file name of their record."""
    pixels: Pixels

    def __call__(self, record: ImageRecord) -> UInt8[np.ndarray, "height width 3"]:
        """Read a window as RGB."""
        chip = self.chips[record.file_name]
        return self.pixels.read(chip.picture, chip.window, shrink=chip.shrink)


def training_form(project: Project, engine: Engine, *, images: Path, **run: Any) -> dict[str, Any]:
    """Give all that a run needs, as values of JSON.

    Args:
        project: whose clicks are learned.
        engine: whose model sees them in windows.
        images: folder or scene.
        run: further values for the worker: model, side, device, precision, steps, output, threads.

    Raises:
        InputError: nothing is clicked.
    """
    chips: dict[tuple[int, Window], list[dict[str, Any]]] = {}
    for number, picture in project.pictures.items():
        for one in project.states[number].objects.values():
            window = engine.window_of(picture, one.points)
            entry = {"id": one.id, "class": one.category, "points": [list(p) for p in one.points]}
            chips.setdefault((number, window), []).append(entry)
    if not chips:
        raise InputError("nothing is clicked yet: click some objects, then adapt.")
    return {
        "images": str(images.resolve()),
        "classes": list(project.settings.classes),
        "chips": [
            {"image": number, "window": [w.x, w.y, w.width, w.height], "objects": objects}
            for (number, w), objects in chips.items()
        ],
        **run,
    }


def inputs_of(form: Mapping[str, Any]) -> RunInputs:
    """Give the inputs of the run that a form describes."""
    pictures = {picture.number: picture for picture in find_pictures(Path(form["images"]))}
    chips: dict[str, _Chip] = {}
    records: list[ImageRecord] = []
    for number, entry in enumerate(form["chips"], start=1):
        picture, window = pictures[entry["image"]], Window(*entry["window"])
        shrink = model_shrink(picture, window, side=form["side"])
        name = f"{picture.name}-{window.name}"
        chips[name] = _Chip(picture, window, shrink)
        instances = tuple(
            InstanceRecord(
                one["id"],
                one["class"],
                tuple(_local((x, y, label), window, shrink) for x, y, label in one["points"]),
            )
            for one in entry["objects"]
        )
        size = (window.height // shrink, window.width // shrink)
        records.append(ImageRecord(number, name, size, instances))
    first = next(iter(chips.values()))
    clicks = hashlib.sha256(json.dumps(form["chips"]).encode()).hexdigest()
    return RunInputs(
        data=Dataset(tuple(records), tuple(form["classes"])),
        images=Chips(chips, Pixels()),
        sources={"clicks": clicks},
        output=Path(form["output"]),
        device=form["device"],
        ground_size=_ground_size(first, side=form["side"]),
        stretch=first.picture.stretch,
    )


def settings_of(form: Mapping[str, Any]) -> TrainSettings:
    """Give the settings of the run that a form describes, with its number of steps."""
    steps, chips = int(form["steps"]), len(form["chips"])
    epochs = steps / chips
    values: dict[str, Any] = {
        "regime": "labels",
        "precision": form["precision"],
        "model": {"name": form["model"], "side": form["side"]},
        # A chip without an accepted label is left out, so there may be fewer chips.
        "schedule": {"epochs": epochs, "min_steps": steps, "warmup_epochs": 0.08 * epochs},
    }
    if steps < SHORT:
        values["schedule"]["average_decay"] = 0.9
    return train_settings(values, source="the page")


def _local(point: Point, window: Window, shrink: int) -> Point:
    """Move a click from the image frame to the pixels that are read of its window."""
    x, y, label = point
    return (
        to_middles((to_edges(x) - window.x) / shrink),
        to_middles((to_edges(y) - window.y) / shrink),
        label,
    )


def _ground_size(chip: _Chip, *, side: int) -> float | None:
    """Give the ground size of a pixel of the model frame in metres, where it is known."""
    place = chip.picture.georeference
    if place is None:
        return None
    own = pixel_metres(place.transform, place.size, place.crs)
    longest = max(chip.window.width, chip.window.height)
    return None if own is None else own * longest / side
