"""Boxes of label files, one file an image, read as one click in the middle of each.

YOLO's (also as Roboflow, Ultralytics, Label Studio and CVAT export them), DOTA's corners, and the
ground truth of NWPU VHR-10.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from pointsam.data.clicks.asked import Asked
from pointsam.data.clicks.class_names import ClassList, ClassLists, is_name_file
from pointsam.data.clicks.content import Content
from pointsam.data.clicks.gather import Click, gather
from pointsam.data.clicks.pictures import Pictures
from pointsam.data.clicks.yolo_lines import BOX_FIELDS, middle_of, reaches_off, says_poses
from pointsam.data.rasters.images import ENDINGS
from pointsam.data.records import Dataset
from pointsam.errors import InputError
from pointsam.frames import to_middles
from pointsam.texts import decoded, read_text

NWPU_CLASSES = (
    "airplane", "ship", "storage_tank", "baseball_diamond", "tennis_court", "basketball_court",
    "ground_track_field", "harbor", "bridge", "vehicle",
)  # fmt: skip
"""Numbered from 1, as the masks of the data set name them.

Source: the data set's own note on its file format.
"""

_DOTA_HEAD = re.compile(r"(imagesource|gsd|acquisition dates)\s*:.*", re.IGNORECASE)
"""Lines before DOTA's boxes."""

_NWPU_LINE = re.compile(
    r"\(\s*(\d+)\s*,\s*(\d+)\s*\)\s*,\s*\(\s*(\d+)\s*,\s*(\d+)\s*\)\s*,\s*(\d+)"
)
_NOT_LABELS = re.compile(r"(train|val|valid|test|trainval|readme.*|notes|labels)", re.IGNORECASE)
"""Names of text files beside label files that hold paths or notes, if they hold no boxes."""

_LABEL_FOLDER = re.compile(r"labels|labelTxt[\w.-]*|annfiles|obj_\w+_data", re.IGNORECASE)
"""Folders that tools put label files in, beside those of the images: Ultralytics and Roboflow; the
releases of DOTA (``labelTxt-v1.5``); mmrotate, where it cuts DOTA's images; CVAT."""

Reader = Callable[[str, str, str, tuple[int, int], Path], Click]
"""Takes image, place for messages, line, size (height, width) and label file."""


def label_files(content: Content) -> list[Path]:
    """List the label files of a folder, class names, lists of paths and notes left out."""
    if not content.is_folder:
        return [content.path]
    return [
        path
        for path in content.files(".txt")
        if not is_name_file(path) and not (_NOT_LABELS.fullmatch(path.stem) and not _boxes_in(path))
    ]


def _boxes_in(path: Path) -> bool:
    """Say whether a file with the name of a list or a note begins with a box."""
    lines = decoded(path.read_bytes(), errors="replace").splitlines()
    line = next((line.strip() for line in lines if line.strip()), "")
    fields = line.split()[: BOX_FIELDS[0]]
    box = len(fields) == BOX_FIELDS[0] and _numbers(fields)
    return box or line.startswith("(") or bool(_DOTA_HEAD.fullmatch(line))


def first_line(content: Content) -> str:
    """Give the first line that tells the form of the boxes; empty where there is none."""
    for path in label_files(content):
        with path.open(encoding="utf-8-sig", errors="replace") as stream:
            for line in stream:
                if _is_box(line) and not _of_path(line):
                    return line.strip()
    return ""


def _is_box(line: str) -> bool:
    return bool(line.strip()) and not _DOTA_HEAD.fullmatch(line.strip())


def _of_path(line: str) -> bool:
    """Say whether a line is the path of an image, as in lists of a data set's parts."""
    return Path(line.strip()).suffix.lower() in ENDINGS


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
    return _dota_class(fields) is not None and not _numbers(fields[8:9])


