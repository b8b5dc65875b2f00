"""The folder of a project: one file for each image, replaced atomically."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pointsam.errors import InputError, in_words, reading
from pointsam.files import replacing
from pointsam.server.clicked import ClickedObject, ImageState
from pointsam.server.marks import ImageMark

VERSION = 2
"""1 does not say what image was clicked, and has no clicks on no object."""
SETTINGS = "project.json"
LOCK = "open.lock"
IMAGES = "images"


@dataclass(frozen=True)
class SavedImage:
    """What a file of `save_image` holds."""

    name: str
    """File name of the image."""
    state: ImageState
    mark: ImageMark
    """Of the image that was clicked."""


def save_json(content: Any, path: Path) -> None:
    """Replace a file so that after a power cut it is whole, old or new."""
    with replacing(path) as temporary:
        with temporary.open("w", encoding="utf-8") as stream:
            json.dump(content, stream, separators=(",", ":"))
            stream.flush()
            os.fsync(stream.fileno())
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read_json(path: Path) -> Any:
    """Read a file of a project.

    Raises:
        InputError: it is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} is damaged ({in_words(error)}): move it away to continue without it."
        ) from error


def save_image(saved: SavedImage, path: Path) -> None:
    """Save the clicks on an image."""
    state, mark = saved.state, saved.mark
    content = {
        "version": VERSION,
        "image": saved.name,
        "size": mark.size,
        "content": mark.content,
        "revision": state.revision,
        "objects": [one.plain() for one in state.objects.values()],
        "background": state.background,
    }
    save_json(content, path)


def read_image_file(path: Path) -> SavedImage:
    """Read a file of `save_image`.

    Raises:
        InputError: it is damaged, or of a later version.
    """
    content = read_json(path)
    with reading(path, then="move it away to go on without it."):
        if content["version"] > VERSION:
            raise InputError(f"{path} was written by a later version: install that one.")
        objects = [ClickedObject.from_plain(form) for form in content["objects"]]
        background = tuple((float(x), float(y)) for x, y in content.get("background") or ())
        state = ImageState({one.id: one for one in objects}, int(content["revision"]), background)
        size, told = content.get("size"), content.get("content")
        mark = ImageMark(
            None if size is None else (int(size[0]), int(size[1])), None if not told else str(told)
        )
        return SavedImage(str(content["image"]), state, mark)


def lock_folder(folder: Path) -> IO[str]:
    """Lock the project against other servers, until the process ends.

    Raises:
        InputError: another server has it open.
    """
    stream = (folder / LOCK).open("a+")
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        stream.close()
        raise InputError(
            f"{folder} is open in another pointsam on this machine: use that page, stop that "
            "server, or name another --project."
        ) from error
    return stream
