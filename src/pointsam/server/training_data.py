"""Makes a run's inputs of a project's clicks, by way of a file that the worker reads."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from pointsam.data.rasters.common_stretch import find_stretch
from pointsam.data.rasters.doubts import doubt_of_ground
from pointsam.data.rasters.opening import raster_hash
from pointsam.data.rasters.stretching import (
    FILE_NAME,
    Stretch,
    plain_form,
    plain_stretch,
    read_stretch,
    stretch_from,
)
from pointsam.data.rasters.windows import Window
from pointsam.data.records import Dataset, ImageRecord, InstanceRecord, Point
from pointsam.errors import InputError
from pointsam.files import sha256_of, size_and_time
from pointsam.frames import to_edges, to_middles
from pointsam.server.engine import Engine
from pointsam.server.pictures import Picture, Pixels, model_shrink
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
        InputError: nothing is clicked, an image was changed, or the images are not alike.
    """
    chips: dict[tuple[str, Window], list[dict[str, Any]]] = {}
    used: dict[str, Picture] = {}
    for number, picture in project.pictures.items():
        for one in project.states[number].objects.values():
            window = engine.window_of(picture, one.points)
            entry = {"id": one.id, "class": one.category, "points": [list(p) for p in one.points]}
            chips.setdefault((picture.name, window), []).append(entry)
            used[picture.name] = picture
    if not chips:
        raise InputError("nothing is clicked yet: click some objects, then adapt.")
    stretch = one_stretch(list(used.values()), images)
    return {
        "images": {name: _told(picture) for name, picture in used.items()},
        "stretch": None if stretch is None else plain_form(stretch),
        "ground_size": one_ground_size([engine.metres_shown(one) for one in used.values()]),
        "classes": list(project.settings.classes),
        "chips": [
            {"image": name, "window": [w.x, w.y, w.width, w.height], "objects": objects}
            for (name, w), objects in chips.items()
        ],
        **run,
    }


def inputs_of(form: Mapping[str, Any]) -> RunInputs:
    """Give the inputs of the run that a form describes.

    Raises:
        InputError: an image is gone, or another one is in its place.
    """
    if not isinstance(form["images"], dict):
        raise InputError("this training was begun by an earlier version: press Adapt again.")
    named = enumerate(form["images"].items(), start=1)
    pictures = {name: _picture(number, told) for number, (name, told) in named}
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
    contents = {name: told["content"] for name, told in form["images"].items()}
    return RunInputs(
        data=Dataset(tuple(records), tuple(form["classes"])),
        images=Chips(chips, Pixels()),
        sources={"clicks": _hash_of(form["chips"]), "images": _hash_of(contents)},
        output=Path(form["output"]),
        device=form["device"],
        ground_size=form["ground_size"],
        stretch=_stretch(form["stretch"]),
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


def one_stretch(pictures: Sequence[Picture], images: Path) -> Stretch | None:
    """Give the stretch of all that is learned from; None where none is known.

    Args:
        pictures: that are clicked.
        images: folder or scene; a folder may say how its images were made.

    Raises:
        InputError: there are several.
    """
    saved = images / FILE_NAME
    if images.is_dir() and saved.is_file():
        return read_stretch(saved)
    found = {picture.stretch: picture for picture in pictures}
    stretches = [stretch for stretch in found if stretch is not None]
    if len(found) == 1:
        return next(iter(found))
    if all(stretch == plain_stretch(stretch.bands, 0, 255) for stretch in stretches):
        return None  # bytes as they are
    # It says why where rasters have none in common, such as bands of other values.
    find_stretch([picture.path for picture in pictures if picture.stretch is not None])
    first, second, *_ = found.values()
    raise InputError(
        f"{first.path} and {second.path} are shown by different stretches, expected one for all "
        "that is learned from: make them 8-bit together with 'pointsam data images'."
    )


def one_ground_size(metres: Sequence[float | None]) -> float | None:
    """Give the metres on the ground of a pixel of the model; None unless one holds for all.

    Args:
        metres: of each image; None where it is not known.
    """
    known = [size for size in metres if size is not None]
    if not known or len(known) < len(metres):
        return None
    alike = all(doubt_of_ground("", size, max(known)) is None for size in known)
    return max(known) if alike else None


def _told(picture: Picture) -> dict[str, Any]:
    """Name an image so that no other is learned from in its place."""
    path = picture.path.absolute()
    if not path.is_file():
        raise InputError(f"{path} is gone: put it back, or delete its clicks.")
    if size_and_time(path) != picture.stamp:
        raise InputError(
            f"{path} was changed after the page was opened: start 'pointsam click' again, look at "
            "its clicks, and press Adapt then."
        )
    return {
        "path": str(path),
        "size": list(picture.size),
        "stretch": None if picture.stretch is None else plain_form(picture.stretch),
        "content": _content(picture),
    }


def _picture(number: int, told: Mapping[str, Any]) -> Picture:
    """Find an image of a form.

    Raises:
        InputError: it is gone, or another one is in its place.
    """
    path, (height, width) = Path(told["path"]), told["size"]
    picture = Picture(number, path, (height, width), None, _stretch(told["stretch"]))
    if not path.is_file():
        raise InputError(f"{path} is gone: put it back, or press Adapt again.")
    if _content(picture) != told["content"]:
        raise InputError(
            f"{path} is another image than when Adapt was pressed: put that one back, or press "
            "Adapt again."
        )
    return picture


def _content(picture: Picture) -> str:
    """Hash what decides the pixels of an image."""
    if picture.stretch is not None:
        return raster_hash(picture.path)
    return sha256_of(picture.path)


def _stretch(form: Mapping[str, Any] | None) -> Stretch | None:
    return None if form is None else stretch_from(form)


def _hash_of(values: Any) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
