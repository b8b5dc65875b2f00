"""Finds the names of numbered classes, where tools that write YOLO's label files put them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pointsam.errors import InputError, in_words
from pointsam.files import read_text, read_yaml

NAME_FILES = ("classes.txt", "obj.names", "predefined_classes.txt")
"""Files with one name on each line: of LabelImg and Label Studio, of Darknet and CVAT."""

YAML_NAMES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
"""Of Ultralytics and Roboflow: a list or a mapping called ``names``."""

FOLDERS_UP = 3
"""Folders above the label files that are searched: ``train/labels`` lies two below the names."""


def class_names(labels: Path) -> dict[int, str]:
    """Find the names of the classes: in the folder of label files, or up to three above it.

    Returns:
        Names by number; none where there is no such file.

    Raises:
        InputError: a file that cannot be read, or two that name classes differently.
    """
    folder = labels.absolute() if labels.is_dir() else labels.absolute().parent
    for place in [folder, *folder.parents[: FOLDERS_UP - 1]]:
        files = {path.name.lower(): path for path in place.iterdir() if path.is_file()}
        found = [(files[name], _listed(files[name])) for name in NAME_FILES if name in files]
        found += [(files[name], _mapped(files[name])) for name in YAML_NAMES if name in files]
        named = [(path, names) for path, names in found if names]
        for path, names in named[1:]:
            if names != named[0][1]:
                raise InputError(
                    f"{named[0][0]} and {path} name the classes differently: keep the right one."
                )
        if named:
            return named[0][1]
    return {}


def _listed(path: Path) -> dict[int, str]:
    lines = read_text(path).splitlines()
    return {number: line.strip() for number, line in enumerate(lines) if line.strip()}


def _mapped(path: Path) -> dict[int, str]:
    try:
        content: Any = read_yaml(read_text(path))
    except yaml.YAMLError as error:
        raise InputError(f"{path} is not YAML ({in_words(error)}).") from error
    names = content.get("names") if isinstance(content, Mapping) else None
    pairs = enumerate(names) if isinstance(names, list) else (names or {}).items()
    try:
        return {int(number): str(name).strip() for number, name in pairs}
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} has names that are no list and no numbers: {names!r}.") from error
