"""Finds the files of CVAT's images: in folders of subsets, and frames of a video by their number.

Source: CVAT, cvat/apps/dataset_manager/formats/cvat.py, functions dump_media_files (a frame of a
video is named without its ending, and the file has one) and _export_project (``images/<subset>``).
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from pointsam.data.clicks.pictures import Pictures
from pointsam.data.clicks.stems import Stems, same_stem
from pointsam.data.rasters.images import ENDINGS, find_image

FOR_IMAGES = "CVAT for images 1.1"
"""CVAT's name of the format that names its images."""

_FRAME = re.compile(r"frame_\d{6,}")
"""CVAT's name of a frame of a video."""

_FRAME_ENDING = ".PNG"
"""Of the files that CVAT makes of frames."""


@dataclass(frozen=True)
class Names:
    """The names of one export's images, as paths below the images folder."""

    path: Path
    """The export, for messages."""
    pictures: Pictures
    shared: frozenset[str]
    """Names that images of several subsets have."""
    _stems: Stems = field(default_factory=Stems, repr=False)

    @classmethod
    def of(cls, path: Path, pictures: Pictures, images: Iterable[ElementTree.Element]) -> "Names":
        """Look at the names of all images of an export."""
        pairs = {(image.attrib["name"], image.attrib.get("subset")) for image in images}
        uses = Counter(name for name, _ in pairs)
        return cls(path, pictures, frozenset(name for name, times in uses.items() if times > 1))

    def of_image(self, name: str, subset: str | None) -> str:
        """Give the path of an image, which may lie in a folder of its subset.

        A name without an ending is that of a file with one.

        Raises:
            InputError: there are several such files, and one would have to be guessed.
        """
        if PurePosixPath(name).suffix.lower() not in ENDINGS and not self._is_there(name):
            found = self._with_ending(name, subset)
            if found is not None:
                return found
        below = _below(name, subset)
        if name in self.shared:
            return below
        if self.pictures.folder is None:
            return name
        if not self._is_there(name):
            return below  # its ends are tried, too, and the name alone is one of them
        if below != name and self._is_there(below):
            folder = self.pictures.folder
            self.pictures.notes.append(
                f"{self.path}: image {name} is taken for {folder / name}; {folder / below} is "
                "there, too"
            )
        return name

    def of_frame(self, number: int, subset: str | None) -> str:
        """Give the path of a frame of a video.

        Raises:
            FileNotFoundError: there is no such frame.
            InputError: there are several, and one would have to be guessed.
        """
        stem = f"frame_{number:06d}"
        found = self._with_ending(stem, subset)
        if found is not None:
            return found
        if self.pictures.folder is None:
            return f"{stem}{_FRAME_ENDING}"
        try:
            return self.pictures.with_stem(self.path, stem) or stem
        except FileNotFoundError as error:
            # "CVAT for video 1.1" of a task of images numbers them, too, and drops their names.
            raise FileNotFoundError(
                f"{error} Of a task of images, export as '{FOR_IMAGES}', which keeps their names."
            ) from error

    def _with_ending(self, stem: str, subset: str | None) -> str | None:
        """Find the file whose name without ending is given; None where there is none."""
        below = _below(stem, subset)
        folder = self.pictures.folder
        if folder is not None:
            tried = [below] if stem in self.shared else [stem, below]
            there = (one for one in tried if self._named(folder / one))
            one = next(there, None)
            return one and same_stem(folder, one, file=self.path, stems=self._stems)
        own = below if stem in self.shared else stem
        if self.pictures.only is not None:
            suffix = self.pictures.only.suffix
            return f"{own}{suffix}" if self.pictures.with_stem(self.path, own) else None
        return f"{own}{_FRAME_ENDING}" if _FRAME.fullmatch(PurePosixPath(stem).name) else None

    def _named(self, path: Path) -> list[str]:
        """List the files beside a path that are called as it is, with an ending."""
        return self._stems.named(path.parent, path.name)

    def _is_there(self, name: str) -> bool:
        folder = self.pictures.folder
        return folder is not None and find_image(folder, name) is not None


def _below(name: str, subset: str | None) -> str:
    """Put a name into the folder of a subset, if there is one."""
    return f"{subset}/{name}" if subset else name
