"""Reports the content of a data set and all its faults, by file and id."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from os.path import realpath
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8

from pointsam.data.clicks.formats import ClickFile
from pointsam.data.clicks.transparent import without_transparent
from pointsam.data.coco.annotations import of_other_size, read_coco
from pointsam.data.coco.masks import count_drawn, overlapping, rasterise
from pointsam.data.dataset import read_image_of
from pointsam.data.prepare.duplicates import BITS, near_pairs, near_pairs_within, perceptual_hash
from pointsam.data.rasters.doubts import doubts_of_pages
from pointsam.data.rasters.images import image_path, list_images
from pointsam.data.records import Dataset, ImageRecord
from pointsam.errors import InputError
from pointsam.frames import nearest_pixel
from pointsam.prompts import POSITIVE

TWICE = 0.8
"""IoU above which two masks of an image look like one object annotated twice."""

Picture = UInt8[np.ndarray, "_ _ 3"]
"""RGB."""

Looks = tuple[list[str], Bool[np.ndarray, "_ bits"]]
"""Names and perceptual hashes of images."""


@dataclass
class Report:
    """Lines to print, filled while checking."""

    facts: list[str] = field(default_factory=list)
    """Counts of the data set's content."""
    notes: list[str] = field(default_factory=list)
    """Odd entries that do no harm, since they are dropped or not used."""
    faults: list[str] = field(default_factory=list)
    """Faults that end training or evaluation."""


def check_annotations(path: Path, report: Report) -> Dataset | None:
    """Check a file of masks; give its sound part."""
    try:
        data = read_coco(path, on_fault=report.faults.append)
    except InputError as error:
        report.faults.append(str(error))
        return None
    report.notes.extend(data.dropped)
    report.facts.extend(_facts(path, data))
    areas = [
        count_drawn(instance.segmentation, image.size)
        for image in data.images
        for instance in image.instances
        if instance.segmentation is not None
    ]
    if areas:
        low, middle, high = np.percentile(areas, [0, 50, 100]).round().astype(int)
        report.facts.append(f"areas: {low} to {high} px, median {middle} px")
    for image in data.images:
        report.notes.extend(f"{path}: {line}" for line in _twice(image))
    return data


def check_points(
    clicks: ClickFile, masks: Dataset | None, report: Report, *, images: Path | None
) -> Dataset | None:
    """Check a file of clicks, and that it fits the masks; give its sound part.

    Args:
        clicks: of any form.
        masks: of the same images.
        report: is filled.
        images: their folder, or the one image whose clicks are checked.
    """
    path = clicks.path
    try:
        data = clicks.read(images, on_fault=report.faults.append)
    except (InputError, FileNotFoundError) as error:
        report.faults.append(str(error))
        return None
    report.notes.extend((*data.dropped, *data.notes))
    report.facts.extend((*_facts(path, data), *_kinds(data)))
    if images is not None:
        report.notes.extend(_unseen(data, images.parent if images.is_file() else images))
    if masks is not None:
        _compare(path, masks, data, report)
    return data


def check_picture(clicks: ClickFile, path: Path, report: Report) -> None:
    """Check the clicks on one image, and the image.

    Args:
        clicks: a file of clicks in pixels; those on other images are not looked at.
        path: of the image, which is read as a whole.
        report: is filled.
    """
    data = check_points(clicks, None, report, images=path)
    if data is not None and not data.images:
        report.faults.append(f"{clicks.path} has no points for an image named {path.name}.")
    for record in data.images if data is not None else ():
        try:
            read_image_of(record, path.parent)
        except (InputError, FileNotFoundError) as error:
            report.faults.append(str(error))
    report.notes.extend(doubts_of_pages([path]))


def _unseen(data: Dataset, folder: Path) -> Iterator[str]:
    """Name the objects that are clicked where their image is transparent."""
    for record in data.images:
        with suppress(InputError, OSError):  # a fault that `check_images` tells
            yield from without_transparent(record, folder)[1]


def check_images(data: Dataset, folder: Path, report: Report) -> Iterator[Picture | None]:
    """Read every image, one a step; a damaged or wrongly sized image is a fault.

    Yields:
        Each image; None for one that is at fault.
    """
    sound = []
    for record in data.images:
        try:
            picture = read_image_of(record, folder)
        except (InputError, FileNotFoundError) as error:
            report.faults.append(str(error))
            yield None
        else:
            sound.append(image_path(folder, record.file_name))
            yield picture
    report.notes.extend(doubts_of_pages(sound))
    # Not Path.resolve, which ends in an error where a link points to itself.
    named = {realpath(folder / record.file_name) for record in data.images}
    unused = [path.name for path in list_images(folder) if realpath(path) not in named]
    if unused:
        report.notes.append(
            f"{folder}: {len(unused)} images have no annotations, the first is {unused[0]}"
        )


