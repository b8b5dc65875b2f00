"""Finds the image of a folder that a tool's path is of."""

from collections.abc import Mapping
from os.path import isfile, samefile
from pathlib import Path, PurePosixPath

from pointsam.data.clicks.stems import Stems, same_stem
from pointsam.data.clicks.told import Told
from pointsam.data.rasters.images import ENDINGS, find_image, why_missing
from pointsam.errors import InputError


def is_another(path: Path, told: Told) -> bool:
    """Say whether a tool's path is that of a file of this machine, other than the one used."""
    whole = told.link == told.path and Path(told.path).is_absolute()
    both = whole and isfile(told.path) and isfile(path)
    return both and not samefile(told.path, path)


def find_told(folder: Path, told: Told, stems: Stems) -> str:
    """Find the longest end of a path that is a file of a folder, or, without ending, names one.

    Raises:
        FileNotFoundError: there is none.
        InputError: a name without ending that several files have.
    """
    ends = told.ends
    found = longest_end(folder, told) or _of_stem(folder, told, stems)
    if found is not None:
        return found
    if len(ends) == 1:
        raise FileNotFoundError(why_missing(folder / ends[0]))
    raise FileNotFoundError(
        f"{told.link} is no image of {folder}: none of its files is named {' or '.join(ends)}."
    )


def _of_stem(folder: Path, told: Told, stems: Stems) -> str | None:
    """Find the file that a name without an image's ending is of."""
    if PurePosixPath(told.base).suffix.lower() in ENDINGS:
        return None
    for end in told.ends:
        try:
            return same_stem(folder, end, file=Path(told.link), stems=stems)
        except FileNotFoundError:
            continue
    return None


def longest_end(folder: Path, told: Told) -> str | None:
    """Find the longest end of a path that is a file of a folder; None where there is none."""
    found = (find_image(folder, end) for end in [told.stored, *told.ends] if end)
    return next((name for name in found if name is not None), None)


def refuse_meeting(names: Mapping[str, str]) -> None:
    """Refuse two images that would have one name.

    Raises:
        InputError: there are two.
    """
    owners: dict[str, str] = {}
    for link, name in names.items():
        other = owners.setdefault(name, link)
        if other != link:
            raise InputError(
                f"{other} and {link} are two images, and both would be {name}: give them names "
                "that differ, or --images with a folder that holds both."
            )
