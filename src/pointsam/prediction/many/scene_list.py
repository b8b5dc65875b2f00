"""Which scenes are to be done, and in which folder each one's outputs go."""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pointsam.errors import InputError
from pointsam.files import list_files
from pointsam.texts import read_text

ENDINGS = (".tif", ".tiff", ".jp2", ".vrt", ".img", ".ntf", ".png", ".jpg", ".jpeg", ".bmp")
"""Of files in a folder that are taken for scenes."""


@dataclass(frozen=True)
class ListedScene:
    """One scene."""

    path: Path
    folder: str
    """Of its outputs, below the output folder; parted by slashes."""


def read_scene_list(source: Path) -> tuple[ListedScene, ...]:
    """Read a list of scenes, or list a folder.

    Args:
        source: a text file with a path a line, counted from the file's own folder, where empty
            lines and those that begin with ``#`` say nothing; or a folder of rasters.

    Raises:
        FileNotFoundError: there is nothing at `source`, or a scene of the list is missing.
        InputError: no text, no scene, or one scene twice.
    """
    if source.is_dir():
        paths = list_files(source, ENDINGS)
        if not paths:
            raise InputError(f"{source} holds no scene (a file that ends in {', '.join(ENDINGS)}).")
    elif source.is_file():
        paths = _listed(source)
    else:
        raise FileNotFoundError(f"no list or folder of scenes {source}.")
    return tuple(ListedScene(path, name) for path, name in zip(paths, _names(paths), strict=True))


def _listed(source: Path) -> list[Path]:
    paths: dict[Path, int] = {}
    for number, line in enumerate(read_text(source).splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        path = source.parent / text
        if not path.is_file():
            raise FileNotFoundError(f"{source}, line {number}: there is no scene {path}.")
        if path in paths:
            raise InputError(f"{source}, line {number}: {path} is in line {paths[path]} already.")
        paths[path] = number
    if not paths:
        raise InputError(f"{source} lists no scene: write a path on each line.")
    return list(paths)


def _names(paths: list[Path]) -> list[str]:
    """Name each scene's folder by its path below the folder that all share, without the ending."""
    parents = {os.path.abspath(path.parent) for path in paths}
    root = os.path.commonpath(parents)
    below = [PurePosixPath(Path(os.path.relpath(path, root)).as_posix()) for path in paths]
    short = Counter(str(path.with_suffix("")) for path in below)
    return [str(path if short[name := str(path.with_suffix(""))] > 1 else name) for path in below]
