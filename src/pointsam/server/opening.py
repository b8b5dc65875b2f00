"""Reads the saved clicks of all images, and closes images that are not those that were clicked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from pointsam.frames import on_image
from pointsam.server.clicked import ImageState
from pointsam.server.marks import ImageMark, difference
from pointsam.server.pictures import Picture
from pointsam.server.storage import SavedImage, read_image_file


@dataclass
class Opened:
    """What was saved for the images of a page, by their numbers."""

    states: dict[int, ImageState]
    """Of all images; empty where nothing is saved, or the image is closed."""
    marks: dict[int, ImageMark] = field(default_factory=dict)
    """Of images that were compared with what was clicked."""
    closed: dict[int, str] = field(default_factory=dict)
    """Why an image takes no clicks, in one line; those on the disk stay as they are."""
    faults: list[str] = field(default_factory=list)
    """One line for each thing that the user should put right."""
    ids: set[int] = field(default_factory=set)
    """Of all saved objects, those of missing and closed images, too."""
    renumbered: list[int] = field(default_factory=list)
    """Images of which objects have other ids than in their file."""


def open_images(folder: Path, pictures: Mapping[int, Picture]) -> Opened:
    """Read all that is saved in a folder.

    Raises:
        InputError: a file is damaged, or of a later version.
    """
    saved = {path: read_image_file(path) for path in sorted(folder.glob("*.json"))}
    numbers: dict[str, int] = {p.name: number for number, p in pictures.items()}
    opened = Opened({number: ImageState() for number in pictures})
    for path, one in saved.items():
        opened.ids.update(one.state.objects)
        number, told = numbers.get(one.name), len(one.state.objects)
        if number is None:
            if told:
                opened.faults.append(f"{one.name} has {told} objects saved but is not here")
            continue
        why = _why_closed(one, pictures[number])
        if why is None:
            opened.states[number] = one.state
            if one.mark.content is not None:
                opened.marks[number] = one.mark
        else:
            opened.closed[number] = (
                f"{one.name} {why}, so it is closed; its {told} objects are kept in {path}. Put "
                "the image of before back, or move that file away to click it anew, and start again"
            )
    opened.faults += opened.closed.values()
    _make_unique(opened, pictures)
    return opened


def _why_closed(saved: SavedImage, picture: Picture) -> str | None:
    """Say why saved clicks are not of an image; None where they may be."""
    state = saved.state
    if not state.objects and not state.background:
        return None
    other = difference(saved.mark, picture)
    if other is not None:
        return other
    points = [(x, y) for one in state.objects.values() for x, y, _ in one.points]
    if not all(on_image(x, y, picture.size) for x, y in (*points, *state.background)):
        height, width = picture.size
        return f"is {width} x {height} px and was clicked outside of that"
    return None


def _make_unique(opened: Opened, pictures: Mapping[int, Picture]) -> None:
    """Give new ids to objects whose id another image has, as after an image was away."""
    used: set[int] = set()
    free = count(max(opened.ids, default=0) + 1)
    for number, state in opened.states.items():
        twice = {key: next(free) for key in state.objects if key in used}
        used.update(state.objects)
        if not twice:
            continue
        objects = [replace(one, id=twice.get(key, key)) for key, one in state.objects.items()]
        opened.states[number] = replace(
            state, objects={one.id: one for one in objects}, revision=state.revision + 1
        )
        opened.ids.update(twice.values())
        opened.renumbered.append(number)
        opened.faults.append(
            f"{pictures[number].name}: {len(twice)} objects had ids of objects of other images, "
            "and have new ones"
        )
