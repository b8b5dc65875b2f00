"""Options for reading a file of clicks, and the type of a row in the table of formats."""

from collections.abc import Callable
from dataclasses import dataclass, field

from pointsam.data.clicks.content import Content
from pointsam.data.clicks.pictures import Pictures
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
    said = None if height is None or width is None else (int(str(height)), int(str(width)))
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
