"""A project: the images of a page and their clicked objects, saved at every change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import RLock
from typing import Any

from pointsam.data.clicks.values import OBJECT, category_of
from pointsam.data.records import Dataset
from pointsam.errors import InputError
from pointsam.server.clicked import ClickedObject, ImageState, checked_class
from pointsam.server.marks import mark_of
from pointsam.server.opening import open_images
from pointsam.server.pictures import Picture
from pointsam.server.storage import (
    IMAGES,
    SETTINGS,
    SavedImage,
    lock_folder,
    read_json,
    save_image,
    save_json,
)

MAX_CLASSES = 60
MAX_UNDO = 500
"""Changes of one image that can be undone."""
MAX_ID = 2**52
"""Largest id that an object keeps: the page counts on, and holds whole numbers of 53 bits."""

Changed = Mapping[int, ClickedObject | None]
"""New states of objects by id; None for one that was removed."""


@dataclass(frozen=True)
class ProjectSettings:
    """Settings for all images."""

    classes: tuple[str, ...] = (OBJECT,)
    joint: bool = False
    """Whether rivals are calibrated."""
    adapter: str | None = None
    """Name of the adapter's folder inside the project's."""


def read_settings(folder: Path) -> ProjectSettings:
    """Read the settings of a project's folder; the usual ones where there are none.

    Raises:
        InputError: they are damaged.
    """
    path = folder / SETTINGS
    if not path.is_file():
        return ProjectSettings()
    content = read_json(path)
    try:
        return ProjectSettings(
            classes=tuple(dict.fromkeys(map(category_of, content["classes"]))),
            joint=bool(content["joint"]),
            adapter=None if content["adapter"] is None else str(content["adapter"]),
        )
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged: move it away to continue without it.") from error


class Project:
    """Holds the state of all images, and saves every change before it is answered."""

    def __init__(self, folder: Path, pictures: list[Picture]) -> None:
        """Open a project, or make a new one.

        Raises:
            InputError: it is open elsewhere, damaged, or nothing can be written there.
        """
        self.folder = folder
        self.pictures = {picture.number: picture for picture in pictures}
        self._guard = RLock()
        self._undo: dict[int, list[Changed]] = {}
        self._redo: dict[int, list[Changed]] = {}
        try:
            (folder / IMAGES).mkdir(parents=True, exist_ok=True)
            self._lock = lock_folder(folder)
        except OSError as error:
            raise InputError(
                f"{folder} cannot be written ({error.strerror}): name another --project."
            ) from error
        self.settings = read_settings(folder)
        opened = open_images(folder / IMAGES, self.pictures)
        self.states, self.closed, self.faults = opened.states, opened.closed, opened.faults
        self._marks, self._ids = opened.marks, opened.ids
        self._next_id = max(opened.ids, default=0) + 1
        self._join_classes()
        for number in opened.renumbered:
            self._save(number, self.states[number])

    def close(self) -> None:
        """Release the project, so that another server can open it."""
        self._lock.close()

    def picture(self, number: int) -> Picture:
        """Give an image by its number.

        Raises:
            InputError: there is no such image.
        """
        if number not in self.pictures:
            raise InputError(f"there is no image {number}: they are 1 to {len(self.pictures)}.")
        return self.pictures[number]

    def refuse_closed(self, number: int) -> None:
        """Refuse changes of an image that is not the one that was clicked.

        Raises:
            InputError: it is closed.
        """
        if number in self.closed:
            raise InputError(f"{self.closed[number]}.")

    def new_id(self) -> int:
        """Give the next object's id."""
        with self._guard:
            self._next_id += 1
            self._ids.add(self._next_id - 1)
            return self._next_id - 1

    def claim(self, wanted: Sequence[int]) -> list[int]:
        """Give ids to new objects: those they come with where these are free, else new ones."""
        with self._guard:
            usable = [key for key in wanted if 0 < key <= MAX_ID]
            self._next_id = max([self._next_id, *(key + 1 for key in usable)])
            given = []
            for key in wanted:
                free = 0 < key <= MAX_ID and key not in self._ids
                given.append(key if free else self.new_id())
                self._ids.add(given[-1])
            return given

    def fill(self, number: int, state: ImageState) -> None:
        """Give an image all its clicks at once, and save it; undo does not take them back.

        Raises:
            InputError: it is closed.
            OSError: it cannot be saved; then nothing has changed.
        """
        with self._guard:
            self._save(number, state)

    def change(self, number: int, changed: Changed, *, undoable: bool = True) -> ImageState:
        """Add, replace or remove objects, and save the image.

        Raises:
            InputError: the image is closed.
            OSError: it cannot be saved; then nothing has changed.
        """
        with self._guard:
            old = self.states[number]
            former = {key: old.objects.get(key) for key in changed}
            state = old.with_objects(changed)
            self._save(number, state)
            if undoable:
                self._undo.setdefault(number, []).append(former)
                del self._undo[number][:-MAX_UNDO]
                self._redo.pop(number, None)
            return state

    def step_back(self, number: int) -> Changed:
        """Undo the last change of an image; give the objects that this changes.

        Raises:
            InputError: there is none.
        """
        return self._step(number, self._undo, self._redo, "undo")

    def step_forward(self, number: int) -> Changed:
        """Redo the change that was undone last.

        Raises:
            InputError: there is nothing.
        """
        return self._step(number, self._redo, self._undo, "redo")

    def set_up(self, **values: Any) -> ProjectSettings:
        """Change settings, and save them.

        Raises:
            InputError: too many classes, one twice, or one whose name is none.
        """
        with self._guard:
            if "classes" in values:
                values["classes"] = names = tuple(map(checked_class, values["classes"]))
                if not 1 <= len(names) <= MAX_CLASSES or len(set(names)) < len(names):
                    raise InputError(f"give 1 to {MAX_CLASSES} classes with different names.")
            settings = replace(self.settings, **values)
            save_json(vars(settings) | {"classes": list(settings.classes)}, self.folder / SETTINGS)
            self.settings = settings
            return settings

    def rename_class(self, old: str, new: str) -> None:
        """Give a class, and all its objects, another name.

        Raises:
            InputError: there is no such class, or the other name is taken.
        """
        with self._guard:
            if old not in self.settings.classes:
                raise InputError(f"there is no class {old!r}.")
            new = checked_class(new)
            self.set_up(classes=tuple(new if c == old else c for c in self.settings.classes))
            for number, state in self.states.items():
                renamed: Changed = {
                    key: replace(one, category=new)
                    for key, one in state.objects.items()
                    if one.category == old
                }
                if renamed:
                    self.change(number, renamed, undoable=False)
            self._undo.clear()
            self._redo.clear()

    def dataset(self) -> Dataset:
        """Give all clicks as a data set, with the images that have none."""
        records = tuple(
            self.states[number].record(number, picture.name, picture.size)
            for number, picture in self.pictures.items()
            if picture.size[0]
        )
        return Dataset(records, self.settings.classes)

    def counts(self) -> dict[str, int]:
        """Count the objects of each class over all images."""
        counts = dict.fromkeys(self.settings.classes, 0)
        for state in self.states.values():
            for one in state.objects.values():
                counts[one.category] = counts.get(one.category, 0) + 1
        return counts

    def _step(
        self,
        number: int,
        source: dict[int, list[Changed]],
        target: dict[int, list[Changed]],
        what: str,
    ) -> Changed:
        with self._guard:
            if not source.get(number):
                raise InputError(f"there is nothing to {what} on this image.")
            changed = source[number][-1]
            old = self.states[number]
            former = {key: old.objects.get(key) for key in changed}
            self._save(number, old.with_objects(changed))
            source[number].pop()
            target.setdefault(number, []).append(former)
            return changed

    def _save(self, number: int, state: ImageState) -> None:
        self.refuse_closed(number)
        picture = self.pictures[number]
        if number not in self._marks:
            self._marks[number] = mark_of(picture)
        save_image(SavedImage(picture.name, state, self._marks[number]), self._file(picture))
        self.states[number] = state

    def _file(self, picture: Picture) -> Path:
        return self.folder / IMAGES / f"{picture.name}.json"

    def _join_classes(self) -> None:
        """Add the classes of saved objects that the settings do not name, and say so."""
        there = (self.folder / SETTINGS).is_file()
        known = self.settings.classes if there else ()
        objects = (one for state in self.states.values() for one in state.objects.values())
        new = [c for c in dict.fromkeys(one.category for one in objects) if c not in known]
        if not new:
            return
        self.settings = replace(self.settings, classes=(*known, *new))
        if new != [OBJECT]:
            self.faults.append(
                f"{SETTINGS} does not name classes of the saved objects, which are added: "
                f"{', '.join(new)}"
            )