def holds_yolo(content: Content) -> bool:
    """Say whether a folder holds label files; a file must begin with numbers."""
    if content.is_folder:
        return _is_text(content)
    fields = first_line(content).split() if _is_text(content) else []
    return len(fields) >= BOX_FIELDS[0] and _numbers(fields)


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
    """Read YOLO's boxes, upright or by four corners; notes say which list names the classes."""
    lists = ClassLists(content.path if content.is_folder else content.path.parent)

    poses = cache(says_poses)  # each list is read once
    off: list[str] = []

    def click(image: str, place: str, line: str, size: tuple[int, int], file: Path) -> Click:
        classes = lists.of(file)
        told = classes.path if classes is not None and poses(classes.path) else None
        found = _yolo_click(image, place, line, size, classes, told)
        if reaches_off(line.split(), size):
            off.append(place)
        return found

    def notes() -> Iterator[str]:  # known once all lines are read
        yield from lists.notes
        if off:
            yield (
                f"{off[0]}: the box reaches off its image, and so do {len(off) - 1} others: is "
                "each line class, x and y of the middle, width, height, in this order?"
            )

    return _read(content, asked, click, notes=notes())


def _read(content: Content, asked: Asked, reader: Reader, *, notes: Iterable[str] = ()) -> Dataset:
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
        try:
            name = _picture_of(file, root, pictures)
        except FileNotFoundError:
            if _is_list(file):
                continue
            raise
        if name is None:
            continue
        other = owners.setdefault(name, file)
        if other != file:
            raise InputError(f"{other} and {file} are both of {name}: keep one of them.")
        sizes[name] = pictures.size(name)
        clicks += [reader(name, place, line, sizes[name], file) for place, line in _lines(file)]
    return gather(clicks, sizes, negative=asked.negative, notes=tuple(notes))


def _is_list(file: Path) -> bool:
    """Say whether a text file holds paths of images, as ``train2017.txt`` does."""
    lines = [line for line in read_text(file).splitlines() if line.strip()]
    return bool(lines) and all(map(_of_path, lines))


def _picture_of(file: Path, root: Path, pictures: Pictures) -> str | None:
    """Find the image of a label file: in the same sub-folder, or in ``images`` for ``labels``."""
    own = file.relative_to(root).with_suffix("")
    inside = [part for part in own.parts if not _LABEL_FOLDER.fullmatch(part)]
    folders = ["images" if _LABEL_FOLDER.fullmatch(part) else part for part in own.parts]
    beside = [part for part, last in pairwise([*folders, ""]) if (part, last) != ("images",) * 2]
    for stem in dict.fromkeys(Path(*parts).as_posix() for parts in (beside, inside)):
        if stem != own.as_posix():
            with suppress(FileNotFoundError):
                return pictures.with_stem(file, stem)
    return pictures.with_stem(file, own.as_posix())


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        if _is_box(line):
            yield f"{file}: line {number}", line.strip()


def _nwpu_click(image: str, place: str, line: str, size: tuple[int, int], file: Path) -> Click:
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


def _dota_click(image: str, place: str, line: str, size: tuple[int, int], file: Path) -> Click:
    fields = line.split()
    category = _dota_class(fields)
    if category is None:
        raise InputError(f"{place} is not eight numbers, a class and a difficulty: {line!r}.")
    x, y = np.array([float(field) for field in fields[:8]]).reshape(4, 2).mean(axis=0).tolist()
    return Click(image, to_middles(x), to_middles(y), category=category, place=place)


def _dota_class(fields: list[str]) -> str | None:
    """Give the class of a line of DOTA, which may be of several words; None where it has none.

    Source: X-AnyLabeling, ``custom_to_dota``, which writes the label as it is.
    """
    words = fields[8:-1] if len(fields) > 9 and _numbers(fields[-1:]) else fields[8:]
    if not words or not _numbers(fields[:8]) or (len(words) > 1 and _numbers(words[:1])):
        return None
    return " ".join(words)


def _yolo_click(
    image: str,
    place: str,
    line: str,
    size: tuple[int, int],
    classes: ClassList | None,
    poses: Path | None,
) -> Click:
    values = line.split()
    if not _numbers(values):
        raise InputError(f"{place} is not numbers: {line!r}.")
    x, y = middle_of(values, place, size, poses)
    height, width = size
    kind = int(float(values[0]))
    return Click(
        image,
        to_middles(x * width),
        to_middles(y * height),
        category=classes.name(kind, place) if classes else f"class {kind}",
        place=place,
    )
