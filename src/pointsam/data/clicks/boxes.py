"""Boxes of label files, one file an image, read as one click in the middle of each.

YOLO's (also as Roboflow, Ultralytics, Label Studio and CVAT export them), DOTA's corners, and the
ground truth of NWPU VHR-10.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from pointsam.data.clicks.asked import Asked
from pointsam.data.clicks.class_names import NAME_FILES, class_names
from pointsam.data.clicks.content import Content
from pointsam.data.clicks.gather import Click, gather
from pointsam.data.clicks.pictures import Pictures
from pointsam.data.records import Dataset
from pointsam.errors import InputError
from pointsam.files import read_text
from pointsam.frames import to_middles

NWPU_CLASSES = (
    "airplane", "ship", "storage_tank", "baseball_diamond", "tennis_court", "basketball_court",
    "ground_track_field", "harbor", "bridge", "vehicle",
)  # fmt: skip
"""Numbered from 1, as the masks of the data set name them.

Source: the data set's own note on its file format.
"""

DOTA_HEADS = ("imagesource:", "gsd:")
"""First words of the lines before DOTA's boxes."""

_NWPU_LINE = re.compile(
    r"\(\s*(\d+)\s*,\s*(\d+)\s*\)\s*,\s*\(\s*(\d+)\s*,\s*(\d+)\s*\)\s*,\s*(\d+)"
)
_NOT_LABELS = re.compile(r"(train|val|valid|test|trainval|readme.*|notes|labels)", re.IGNORECASE)
"""Names of text files that lie beside label files and hold paths or notes."""

_LABEL_FOLDER = re.compile(r"labels|labelTxt|obj_\w+_data")
"""Folders that tools put label files in, beside those of the images."""

MIN_FIELDS = 5
"""Of YOLO's lines: class, x, y, width, height."""

Reader = Callable[[str, str, str, tuple[int, int]], Click]
"""Takes image, place for messages, line and size (height, width)."""


def label_files(content: Content) -> list[Path]:
    """List the label files of a folder, class names and lists of paths left out."""
    if not content.is_folder:
        return [content.path]
    return [
        path
        for path in content.files(".txt")
        if path.name.lower() not in NAME_FILES and not _NOT_LABELS.fullmatch(path.stem)
    ]


def first_line(content: Content) -> str:
    """Give the first line that tells the form of the boxes; empty where there is none."""
    for path in label_files(content):
        with path.open(encoding="utf-8-sig", errors="replace") as stream:
            for line in stream:
                if line.strip() and not line.startswith(DOTA_HEADS):
                    return line.strip()
    return ""


def _is_text(content: Content) -> bool:
    if content.is_folder:
        return bool(label_files(content))
    return content.path.suffix.lower() == ".txt" and bool(content.text)


def holds_nwpu(content: Content) -> bool:
    """Say whether the first line of a folder's text is ``(x1,y1),(x2,y2),class``."""
    return _is_text(content) and first_line(content).startswith("(")


def holds_dota(content: Content) -> bool:
    """Say whether the first line of a folder's text is eight numbers and a class."""
    fields = first_line(content).split() if _is_text(content) else []
    return len(fields) in (9, 10) and _numbers(fields[:8]) and not _numbers(fields[8:9])


def holds_yolo(content: Content) -> bool:
    """Say whether a folder holds label files; a file must begin with numbers."""
    if content.is_folder:
        return _is_text(content)
    fields = first_line(content).split() if _is_text(content) else []
    return len(fields) > MIN_FIELDS - 1 and _numbers(fields)


def _numbers(fields: list[str]) -> bool:
    try:
        return bool([float(field) for field in fields])
    except ValueError:
        return False


def read_nwpu(content: Content, asked: Asked) -> Dataset:
    """Read ``(x1,y1),(x2,y2),class`` a line: each a box, and a positive point in its middle."""
    return _read(content, asked, _nwpu_click)


def read_dota(content: Content, asked: Asked) -> Dataset:
    """Read four corners and a class a line: a click in their middle."""
    return _read(content, asked, _dota_click)


