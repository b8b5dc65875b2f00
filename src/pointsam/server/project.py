"""A project: the images of a page and their clicked objects, saved at every change."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import RLock
from typing import Any

from pointsam.data.records import Dataset
from pointsam.errors import InputError
from pointsam.server.clicked import ClickedObject, ImageState
from pointsam.server.pictures import Picture
from pointsam.server.storage import (
    IMAGES,
    SETTINGS,
    lock_folder,
    read_image_file,
    read_json,
    save_image,
    save_json,
)

MAX_CLASSES = 60
MAX_UNDO = 500
"""Changes of one image that can be undone."""

Changed = Mapping[int, ClickedObject | None]
"""New states of objects by id; None for one that was removed."""


@dataclass(frozen=True)
class ProjectSettings:
    """Settings for all images."""

    classes: tuple[str, ...] = ("object",)
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
            classes=tuple(str(name) for name in content["classes"]),
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
        self.states = {number: ImageState() for number in self.pictures}
        self.faults = self._read_images()
        ids = [key for state in self.states.values() for key in state.objects]
        self._next_id = max(ids, default=0) + 1

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

    def new_id(self) -> int:
        """Give the next object's id."""
        with self._guard:
            self._next_id += 1
            return self._next_id - 1

    def change(self, number: int, changed: Changed, *, undoable: bool = True) -> ImageState:
        """Add, replace or remove objects, and save the image.

        Raises:
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
            InputError: too many classes, one twice, or one without a name.
        """
        with self._guard:
            settings = replace(self.settings, **values)
            names = settings.classes
            if not 1 <= len(names) <= MAX_CLASSES or len(set(names)) < len(names):
                raise InputError(f"give 1 to {MAX_CLASSES} classes with different names.")
            if any(not 1 <= len(name.strip()) <= 80 for name in names):
                raise InputError("a class has a name of 1 to 80 characters.")
            save_json(vars(settings) | {"classes": list(names)}, self.folder / SETTINGS)
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

    def take_in(self, data: Dataset) -> str:
        """Add clicks of a file to images that have none; give a line that says what was added."""
        numbers = {picture.name: number for number, picture in self.pictures.items()}
        taken, kept = 0, 0
        classes = dict.fromkeys((*self.settings.classes, *data.categories))
        unused = self.settings.classes == ("object",) and "object" not in data.categories
        if unused and data.categories and not any(s.objects for s in self.states.values()):
            classes.pop("object")
        self.set_up(classes=tuple(classes))
        for record in data.images:
            number = numbers.get(Path(record.file_name).name)
            if number is None or not record.instances:
                continue
            if self.states[number].objects:
                kept += 1
                continue
            objects = [ClickedObject(self.new_id(), i.category, i.points) for i in record.instances]
            self.change(number, {one.id: one for one in objects}, undoable=False)
            taken += len(objects)
        there = f"; {kept} images keep the clicks of the project" if kept else ""
        return f"{taken} objects taken in{there}"

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
        picture = self.pictures[number]
        save_image(state, picture.name, self._file(picture))
        self.states[number] = state

    def _file(self, picture: Picture) -> Path:
        return self.folder / IMAGES / f"{picture.name}.json"

    def _read_images(self) -> list[str]:
        """Read the saved state of each image; give a line for each file whose image is missing."""
        numbers: Mapping[str, int] = {p.name: n for n, p in self.pictures.items()}
        faults = []
        for path in sorted((self.folder / IMAGES).glob("*.json")):
            name, state = read_image_file(path)
            if name in numbers:
                self.states[numbers[name]] = state
            elif state.objects:
                faults.append(f"{name} has {len(state.objects)} objects saved but is not here")
        return faults
