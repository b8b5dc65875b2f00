"""Options for reading a file of clicks, and the type of a row in the table of formats."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pointsam.data.clicks.content import Content
from pointsam.data.clicks.pictures import Pictures
from pointsam.data.clicks.told import Told
from pointsam.data.clicks.values import BACKGROUND
from pointsam.data.coco.schema import OnFault, refuse
from pointsam.data.records import Dataset
from pointsam.errors import InputError


@dataclass(frozen=True)
class Asked:
    """How a file of clicks is to be read."""

    pictures: Pictures = field(default_factory=Pictures)
    """The images that the clicks may be on."""
    negative: str = BACKGROUND
    """Class of clicks off the objects, for clicks without a label."""
    layer: str | None = None
    """Of a vector file with several."""
    on_fault: OnFault = refuse
    """Called with each fault of a point file."""

    def needed(self, content: Content) -> Pictures:
        """Give the images, for a format that does not state their sizes or places.

        Raises:
            InputError: no folder of images was given.
        """
        if not self.pictures.known:
            raise InputError(
                f"{content.path} does not state its images' sizes or places: give --images DIR."
            )
        return self.pictures


@dataclass(frozen=True)
class ClickFormat:
    """One form of clicks."""

    name: str
    """Name for users, for lists of the formats that can be read."""
    holds: Callable[[Content], bool]
    """Says whether a file or folder is of this form, by its content."""
    read: Callable[[Content, Asked], Dataset]
    on_map: Callable[[Content], bool] = lambda content: False
    """Says whether the clicks are places on a map, not on named images."""


def stated_size(
    asked: Asked, name: str, stated: tuple[object, object], place: str
) -> tuple[int, int]:
    """Give height and width of an image's file; a tool that states others is refused.

    Args:
        asked: with the images, if they are known.
        name: of the image.
        stated: height and width as the tool states them; None where it does not.
        place: for messages.

    Raises:
        FileNotFoundError: there is no such image.
        InputError: neither is known, or they differ.
    """
    height, width = stated
    said = None
    if height is not None and width is not None:
        said = (_side(height, name, place), _side(width, name, place))
    if not asked.pictures.known:
        if said is None:
            raise InputError(f"{place} states no size of {name}: give --images DIR.")
        return said
    size = asked.pictures.size(name)
    if said is not None and said != size:
        raise InputError(
            f"{place} says that {name} is {said[0]} x {said[1]} px (height x width), "
            f"{asked.pictures.path(name)} is {size[0]} x {size[1]}: are the clicks of another "
            "version of the image?"
        )
    return size


def _side(value: object, name: str, place: str) -> int:
    """Read a side of an image in pixels: 96, "96" and 96.0 are one."""
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not number.is_integer():
        raise InputError(
            f"{place} says that a side of {name} is {value!r} px, expected a whole number: put it "
            "right, or export the clicks anew."
        )
    return int(number)


def in_folder(data: Dataset, asked: Asked) -> Dataset:
    """Give images the names that they have in the folder, by the longest end of their paths.

    A caller that lists all faults, by an `on_fault` of its own, looks at every image itself: it
    is given those that are missing or of another size, too.

    Raises:
        FileNotFoundError: an image is missing.
        InputError: an image of another size than is stated, or two that would be one file.
    """
    pictures = asked.pictures
    if pictures.folder is None:
        return data
    told = [Told.of_path(record.file_name) for record in data.images]
    lists_faults = asked.on_fault is not refuse
    try:
        names = pictures.named(told)
    except FileNotFoundError:
        if lists_faults:
            return data
        raise
    images = tuple(
        replace(record, file_name=names[one.link])
        for record, one in zip(data.images, told, strict=True)
        if one.link in names  # the others are broken, and skipped
    )
    for record in () if lists_faults else images:
        stated_size(asked, record.file_name, record.size, "the file of clicks")
    return replace(data, images=images)
