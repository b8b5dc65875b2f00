"""Finds the user's own files of Label Studio's uploads, whose names the tool simplifies.

Source: Django, django/utils/text.py, function get_valid_filename, by which
    django/core/files/storage, method Storage.generate_filename, names what is stored: spaces become
    underscores, and all but letters, digits, ``-``, ``_`` and ``.`` is removed. Label Studio,
    label_studio/data_import/models.py, function upload_name_generator, puts eight digits and a dash
    before the name first, so that a space at its beginning becomes an underscore, too.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from pointsam.data.clicks.label_studio_links import told_of
from pointsam.data.clicks.pictures import Pictures
from pointsam.data.clicks.told import Told
from pointsam.data.rasters.images import find_image, list_images, same_name
from pointsam.errors import InputError

_REMOVED = re.compile(r"[^-\w.]")


def under_own_names(told: Iterable[Told], pictures: Pictures) -> list[Told]:
    """Give uploads the names of their files in the images folder; other links stay as they are.

    Args:
        told: images as the tool names them.
        pictures: with the folder, or the single image, among whose neighbours is searched.

    Raises:
        InputError: an upload may be of several files.
    """
    every = list(told)
    if not pictures.known or not any(one.stored for one in every):
        return every
    folder, files = _beside(pictures)
    by_stored: dict[str, list[str]] = {}
    for name in files:
        for stored in _stored_names(name):
            by_stored.setdefault(stored, []).append(name)
    return [_own(one, folder, by_stored, pictures.only) if one.stored else one for one in every]


def _beside(pictures: Pictures) -> tuple[Path | None, list[str]]:
    """Give the folder of the images and their names; a raster on a server has no folder."""
    only = pictures.only
    folder = pictures.folder if only is None else Path(only).parent
    if folder is None or not folder.is_dir():
        return None, [only.name] if only is not None else []
    names = [path.name for path in list_images(folder)]
    return folder, [*dict.fromkeys([*names, *([only.name] if only is not None else [])])]


def _stored_names(name: str) -> set[str]:
    """Give the names under which a file may be stored.

    The folder may hold accents as one character and the annotator's machine as two, of which the
    tool removes the second.
    """
    forms = {name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))}
    return {unicodedata.normalize("NFC", _stored_name(form)) for form in forms}


def _stored_name(name: str) -> str:
    return _REMOVED.sub("", name.replace(" ", "_"))


def _own(
    told: Told, folder: Path | None, by_stored: dict[str, list[str]], only: Path | None
) -> Told:
    """Give an upload the name of the one file that it may be of, where there is one."""
    if folder is not None and find_image(folder, told.stored) is not None:
        return told  # the tool's own copy
    plain = find_image(folder, told.path) if folder is not None else None
    found = by_stored.get(unicodedata.normalize("NFC", told.path), [])
    names: Sequence[str] = [*dict.fromkeys([*([plain] if plain else []), *found])]
    if only is not None and only.name not in names:
        return told
    name = _only(names, told.link)
    return told if name is None else replace(told, path=name)


def _only(names: Sequence[str], link: str) -> str | None:
    """Give the one name there is, None where there is none."""
    if len(names) > 1:
        raise InputError(
            f"{link} may be of {' or of '.join(names)}, since Label Studio takes spaces and "
            "signs out of the names of uploads: keep one of them in the images folder."
        )
    return names[0] if names else None


def file_of(link: str, files: Sequence[str]) -> str | None:
    """Find the file that a link is of by the end of its path alone; None where there is none.

    Args:
        link: as a task holds it.
        files: names without folders.

    Raises:
        InputError: it may be of several files.
    """
    try:
        told = told_of(link)
    except ValueError:
        return None
    for exact in (told.stored, "" if told.stored else told.base):  # the tool's own copy, the file
        if exact in files:
            return exact
    stored = unicodedata.normalize("NFC", told.path) if told.stored else None
    return _only(
        [name for name in files if same_name(name, told.base) or stored in _stored_names(name)],
        link,
    )
