"""Clicks from CVAT: its XML for images and for video, version 1.1."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree import ElementTree

from pointsam.data.clicks.asked import Asked, stated_size
from pointsam.data.clicks.content import Content
from pointsam.data.clicks.gather import Click, gather
from pointsam.data.clicks.groups import without_own_groups
from pointsam.data.clicks.pictures import Pictures
from pointsam.data.clicks.told import Told
from pointsam.data.clicks.values import is_background, text_of
from pointsam.data.records import Dataset
from pointsam.errors import InputError, in_words
from pointsam.frames import to_middles

XML_NAME = "annotations.xml"
"""Name of the file in an unpacked export."""

INSTANCE = "instance"
"""Attribute, in any case of letters, that joins the clicks of one object."""

NO_GROUP = "0"
"""CVAT's number of what is in no group."""

FOR_IMAGES = "CVAT for images 1.1"
"""CVAT's name of the format that names its images."""

OTHERS = ("box", "polygon", "polyline", "mask", "ellipse", "cuboid")
"""Shapes that are no clicks."""


@dataclass(frozen=True)
class _Frame:
    """One image, or one frame of a video."""

    name: str
    size: tuple[str | None, str | None]
    """Height and width as stated."""


@dataclass(frozen=True)
class _Found:
    """What was read of a file so far."""

    path: Path
    asked: Asked
    frames: dict[str, _Frame] = field(default_factory=dict)
    clicks: list[Click] = field(default_factory=list)
    named: set[tuple[str, str]] = field(default_factory=set)
    """Images and names of the objects that the user named, where CVAT's structure names others."""

    def add_points(
        self, shape: ElementTree.Element, category: str, image: str, own: str | None, place: str
    ) -> None:
        """Take the points of a shape; those that are outside their frame are none."""
        if shape.attrib.get("outside") == "1":
            return
        owner = self.owner(shape, image) or own
        for pair in shape.attrib["points"].split(";"):
            x, y = map(float, pair.split(","))
            self.clicks.append(
                Click(image, to_middles(x), to_middles(y), None, category, owner, place)
            )

    def add_skeleton(
        self, skeleton: ElementTree.Element, label: str, image: str, own: str, place: str
    ) -> None:
        """Take the points of a skeleton: on an object of its class, or off it by their label."""
        if skeleton.attrib.get("outside") == "1":
            return
        group = self.owner(skeleton, image) or own
        for shape in skeleton.findall("points"):
            name = shape.attrib.get("label", label)
            category = name if is_background(name, self.asked.negative) else label
            self.add_points(shape, category, image, group, place)

    def owner(self, shape: ElementTree.Element, image: str) -> str | None:
        """Give the user's name of an object, or else CVAT's group."""
        attributes = {a.attrib["name"].lower(): a.text for a in shape.findall("attribute")}
        name = text_of(attributes.get(INSTANCE))
        if name:
            self.named.add((image, name))
            return name
        group = text_of(shape.attrib.get("group_id"))
        return None if group == NO_GROUP else group


def xml_of(content: Content) -> Path | None:
    """Give the file of an export, which may be a folder that was unpacked."""
    if not content.is_folder:
        return content.path if content.looks_like_xml else None
    inner = content.path / XML_NAME
    return inner if inner.is_file() else None


def holds_cvat(content: Content) -> bool:
    """Say whether a file is XML, or a folder holds CVAT's."""
    return xml_of(content) is not None


def read_cvat(content: Content, asked: Asked) -> Dataset:
    """Read "CVAT for images 1.1" and "CVAT for video 1.1": points, skeletons and tracks of them.

    An attribute ``instance``, or else the skeleton, the track or CVAT's own group, joins the
    clicks of one object. Points that are outside their frame are no clicks.

    Raises:
        FileNotFoundError: an image is missing.
        InputError: not such a file.
    """
    path = xml_of(content)
    assert path is not None
    try:
        root = ElementTree.fromstring(path.read_bytes())
    except ElementTree.ParseError as error:
        raise InputError(f"{path} is not XML ({error}).") from error
    found = _Found(path, asked)
    try:
        for image in root.iter("image"):
            _add_image(image, found)
        _add_tracks(root, found)
    except (KeyError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is not as CVAT writes it ({in_words(error)}).") from error
    if not found.frames:
        raise InputError(f"{path} has no images: export as '{FOR_IMAGES}'.")
    clicks = without_own_groups(found.clicks, asked.negative, named=found.named)
    told = {name: Told.of_path(name) for name in found.frames}
    names = asked.pictures.named(told.values())
    renamed = {name: names[one.link] for name, one in told.items() if one.link in names}
    sizes = {
        own: stated_size(asked, own, found.frames[name].size, f"{path}: image {name}")
        for name, own in renamed.items()
    }
    kept = [
        replace(click, image=renamed[click.image]) for click in clicks if click.image in renamed
    ]
    others = sum(1 for kind in OTHERS for _ in root.iter(kind))
    dropped = [f"{path}: {others} shapes that are no points"] if others else []
    return gather(kept, sizes, negative=asked.negative, dropped=dropped)


def _add_image(image: ElementTree.Element, found: _Found) -> None:
    name, place = image.attrib["name"], f"{found.path}: image {image.attrib['name']}"
    if name in found.frames:
        raise InputError(
            f"{place} is in the file twice, from two tasks or subsets: export them one by one."
        )
    found.frames[name] = _Frame(name, (image.attrib["height"], image.attrib["width"]))
    for number, skeleton in enumerate(image.findall("skeleton")):
        found.add_skeleton(skeleton, skeleton.attrib["label"], name, f"skeleton {number}", place)
    for shape in image.findall("points"):
        found.add_points(shape, shape.attrib["label"], name, None, place)


def _add_tracks(root: ElementTree.Element, found: _Found) -> None:
    """Read the tracks of a video, whose frames are all in the file."""
    tracks = root.findall("track")
    if not tracks:
        return
    if len(root.findall("meta/project/tasks/task")) > 1:
        raise InputError(f"{found.path} holds tracks of several tasks: export them one by one.")
    size = root.find(".//original_size")
    stated = (None, None) if size is None else (size.findtext("height"), size.findtext("width"))
    for track in tracks:
        place, own = f"{found.path}: track {track.attrib['id']}", f"track {track.attrib['id']}"
        label = track.attrib["label"]
        for shape in [*track.findall("points"), *track.findall("skeleton")]:
            name = _frame_name(int(shape.attrib["frame"]), found.path, found.asked.pictures)
            found.frames.setdefault(name, _Frame(name, stated))
            if shape.tag == "skeleton":
                found.add_skeleton(shape, label, name, own, place)
            else:
                found.add_points(shape, label, name, own, place)


def _frame_name(number: int, path: Path, pictures: Pictures) -> str:
    """Name a frame of a video as CVAT's own export of its images does.

    Raises:
        FileNotFoundError: there is no such frame.
    """
    stem = f"frame_{number:06d}"
    if pictures.folder is None:
        return f"{stem}.PNG"
    try:
        return pictures.with_stem(path, stem) or stem
    except FileNotFoundError as error:
        # "CVAT for video 1.1" of a task of images numbers them, too, and drops their names.
        raise FileNotFoundError(
            f"{error} Of a task of images, export as '{FOR_IMAGES}', which keeps their names."
        ) from error
