"""Finds the names of numbered classes, where tools that write YOLO's label files put them.

LabelImg writes a list beside the label files, in each of their folders; Darknet, CVAT and Label
Studio one folder above; Roboflow (``train/labels``), Ultralytics and CVAT (``labels/train``) two.
So the list of a label file is the nearest one, from its own folder to `FOLDERS_UP` above the folder
that the user gave.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from pointsam.errors import InputError, in_words
from pointsam.texts import read_text, read_yaml

NAME_FILES = ("classes.txt", "obj.names", "predefined_classes.txt", "_darknet.labels")
"""Files with one name on each line: of LabelImg and Label Studio, of Darknet and CVAT, of Roboflow
for Darknet; every other file called ``*.names`` is one, too."""

YAML_NAMES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
"""Of Ultralytics, Roboflow and CVAT: a list or a mapping called ``names``."""

FOLDERS_UP = 2
"""Folders above the one with label files that are searched."""

_ABOUT_DATA = {"train", "val", "test", "nc", "path"}
"""Keys of which one stands in the YAML file of a data set, whatever its name."""


@dataclass(frozen=True)
class ClassList:
    """The names of the classes, by number."""

    path: Path
    names: Mapping[int, str]

    def name(self, number: int, place: str) -> str:
        """Give the name of a class.

        Raises:
            InputError: the list does not hold the number.
        """
        if number not in self.names:
            raise InputError(
                f"{place} has class {number}, {self.path} names {min(self.names)} to "
                f"{max(self.names)}: is it the list of these labels?"
            )
        return self.names[number]


@dataclass(frozen=True)
class ClassLists:
    """The lists of classes of a folder of label files."""

    root: Path
    """The folder that the user gave."""
    notes: dict[str, None] = field(default_factory=dict)
    """Lines that say which list names the classes."""
    _found: dict[Path, ClassList | None] = field(default_factory=dict, repr=False)

    def of(self, file: Path) -> ClassList | None:
        """Find the list of a label file, the nearest one; None where there is none.

        Raises:
            InputError: a list that cannot be read, or two of one folder that differ.
        """
        folder = file.absolute().parent
        if folder not in self._found:
            self._found[folder] = self._search(folder)
        return self._found[folder]

    def _search(self, folder: Path) -> ClassList | None:
        root = self.root.absolute()
        top = root.parents[FOLDERS_UP - 1] if len(root.parents) >= FOLDERS_UP else Path(root.anchor)
        places = [place for place in (folder, *folder.parents) if place.is_relative_to(top)]
        lists = [found for found in map(self._list_in, places) if found is not None]
        if not lists:
            self.notes[
                f"{self.root}: no class names were found (classes.txt, obj.names, data.yaml): "
                "classes are called by their numbers"
            ] = None
            return None
        nearest = lists[0]
        if not nearest.path.is_relative_to(root):
            self.notes[f"the classes of {self.root} are named by {nearest.path}"] = None
        for other in lists[1:]:
            if other.names != nearest.names:
                self.notes[f"{nearest.path} names the classes, not {other.path}, which differs"] = (
                    None
                )
        return nearest

    def _list_in(self, place: Path) -> ClassList | None:
        """Read the list of a folder: files of known names, else the only YAML of a data set."""
        files: list[Path] = []
        with suppress(OSError):  # a folder above that may not be listed
            files = sorted(path for path in place.iterdir() if path.is_file())
        known = [ClassList(path, _listed(path)) for path in files if is_name_file(path)]
        known += [
            ClassList(path, _mapped(path)) for path in files if path.name.lower() in YAML_NAMES
        ]
        named = [found for found in known if found.names]
        for found in named[1:]:
            if found.names != named[0].names:
                raise InputError(
                    f"{named[0].path} and {found.path} name the classes differently: keep the "
                    "right one."
                )
        return named[0] if named else self._other_yaml(files)

    def _other_yaml(self, files: list[Path]) -> ClassList | None:
        """Take the YAML file of a data set under another name, if there is only one."""
        lists = []
        for path in files:
            if path.suffix.lower() in (".yaml", ".yml"):
                with suppress(InputError, ValueError, RecursionError):  # about something else
                    names = _mapped(path, whole=True)
                    lists += [ClassList(path, names)] if names else []
        if len(lists) > 1 and any(found.names != lists[0].names for found in lists):
            listed = ", ".join(str(found.path) for found in lists)
            self.notes[f"{listed} name classes, and nothing tells which is of the labels"] = None
            return None
        return lists[0] if lists else None


def is_name_file(path: Path) -> bool:
    """Say whether a file is called as a list of names, one on each line."""
    name = path.name.lower()
    return name in NAME_FILES or path.suffix.lower() == ".names"


def _listed(path: Path) -> dict[int, str]:
    lines = read_text(path).splitlines()
    return {number: line.strip() for number, line in enumerate(lines) if line.strip()}


def _mapped(path: Path, *, whole: bool = False) -> dict[int, str]:
    """Read ``names``; with `whole` only of a file that is about a data set."""
    try:
        content: Any = read_yaml(read_text(path), plain=True)
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not YAML ({in_words(error)}).") from error
    if not isinstance(content, Mapping) or (whole and not _ABOUT_DATA & {*content}):
        return {}
    names = content.get("names")
    pairs = enumerate(names) if isinstance(names, list) else (names or {}).items()
    try:
        return {int(number): str(name).strip() for number, name in pairs}
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} has names that are no list and no numbers: {names!r}.") from error