def read_yolo(content: Content, asked: Asked) -> Dataset:
    """Read YOLO's boxes; a note says so if no class names are found beside the label files."""
    names = class_names(content.path)
    unnamed = (
        f"{content.path}: no class names were found (classes.txt, obj.names, data.yaml): classes "
        "are called by their numbers"
    )

    def click(image: str, place: str, line: str, size: tuple[int, int]) -> Click:
        return _yolo_click(image, place, line, size, names)

    return _read(content, asked, click, notes=[] if names else [unnamed])


def _read(
    content: Content, asked: Asked, reader: Reader, *, notes: list[str] | None = None
) -> Dataset:
    """Read label files named as their images.

    Raises:
        FileNotFoundError: no image of a file's name.
        InputError: lines that are no boxes, or two images of a file's name; names file and line.
    """
    pictures = asked.needed(content)
    root = content.path if content.is_folder else content.path.parent
    sizes: dict[str, tuple[int, int]] = {}
    clicks: list[Click] = []
    owners: dict[str, Path] = {}
    for file in label_files(content):
        name = _picture_of(file, root, pictures)
        if name is None:
            continue
        other = owners.setdefault(name, file)
        if other != file:
            raise InputError(f"{other} and {file} are both of {name}: keep one of them.")
        sizes[name] = pictures.size(name)
        clicks += [reader(name, place, line, sizes[name]) for place, line in _lines(file)]
    return gather(clicks, sizes, negative=asked.negative, notes=notes or ())


def _picture_of(file: Path, root: Path, pictures: Pictures) -> str | None:
    """Find the image of a label file: in the same sub-folder, or in ``images`` for ``labels``."""
    own = file.relative_to(root).with_suffix("")
    beside = Path(*("images" if part == "labels" else part for part in own.parts))
    inside = Path(*(part for part in own.parts if not _LABEL_FOLDER.fullmatch(part)))
    for stem in dict.fromkeys(path.as_posix() for path in (beside, inside)):
        if stem != own.as_posix():
            with suppress(FileNotFoundError):
                return pictures.with_stem(file, stem)
    return pictures.with_stem(file, own.as_posix())


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        if line.strip() and not line.startswith(DOTA_HEADS):
            yield f"{file}: line {number}", line.strip()


def _nwpu_click(image: str, place: str, line: str, size: tuple[int, int]) -> Click:
    found = _NWPU_LINE.match(line)
    if found is None:
        raise InputError(f"{place} is {line!r}, expected (x1,y1),(x2,y2),class.")
    x0, y0, x1, y1, kind = map(int, found.groups())
    if not 1 <= kind <= len(NWPU_CLASSES):
        raise InputError(f"{place} has class {kind}, known are 1 to {len(NWPU_CLASSES)}.")
    if not (x0 < x1 and y0 < y1):
        raise InputError(f"{place} is {line!r}: a box goes from its upper left to its lower right.")
    box = (float(x0), float(y0), float(x1), float(y1))
    middle = (x0 + x1) / 2, (y0 + y1) / 2
    return Click(image, *middle, category=NWPU_CLASSES[kind - 1], box=box, place=place)


def _dota_click(image: str, place: str, line: str, size: tuple[int, int]) -> Click:
    fields = line.split()
    if len(fields) not in (9, 10) or not _numbers(fields[:8]):
        raise InputError(f"{place} is not eight numbers, a class and a difficulty: {line!r}.")
    x, y = np.array([float(field) for field in fields[:8]]).reshape(4, 2).mean(axis=0).tolist()
    return Click(image, to_middles(x), to_middles(y), category=fields[8], place=place)


def _yolo_click(
    image: str, place: str, line: str, size: tuple[int, int], names: Mapping[int, str]
) -> Click:
    values = line.split()
    try:
        numbers = [float(value) for value in values]
    except ValueError as error:
        raise InputError(f"{place} is not numbers: {line!r}.") from error
    if len(numbers) not in (5, 6) or not numbers[0].is_integer() or numbers[0] < 0:
        raise InputError(
            f"{place} has {len(values)} values, expected a box: class, x, y, width, height."
        )
    height, width = size
    kind = int(numbers[0])
    return Click(
        image,
        to_middles(numbers[1] * width),
        to_middles(numbers[2] * height),
        category=names.get(kind, f"class {kind}"),
        place=place,
    )