def check_likeness(looks: Looks, others: Looks | None, report: Report) -> None:
    """Note images that show the same thing, within a data set and across two."""
    names, hashes = looks
    for first, second in near_pairs_within(hashes).tolist():
        report.notes.append(f"{names[first]} and {names[second]} show the same thing")
    if others is not None:
        for first, second in near_pairs(hashes, others[1]).tolist():
            report.notes.append(f"{names[first]} and, across, {others[0][second]} show the same")


def looks_of(data: Dataset, pictures: Iterable[Picture | None]) -> Looks:
    """Hash the images that can be read."""
    pairs = zip(data.images, pictures, strict=True)
    seen = [(record.file_name, perceptual_hash(p)) for record, p in pairs if p is not None]
    hashes = np.array([look for _, look in seen], dtype=bool).reshape(len(seen), BITS)
    return [name for name, _ in seen], hashes


def _facts(path: Path, data: Dataset) -> Iterator[str]:
    empty = sum(not image.instances for image in data.images)
    yield (
        f"{path}: {len(data.images)} images ({empty} without instances), "
        f"{data.instance_count} instances"
    )
    if data.images:
        heights, widths = zip(*(image.size for image in data.images), strict=True)
        yield (
            f"sizes: {min(heights)} x {min(widths)} to {max(heights)} x {max(widths)} px "
            "(height x width)"
        )
    yield _classes(data)


def click_facts(data: Dataset) -> Iterator[str]:
    """Count the objects of each class, the points on and off them, and background clicks."""
    yield _classes(data)
    yield from _kinds(data)


def _classes(data: Dataset) -> str:
    counts = Counter(i.category for image in data.images for i in image.instances)
    return "categories: " + ", ".join(f"{name} {counts[name]}" for name in data.categories)


def _kinds(data: Dataset) -> Iterator[str]:
    kinds = Counter(
        (sum(p[2] == POSITIVE for p in i.points), sum(p[2] != POSITIVE for p in i.points))
        for image in data.images
        for i in image.instances
    )
    for (positives, negatives), count in sorted(kinds.items()):
        yield f"points: {positives} on and {negatives} off the object: {count} instances"
    background = sum(len(image.background_points) for image in data.images)
    if background:
        yield f"background points, of no instance: {background}"


def _twice(image: ImageRecord) -> Iterator[str]:
    """Name instances whose masks are nearly one."""
    segmentations = [i.segmentation for i in image.instances if i.segmentation is not None]
    for first, second, iou in overlapping(segmentations, image.size, above=TWICE):
        yield (
            f"instances {image.instances[first].id} and {image.instances[second].id} of "
            f"{image.file_name} are nearly one, IoU {iou:.2f}"
        )


def _compare(path: Path, masks: Dataset, points: Dataset, report: Report) -> None:
    """Check that masks and points belong together, and which points miss their mask."""
    clicked = {i.id: (image, i) for image in points.images for i in image.instances}
    missing: list[str] = []
    off: list[str] = []
    inside: list[str] = []
    for image in masks.images:
        for instance in image.instances:
            home, click = clicked.pop(instance.id, (None, None))
            if home is None or click is None or home.file_name != image.file_name:
                missing.append(f"{path}: instance {instance.id} of {image.file_name} has no points")
                continue
            assert instance.segmentation is not None
            mask = rasterise(instance.segmentation, image.size)
            for x, y, label in click.points:
                row, col = np.clip(nearest_pixel(np.array([y, x])), 0, np.array(mask.shape) - 1)
                if mask[row, col] != (label == POSITIVE):
                    (off if label == POSITIVE else inside).append(f"{instance.id} at ({x}, {y})")
    report.faults.extend(missing)
    report.faults.extend(f"{path}: {line}" for line in of_other_size(masks, points))
    for what, found in (("positive points lie off", off), ("negative points lie on", inside)):
        if found:
            report.notes.append(
                f"{path}: {len(found)} {what} their mask, the first of instance {found[0]}"
            )
    if clicked:
        report.notes.append(
            f"{path}: {len(clicked)} instances have points and no mask, the first is "
            f"{next(iter(clicked))}"
        )
