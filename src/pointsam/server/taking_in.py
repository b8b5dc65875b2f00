"""Takes the clicks of a file into a project, and says what it does not keep as it was."""

from collections.abc import Sequence

from pointsam.data.clicks.values import category_of
from pointsam.data.records import Dataset, ImageRecord
from pointsam.server.clicked import ClickedObject, ImageState
from pointsam.server.project import Project


def take_in(project: Project, data: Dataset) -> str:
    """Add clicks of a file to images that have none; give a line that says what was added.

    Raises:
        InputError: a class whose name is none, or too many classes.
    """
    numbers = {picture.name: number for number, picture in project.pictures.items()}
    clicked = [image for image in data.images if image.instances or image.background_points]
    here = {numbers[i.file_name]: i for i in clicked if i.file_name in numbers}
    kept = [number for number in here if project.states[number].objects]
    closed = [number for number in here if number in project.closed]
    taken = {number: here[number] for number in here if number not in (*kept, *closed)}
    _take_classes(project, data)
    wanted = [instance.id for image in taken.values() for instance in image.instances]
    ids = project.claim(wanted)
    given = iter(ids)
    for number, image in taken.items():
        _fill(project, number, image, [next(given) for _ in image.instances])
    away = len(clicked) - len(here)
    others = sum(one != other for one, other in zip(wanted, ids, strict=True))
    renamed = dict.fromkeys(c for c in data.categories if category_of(c) != c)
    beside = sum(len(image.background_points) for image in taken.values())
    parts = [
        f"{len(wanted)} objects taken in",
        f"{len(kept)} images keep the clicks of the project" if kept else "",
        f"{len(closed)} images are closed and take none" if closed else "",
        f"{away} clicked images are not on the page" if away else "",
        f"{others} objects have new ids, as theirs are taken or too long" if others else "",
        *(f"the class {name!r} is called {category_of(name)!r}" for name in renamed),
        f"{beside} clicks on no object go into saved files; the page does not use them"
        if beside
        else "",
    ]
    return "; ".join(filter(None, parts))


def _take_classes(project: Project, data: Dataset) -> None:
    """Add the classes of a file; a project that has used none yet has these alone."""
    new = [category_of(name) for name in data.categories]
    unused = project.settings.classes == ("object",)
    unused = unused and not any(state.objects for state in project.states.values())
    first = () if unused and new else project.settings.classes
    project.set_up(classes=tuple(dict.fromkeys((*first, *new))))


def _fill(project: Project, number: int, image: ImageRecord, ids: Sequence[int]) -> None:
    objects = {
        key: ClickedObject(key, category_of(i.category), i.points, key=i.key, box=i.box)
        for key, i in zip(ids, image.instances, strict=True)
    }
    revision = project.states[number].revision + 1
    project.fill(number, ImageState(objects, revision, image.background_points))
