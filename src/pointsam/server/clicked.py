"""The objects of one image of a project, with clicks, class and mask."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pointsam.data.clicks.values import category_of, text_of
from pointsam.data.records import Box, ImageRecord, InstanceRecord, Point
from pointsam.errors import InputError
from pointsam.frames import on_image
from pointsam.prompts import POSITIVE
from pointsam.server.crops import MaskCrop

MAX_POINTS = 200
"""Most clicks of one object."""
MAX_NAME = 80
"""Most characters of a class's name."""


@dataclass(frozen=True, eq=False)
class ClickedObject:
    """One object: its clicks, and the mask that the model made of them."""

    id: int
    """Unique in the project."""
    category: str
    points: tuple[Point, ...]
    """In the image frame, as clicked."""
    mask: MaskCrop | None = None
    """None where it was not made yet."""
    score: float = 0.0
    """SAM's own estimate of the mask's IoU."""
    calibrated: bool = False
    """Whether its mask was decoded with rivals' points as negatives."""
    before: MaskCrop | None = None
    """Mask of the model that was used before the last training."""
    key: str = ""
    """The user's name of it in the file that it came from, if that is no number."""
    box: Box | None = None
    """Around the object, where the file that it came from has one."""

    def plain(self) -> dict[str, Any]:
        """Give the object as values of JSON."""
        return {
            "id": self.id,
            "class": self.category,
            "points": [list(point) for point in self.points],
            "mask": None if self.mask is None else self.mask.plain(),
            "score": round(self.score, 4),
            "calibrated": self.calibrated,
            "before": None if self.before is None else self.before.plain(),
            **({"key": self.key} if self.key else {}),
            **({} if self.box is None else {"box": list(self.box)}),
        }

    @classmethod
    def from_plain(cls, form: Mapping[str, Any]) -> "ClickedObject":
        """Give the object that `plain` wrote.

        Raises:
            KeyError, TypeError, ValueError: it is no such object.
        """
        mask, before, box = form.get("mask"), form.get("before"), form.get("box")
        return cls(
            id=int(form["id"]),
            category=category_of(form["class"]),
            points=tuple((float(x), float(y), int(label)) for x, y, label in form["points"]),
            mask=None if mask is None else MaskCrop.from_plain(mask),
            score=float(form.get("score", 0)),
            calibrated=bool(form.get("calibrated", False)),
            before=None if before is None else MaskCrop.from_plain(before),
            key=str(form.get("key", "")),
            box=None
            if box is None
            else (float(box[0]), float(box[1]), float(box[2]), float(box[3])),
        )


@dataclass(frozen=True, eq=False)
class ImageState:
    """All objects of one image; a change makes a new state."""

    objects: Mapping[int, ClickedObject] = field(default_factory=dict)
    """By id, in the order of their making."""
    revision: int = 0
    """Grows with every change."""
    background: tuple[tuple[float, float], ...] = ()
    """``(x, y)`` clicks of a file that belong to no object; they are kept for saved files."""

    def with_objects(self, changed: Mapping[int, ClickedObject | None]) -> "ImageState":
        """Give a state with these objects added, replaced, or removed where they are None."""
        merged = {**self.objects, **changed}
        objects = {key: one for key, one in merged.items() if one is not None}
        return replace(self, objects=objects, revision=self.revision + 1)

    def record(self, number: int, name: str, size: tuple[int, int]) -> ImageRecord:
        """Give the clicks as a record, as the rest of the package reads them."""
        instances = tuple(
            InstanceRecord(one.id, one.category, one.points, box=one.box, key=one.key)
            for one in self.objects.values()
        )
        return ImageRecord(number, name, size, instances, self.background)


def checked_class(name: str) -> str:
    """Check the name of a class, so that a file with it is read back as it was written.

    Raises:
        InputError: no name, a long one, or one that readers refuse or take for another.
    """
    trimmed = name.strip()
    if not 1 <= len(trimmed) <= MAX_NAME:
        raise InputError(f"a class has a name of 1 to {MAX_NAME} characters.")
    read = text_of(trimmed)
    if read != trimmed:
        told = "no class" if read is None else repr(read)
        raise InputError(
            f"{trimmed!r} would be read back from saved files as {told}: give the class a name of "
            "one line that is another word."
        )
    return trimmed


def checked_points(points: list[list[float]], size: tuple[int, int]) -> tuple[Point, ...]:
    """Check clicks of a request.

    Args:
        points: ``[x, y, label]`` each.
        size: of the image, height and width.

    Raises:
        InputError: none, too many, off the image, other labels, or no positive among them.
    """
    height, width = size
    if not 1 <= len(points) <= MAX_POINTS:
        raise InputError(f"an object has 1 to {MAX_POINTS} clicks, got {len(points)}.")
    checked: list[Point] = []
    for point in points:
        if len(point) != 3 or point[2] not in (0, 1):
            raise InputError(f"a click is [x, y, 1 on or 0 off the object], got {point}.")
        x, y, label = point
        if not on_image(x, y, size):
            raise InputError(f"click ({x:g}, {y:g}) is off the image of {width} x {height} px.")
        checked.append((float(x), float(y), int(label)))
    if not any(label == POSITIVE for _, _, label in checked):
        raise InputError("an object needs a click on it: the first click cannot be a negative one.")
    return tuple(checked)
