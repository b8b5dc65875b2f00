"""Checks points and masks, and masks and masks, that are paired by their ids."""

from collections.abc import Mapping

import numpy as np

from pointsam.data.coco.masks import covers, iou_with
from pointsam.data.records import Dataset, ImageRecord
from pointsam.errors import InputError
from pointsam.frames import nearest_pixel
from pointsam.prompts import POSITIVE

MET = 0.5
"""IoU from which on a mask is taken to be of an object."""


def off_their_masks(dataset: Dataset) -> tuple[int, int]:
    """Count the positive points that lie off the mask of their own instance, and all of them."""
    off = whole = 0
    for image in dataset.images:
        for instance in image.instances:
            points = np.array([(x, y) for x, y, label in instance.points if label == POSITIVE])
            if instance.segmentation is not None and len(points):
                on = covers(instance.segmentation, image.size, nearest_pixel(points))
                off, whole = off + int((~on).sum()), whole + len(points)
    return off, whole


def note_of_clicks_off(dataset: Dataset) -> list[str]:
    """Give a note about the positive points that lie off the mask of their own id, if any do."""
    off, whole = off_their_masks(dataset)
    if not off:
        return []
    share = 100 * off / whole
    return [
        f"{off} of {whole} positive points ({share:.1f} %) lie off the mask of their own id: "
        "are points and masks of one data set?"
    ]


def refuse_masks_of_others(dataset: Dataset, *, file: str) -> None:
    """Refuse masks that most clicks lie off, before they are learned.

    Raises:
        InputError: half of the positive points or more lie off the mask of their own id.
    """
    off, whole = off_their_masks(dataset)
    if whole and 2 * off >= whole:
        raise InputError(
            f"{file}: {off} of {whole} positive points lie off the mask of their own id: the masks "
            "are of other objects, or under ids that were given anew. Give masks under the ids of "
            "these points."
        )


def given_masks(
    truth: Dataset, given: Dataset, *, file: str
) -> tuple[dict[int, ImageRecord], list[str]]:
    """Pair masks of a file with annotated ones, by image name and by id.

    Args:
        truth: annotated masks.
        given: masks of a file, from any method.
        file: its name, for messages.

    Returns:
        The given images by the id of the annotated one, and notes: masks without a partner, and
        annotations without one.

    Raises:
        InputError: masks of one image of two sizes, no mask has a partner, though both have
            masks, or no mask is of use.
    """
    by_name = {image.file_name: image for image in given.images}
    paired = {i.id: by_name[i.file_name] for i in truth.images if i.file_name in by_name}
    for image in truth.images:
        if image.instances and image.id in paired:
            refuse_other_size(paired[image.id], image)
    wanted = [(i.file_name, one.id) for i in truth.images for one in i.instances]
    have = [(i.file_name, one.id) for i in given.images for one in i.instances]
    meeting = set(wanted) & set(have)
    if wanted and have and not meeting:
        raise InputError(
            f"none of the {len(have)} masks of {file} has the image and the id of an annotation: "
            f"its first is id {have[0][1]} of {have[0][0]}, the first annotation id "
            f"{wanted[0][1]} of {wanted[0][0]}. Give masks under the annotations' own ids."
        )
    if wanted and not have and given.dropped:
        raise InputError(f"{file} has no usable mask: {given.dropped[0]}.")
    notes = []
    if len(have) > len(meeting):
        notes.append(f"{len(have) - len(meeting)} of {len(have)} masks have no annotation of their "
                     "image and id, and are not scored")  # fmt: skip
    if len(wanted) > len(meeting):
        notes.append(f"{len(wanted) - len(meeting)} of {len(wanted)} annotations have no mask of "
                     "their image and id, and score 0")  # fmt: skip
    swapped = _nearer_to_others(truth, paired)
    if 2 * swapped > len(meeting):
        notes.append(f"{swapped} of {len(meeting)} annotations are met by a mask under another "
                     "id, not by that of their own: are these the annotations' ids?")  # fmt: skip
    return paired, [f"{file}: {line}" for line in notes]


def _nearer_to_others(truth: Dataset, paired: Mapping[int, ImageRecord]) -> int:
    """Count the masks that a mask of another id meets, and that of their own id does not."""
    found = 0
    for image in truth.images:
        masks = paired[image.id].instances if image.id in paired else ()
        own = [(i.id, i.segmentation) for i in image.instances if i.segmentation is not None]
        others = [(i.id, i.segmentation) for i in masks if i.segmentation is not None]
        shapes = [shape for _, shape in own], [shape for _, shape in others]
        for (one, _), iou in zip(own, iou_with(*shapes, image.size), strict=True):
            met = {others[place][0] for place in np.flatnonzero(iou >= MET).tolist()}
            found += bool(met) and one not in met
    return found


def refuse_other_size(given: ImageRecord, record: ImageRecord) -> None:
    """Refuse masks that are of another size than the image; drawn unscaled, they would lie off.

    Raises:
        InputError: it names the image and both sizes.
    """
    if given.size != record.size:
        raise InputError(
            f"the masks of {record.file_name} are of an image of {list(given.size)} px (height, "
            f"width), but it has {list(record.size)} px: give masks of this version of the image."
        )
