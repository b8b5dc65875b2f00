"""The table of click formats, which are recognised by content.

A new format is a reader and its row in `FORMATS`; every command then reads it.
"""

import hashlib
from dataclasses import replace
from pathlib import Path

from pointsam.data.clicks.asked import Asked, ClickFormat
from pointsam.data.clicks.boxes import (
    holds_dota,
    holds_nwpu,
    holds_yolo,
    read_dota,
    read_nwpu,
    read_yolo,
)
from pointsam.data.clicks.content import Content
from pointsam.data.clicks.cvat import holds_cvat, read_cvat
from pointsam.data.clicks.keypoints import holds_keypoints, read_keypoints, read_point_file
from pointsam.data.clicks.label_studio import holds_label_studio, read_label_studio
from pointsam.data.clicks.labelme import holds_labelme, read_labelme
from pointsam.data.clicks.pictures import Picture, Pictures
from pointsam.data.clicks.supervisely import holds_supervisely, read_supervisely
from pointsam.data.clicks.table_files import holds_table
from pointsam.data.clicks.tables import read_table, table_on_map
from pointsam.data.clicks.twice import told_twice
from pointsam.data.clicks.values import BACKGROUND
from pointsam.data.clicks.vector_points import ENDINGS, holds_vector, read_vector
from pointsam.data.clicks.via import holds_via, read_via
from pointsam.data.coco.schema import OnFault, refuse
from pointsam.data.records import Dataset, ImageRecord
from pointsam.errors import InputError, reading
from pointsam.files import sha256_of

VECTOR = ClickFormat(
    "GeoPackage, Shapefile or another vector file of points",
    holds_vector,
    read_vector,
    on_map=lambda content: True,
)
POINT_FILE = ClickFormat(
    "a point file (.json)", lambda content: isinstance(content.json, dict), read_point_file
)
FORMATS = (  # the first that holds is read
    ClickFormat("GeoJSON", lambda content: content.is_geojson, read_vector,
                on_map=lambda content: True),
    ClickFormat("LabelMe (.json, or a folder of them)", holds_labelme, read_labelme),
    ClickFormat("Label Studio (JSON or JSON-MIN)", holds_label_studio, read_label_studio),
    ClickFormat("VGG Image Annotator (.json, .csv)", holds_via, read_via),
    ClickFormat("Supervisely (folder of .json)", holds_supervisely, read_supervisely),
    ClickFormat("COCO key points (.json)", holds_keypoints, read_keypoints),
    POINT_FILE,
    VECTOR,
    ClickFormat("CVAT for images or video (.xml)", holds_cvat, read_cvat),
    ClickFormat("CSV", holds_table, read_table, on_map=table_on_map),
    ClickFormat("NWPU VHR-10's boxes (folder of .txt)", holds_nwpu, read_nwpu),
    ClickFormat("DOTA's boxes (folder of .txt)", holds_dota, read_dota),
    ClickFormat("YOLO's boxes (folder of .txt)", holds_yolo, read_yolo),
)  # fmt: skip

FORMS = ", ".join(row.name for row in FORMATS)
"""What can be read."""


class ClickFile:
    """A file or folder of clicks; its format is recognised once, and it is parsed once."""

    def __init__(self, path: Path, *, negative: str = BACKGROUND, layer: str | None = None) -> None:
        """Look at what the file holds.

        Args:
            path: file, or folder of the forms that are folders.
            negative: class of clicks off the objects, for clicks without a label.
            layer: of a vector file that has several.

        Raises:
            FileNotFoundError: there is nothing at `path`.
            InputError: none of `FORMS`, or a layer of a file that has none.
        """
        self.path = path
        self._content = Content(path)
        self._asked = Asked(negative=negative, layer=layer)
        with reading(path):
            self.format = _form_of(self._content)
        if layer is not None and self.format.read is not read_vector:
            raise InputError(f"--layer {layer}: {path} has no layers; leave it out here.")
        self.notes: list[str] = []
        """Notes on clicks on scenes for the user, one line each."""
        self.dropped: list[str] = []
        """Clicks on scenes that were left out, one line each."""
        self.broken: set[str] = set()
        """Images that were skipped, as the clicks name them."""

    def content_hash(self) -> str:
        """Name the clicks by all that decides them: the file, its parts, and how it is read."""
        unsettled = self.path.with_name(f"{self.path.name}-wal")  # of a GeoPackage that is open
        parts = [self.path, *([unsettled] if unsettled.is_file() else [])]
        if self.path.suffix.lower() == ".shp":  # classes and labels lie in a file beside it
            parts = sorted(path for path in self.path.parent.glob("*") if path.is_file()
                           and path.stem == self.path.stem)  # fmt: skip
        told = [sha256_of(part) for part in parts]
        told += [self._asked.negative, str(self._asked.layer)]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()

    @property
    def on_map(self) -> bool:
        """Whether the clicks are places on a map, not on named images."""
        with reading(self.path):
            return self.format.on_map(self._content)

    def read(
        self,
        images: Path | None = None,
        *,
        on_fault: OnFault = refuse,
        skip_broken: bool = False,
    ) -> Dataset:
        """Read the clicks.

        Args:
            images: their folder, or one image; needed where the form does not hold sizes.
            on_fault: called with each fault of a point file; without it the first one is raised.
            skip_broken: leave clicks on missing or damaged images out, and say so.

        Raises:
            FileNotFoundError: an image is missing.
            InputError: damaged, or `images` is needed.
        """
        return self._read(Pictures.at(images, skip_broken=skip_broken), on_fault)

    def on_scene(self, path: Path, picture: Picture) -> ImageRecord | None:
        """Read the clicks on one scene; those of a map that lie beside it are kept.

        None where the clicks are of other images, by name.

        Args:
            path: of the scene.
            picture: what is known of it.

        Raises:
            InputError: damaged.
        """
        data = self._read(Pictures.of(path, picture), refuse)
        self.notes += data.notes
        self.dropped += data.dropped
        return data.images[0] if data.images else None

    def _read(self, pictures: Pictures, on_fault: OnFault) -> Dataset:
        asked = replace(self._asked, pictures=pictures, on_fault=on_fault)
        with reading(self.path, what=self.format.name):
            data = self.format.read(self._content, asked)
        twice = (f"{self.path}: {line}" for image in data.images for line in told_twice(image))
        broken = pictures.broken or {}
        self.broken |= {*broken}
        notes = (*pictures.notes, *data.notes, *twice)
        return replace(data, dropped=(*data.dropped, *broken.values()), notes=notes)


def _form_of(content: Content) -> ClickFormat:
    """Recognise a file by content; if that fails, its ending decides the error message."""
    found = next((row for row in FORMATS if row.holds(content)), None)
    if found is not None:
        return found
    path = content.path
    if content.is_folder:
        raise InputError(f"{path} is a folder that holds no clicks: give {FORMS}.")
    if path.suffix.lower() == ".json":
        return POINT_FILE
    if path.suffix.lower() in ENDINGS:
        return VECTOR
    raise InputError(f"{path} is in no form that is known: give {FORMS}.")


def read_clicks(
    path: Path,
    *,
    images: Path | None = None,
    negative: str = BACKGROUND,
    layer: str | None = None,
) -> Dataset:
    """Read points from any of `FORMS`, as `ClickFile` does.

    Raises:
        FileNotFoundError: there is nothing at `path`, or an image is missing.
        InputError: none of the forms, or damaged, or `images` is needed.
    """
    return ClickFile(path, negative=negative, layer=layer).read(images)
