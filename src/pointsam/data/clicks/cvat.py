"""Clicks from CVAT: its XML for images and for video, version 1.1."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.etree import ElementTree

from pointsam.data.clicks.asked import Asked, stated_size
from pointsam.data.clicks.columns import not_read
from pointsam.data.clicks.content import Content
from pointsam.data.clicks.cvat_names import FOR_IMAGES, Names
from pointsam.data.clicks.gather import Click, gather
from pointsam.data.clicks.groups import without_own_groups
from pointsam.data.clicks.told import Told
from pointsam.data.clicks.values import is_background, is_label, label_of, text_of
from pointsam.data.records import Dataset
from pointsam.errors import InputError, in_words
from pointsam.frames import to_middles

XML_NAME = "annotations.xml"
"""Name of the file in an unpacked export."""

INSTANCE, LABEL = "instance", "label"
"""Attributes, in any case of letters: the first joins the clicks of one object, the second says by
1 and 0 whether a click is on its object."""

NO_GROUP = "0"
"""CVAT's number of what is in no group."""

OTHERS = ("box", "polygon", "polyline", "mask", "ellipse", "cuboid")
"""Shapes that are no clicks."""


@dataclass(frozen=True)
class _Found:
    """What was read of a file so far."""

    path: Path
    asked: Asked
    names: Names
    frames: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    """Height and width, as stated, of each image or frame of a video, by its path."""
    clicks: list[Click] = field(default_factory=list)
    named: set[tuple[str, str]] = field(default_factory=set)
    """Images and names of the objects that the user named, where CVAT's structure names others."""
    unread: dict[str, None] = field(default_factory=dict)
    """Attributes that say nothing here."""

    def add_points(
        self, shape: ElementTree.Element, category: str, image: str, own: str | None, place: str
    ) -> None:
        """Take the points of a shape; those that are outside their frame are none."""
        if _is_outside(shape):
            return
        owner = self.owner(shape, image) or own
        given = _attributes(shape).get(LABEL) or ""
        label = label_of(given, place) if is_label(given) else None
        for pair in shape.attrib["points"].split(";"):
            x, y = map(float, pair.split(","))
            self.clicks.append(
                Click(image, to_middles(x), to_middles(y), label, category, owner, place)
            )

    def add_skeleton(
        self, skeleton: ElementTree.Element, label: str, image: str, own: str, place: str
    ) -> None:
        """Take the points of a skeleton: on an object of its class, or off it by their label."""
        if _is_outside(skeleton):
            return
        group = self.owner(skeleton, image) or own
        for shape in skeleton.findall("points"):
            name = shape.attrib.get("label", label)
            category = name if is_background(name, self.asked.negative) else label
            self.add_points(shape, category, image, group, place)

    def owner(self, shape: ElementTree.Element, image: str) -> str | None:
        """Give the user's name of an object, or else CVAT's group."""
        attributes = _attributes(shape)
        read = {INSTANCE, LABEL} if is_label(attributes.get(LABEL) or "") else {INSTANCE}
        self.unread.update(dict.fromkeys(name for name in attributes if name not in read))
        name = text_of(attributes.get(INSTANCE))
        if name:
            self.named.add((image, name))
            return name
        return _group_of(shape)


def _attributes(shape: ElementTree.Element) -> dict[str, str | None]:
    """Give the attributes of a shape by name, in small letters."""
    return {a.attrib["name"].lower(): text_of(a.text) for a in shape.findall("attribute")}


def _group_of(element: ElementTree.Element) -> str | None:
    """Give CVAT's group of a shape or track; None where it is in none."""
    group = text_of(element.attrib.get("group_id"))
    return None if group == NO_GROUP else group


def _is_outside(shape: ElementTree.Element) -> bool:
    return shape.attrib.get("outside") == "1"


def _is_seen(shape: ElementTree.Element) -> bool:
    """Say whether a shape, or a point of a skeleton, is in its frame."""
    parts = shape.findall("points") if shape.tag == "skeleton" else [shape]
    return not _is_outside(shape) and not all(map(_is_outside, parts))


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
    found = _found_in(root, path, asked)
    clicks = without_own_groups(found.clicks, asked.negative, named=found.named)
    told = {name: Told.of_path(name) for name in found.frames}
    known = asked.pictures.named(told.values())
    renamed = {name: known[one.link] for name, one in told.items() if one.link in known}
    sizes = {
        own: stated_size(asked, own, found.frames[name], f"{path}: image {name}")
        for name, own in renamed.items()
    }
    kept = [
        replace(click, image=renamed[click.image]) for click in clicks if click.image in renamed
    ]
    others = sum(1 for kind in OTHERS for _ in root.iter(kind))
    dropped = [f"{path}: {others} shapes that are no points"] if others else []
    notes = not_read(path, found.unread, what="attributes")
    return gather(kept, sizes, negative=asked.negative, dropped=dropped, notes=notes)


def _found_in(root: ElementTree.Element, path: Path, asked: Asked) -> _Found:
    """Read all images and frames of a file.

    Raises:
        InputError: not as CVAT writes it, or without a frame that has a click.
    """
    try:
        found = _Found(path, asked, Names.of(path, asked.pictures, root.iter("image")))
        for image in root.iter("image"):
            _add_image(image, found)
        _add_tracks(root, found)
    except (KeyError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is not as CVAT writes it ({in_words(error)}).") from error
    if not found.frames and root.find("track") is not None:
        raise InputError(f"{path} holds no clicks: no track has a point that is in its frame.")
    if not found.frames:
        raise InputError(f"{path} has no images: export as '{FOR_IMAGES}'.")
    return found


def _add_image(image: ElementTree.Element, found: _Found) -> None:
    name = found.names.of_image(image.attrib["name"], image.attrib.get("subset"))
    place = f"{found.path}: image {name}"
    if name in found.frames:
        raise InputError(f"{place} is in the file twice, from two tasks: export them one by one.")
    found.frames[name] = (image.attrib["height"], image.attrib["width"])
    for number, skeleton in enumerate(image.findall("skeleton")):
        found.add_skeleton(skeleton, skeleton.attrib["label"], name, f"skeleton {number}", place)
    for shape in image.findall("points"):
        found.add_points(shape, shape.attrib["label"], name, None, place)


def _add_tracks(root: ElementTree.Element, found: _Found) -> None:
    """Read the tracks of a video, whose frames are all in the file.

    Source: CVAT, cvat/apps/dataset_manager/formats/cvat.py, function dump_as_cvat_interpolation: a
        single shape is written as a track of its own, with its group on the track, and ended by
        a shape outside the next frame.
    """
    tracks = root.findall("track")
    if not tracks:
        return
    if len(root.findall("meta/project/tasks/task")) > 1:
        raise InputError(f"{found.path} holds tracks of several tasks: export them one by one.")
    size = root.find(".//original_size")
    stated = (None, None) if size is None else (size.findtext("height"), size.findtext("width"))
    for track in tracks:
        number, label = track.attrib["id"], track.attrib["label"]
        place, own = f"{found.path}: track {number}", _group_of(track) or f"track {number}"
        for shape in [*track.findall("points"), *track.findall("skeleton")]:
            frame = int(shape.attrib["frame"])
            if not _is_seen(shape):
                continue
            name = found.names.of_frame(frame, track.attrib.get("subset"))
            found.frames.setdefault(name, stated)
            if shape.tag == "skeleton":
                found.add_skeleton(shape, label, name, own, place)
            else:
                found.add_points(shape, label, name, own, place)
