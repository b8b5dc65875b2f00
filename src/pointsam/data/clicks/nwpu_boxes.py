"""The ground truth of NWPU VHR-10 as first published: boxes in text files, read as clicks."""

import re
from pathlib import Path

from pointsam.data.clicks.gather import Click, gather
from pointsam.data.rasters.images import image_size, list_images
from pointsam.data.records import Dataset
from pointsam.errors import InputError
from pointsam.files import list_files, read_text
from pointsam.prompts import POSITIVE

CLASSES = (
    "airplane", "ship", "storage_tank", "baseball_diamond", "tennis_court", "basketball_court",
    "ground_track_field", "harbor", "bridge", "vehicle",
)  # fmt: skip
"""Numbered from 1, as the masks of the data set name them.

Source: the data set's own note on its file format.
"""

_LINE = re.compile(r"\(\s*(\d+)\s*,\s*(\d+)\s*\)\s*,\s*\(\s*(\d+)\s*,\s*(\d+)\s*\)\s*,\s*(\d+)")


def holds_nwpu_boxes(folder: Path) -> bool:
    """Say whether the first line of text in a folder is a box of this form."""
    for path in list_files(folder, (".txt",)):
        with path.open(encoding="utf-8", errors="replace") as stream:
            line = next((line for line in stream if line.strip()), "")
        if line:
            return line.lstrip().startswith("(")
    return False


def read_nwpu_boxes(folder: Path, images: Path) -> Dataset:
    """Read ``(x1,y1),(x2,y2),class`` a line: each a box, and a positive point in its middle.

    Args:
        folder: of the ``.txt`` files, named as their images.
        images: folder of the images.

    Raises:
        InputError: lines that are no boxes, a class that is not known, or no image of a file's
            name; names file and line.
    """
    pictures = {picture.stem: picture for picture in list_images(images)}
    sizes, clicks = {}, []
    for file in list_files(folder, (".txt",)):
        if file.stem not in pictures:
            raise InputError(f"{file} has no image {file.stem}.* in {images}.")
        picture = pictures[file.stem]
        sizes[picture.name] = image_size(picture)
        for number, line in enumerate(read_text(file).splitlines(), start=1):
            if line.strip():
                place = f"{file}: line {number}"
                clicks.append(_middle(picture.name, place, line.strip()))
    return gather(clicks, sizes)


def _middle(image: str, place: str, line: str) -> Click:
    found = _LINE.match(line)
    if found is None:
        raise InputError(f"{place} is {line!r}, expected (x1,y1),(x2,y2),class.")
    x0, y0, x1, y1, kind = map(int, found.groups())
    if not 1 <= kind <= len(CLASSES):
        raise InputError(f"{place} has class {kind}, known are 1 to {len(CLASSES)}.")
    if not (x0 < x1 and y0 < y1):
        raise InputError(f"{place} is {line!r}: a box goes from its upper left to its lower right.")
    box = (float(x0), float(y0), float(x1), float(y1))
    middle = (x0 + x1) / 2, (y0 + y1) / 2
    return Click(image, *middle, POSITIVE, CLASSES[kind - 1], box=box, place=place)
