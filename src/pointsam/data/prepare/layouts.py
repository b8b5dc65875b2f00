"""The file trees of NWPU VHR-10, WHU Building and HRSID.

The trees are those of the README of PointSAM's repository, with the spellings under which the
data sets and their copies are found. Upper and lower case need not agree.
"""

from dataclasses import dataclass
from pathlib import Path

from pointsam.errors import InputError


@dataclass(frozen=True)
class Layout:
    """Paths of one data set below its root, the usual one first; ``{split}`` is filled in."""

    title: str
    splits: tuple[str, ...]
    images: tuple[str, ...]
    annotations: tuple[str, ...]
    hint: str
    """Where the annotations come from."""


LAYOUTS = {
    "nwpu": Layout(
        title="NWPU VHR-10",
        splits=("train", "val"),
        images=("Images", "positive image set"),
        annotations=(
            "Annotations/NWPU_instances_{split}.json",
            "Annotations/NWPU_instnaces_{split}.json",
        ),
        hint="masks: github.com/chaozhong2010/VHR-10_dataset_coco, split by PointSAM's repository",
    ),
    "whu": Layout(
        title="WHU Building",
        splits=("train", "val", "test"),
        images=("images/{split}/image",),
        annotations=("annotations/WHU_building_{split}.json",),
        hint="made from the label rasters by 'pointsam data convert whu ROOT'",
    ),
    "hrsid": Layout(
        title="HRSID",
        splits=("all_train", "all_test", "inshore_train", "inshore_test", "offshore_train",
                "offshore_test"),
        images=("Images", "JPEGImages"),
        annotations=(
            "Annotations/{part}/{split}.json",
            "Annotations/{part}/{half}.json",
            "Annotations/{part}/{half}2017.json",
            "Annotations/{split}.json",
            "Annotations/{half}2017.json",
        ),
        hint="github.com/chaozhong2010/HRSID; the parts come with PointSAM's repository",
    ),
}  # fmt: skip
"""A row a data set."""


@dataclass(frozen=True)
class DatasetPaths:
    """The files of one split."""

    images: Path
    """Folder that the file names are in."""
    annotations: Path
    """COCO file."""


@dataclass(frozen=True)
class Place:
    """A file or folder that a data set should have, and the one that was found."""

    what: str
    """``images`` or ``annotations``."""
    split: str
    found: Path | None
    looked_for: tuple[Path, ...]


def layout(name: str, root: Path, split: str) -> DatasetPaths:
    """Find the files of one split of a known data set.

    Args:
        name: a row of `LAYOUTS`.
        root: folder of the data set.
        split: one of the row's.

    Raises:
        InputError: no such data set or split.
        FileNotFoundError: images or annotations are not there; says what was looked for.
    """
    row = _row(name)
    if split not in row.splits:
        raise InputError(f"{row.title} has no split {split!r}, it has {', '.join(row.splits)}.")
    images, annotations = find(name, root, split)
    for place in (images, annotations):
        if place.found is None:
            looked_for = ", ".join(str(path) for path in place.looked_for)
            raise FileNotFoundError(
                f"no {place.what} of {row.title} {split}: looked for {looked_for} ({row.hint})."
            )
    assert images.found is not None
    assert annotations.found is not None
    return DatasetPaths(images.found, annotations.found)


def find(name: str, root: Path, split: str) -> tuple[Place, Place]:
    """Look for images and annotations of one split; what is missing is None."""
    row = _row(name)
    part, _, half = split.rpartition("_")
    names = {"split": split, "part": part, "half": half}
    return (
        _look(root, "images", split, [place.format_map(names) for place in row.images]),
        _look(root, "annotations", split, [place.format_map(names) for place in row.annotations]),
    )


def find_all(name: str, root: Path) -> list[Place]:
    """Look for the files of every split.

    Raises:
        InputError: no such data set.
        FileNotFoundError: `root` is no folder.
    """
    row = _row(name)
    if not root.is_dir():
        raise FileNotFoundError(f"no folder {root}: give the folder of {row.title}.")
    return [place for split in row.splits for place in find(name, root, split)]


def _row(name: str) -> Layout:
    if name not in LAYOUTS:
        raise InputError(f"no data set {name!r} is known, only {', '.join(LAYOUTS)}.")
    return LAYOUTS[name]


def _look(root: Path, what: str, split: str, candidates: list[str]) -> Place:
    looked_for = tuple(root / candidate for candidate in candidates)
    found = (_resolve(root, Path(candidate).parts) for candidate in candidates)
    return Place(what, split, next((path for path in found if path is not None), None), looked_for)


def _resolve(root: Path, parts: tuple[str, ...]) -> Path | None:
    """Follow names that may differ in case; an exact name wins."""
    path = root
    for part in parts:
        if not path.is_dir():
            return None
        exact = path / part
        if exact.exists():
            path = exact
            continue
        alike = sorted(p for p in path.iterdir() if p.name.lower() == part.lower())
        if not alike:
            return None
        path = alike[0]
    return path
