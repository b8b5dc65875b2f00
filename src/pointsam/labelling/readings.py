"""What each answer about whole or part would give, class by class, for the user to look at."""

from pathlib import Path

import numpy as np
from jaxtyping import Int

from pointsam.data.dataset import ImageSource
from pointsam.figures import save_picture, side_by_side, stack
from pointsam.labelling.label_frame import to_image_frame
from pointsam.labelling.labels import Labelling
from pointsam.labelling.output import draw_object

READINGS_NAME = "readings.png"
EXAMPLES = 3
"""Objects of a class that are shown."""
_PANEL = 240
"""Side of a panel, in pixels."""


def draw_readings(labelling: Labelling, images: ImageSource, path: Path) -> dict[str, int]:
    """Draw some objects of each class as ``smaller``, as chosen and as ``larger``.

    Those are shown on which the two answers differ, from little to much.

    Args:
        labelling: a choice.
        images: gives the pixels.
        path: of the PNG; not written where the answers differ on no object.

    Returns:
        The number of objects that the answers differ on, by class.
    """
    picks = (
        labelling.read_as("smaller").picked,
        labelling.choice.picked,
        labelling.read_as("larger").picked,
    )
    rows = np.arange(len(picks[1]))
    areas = labelling.evidence.area
    gain = areas[rows, picks[2]] / np.maximum(areas[rows, picks[0]], 1)
    owners = [(place, i) for place, one in enumerate(labelling.records) for i in one.instances]
    counts: dict[str, int] = {}
    drawn = []
    for name in sorted({one.category for _, one in owners}):
        of_class = np.array([one.category == name for _, one in owners])
        differ = np.flatnonzero(of_class & (picks[0] != picks[2]))
        counts[name] = len(differ)
        differ = differ[gain[differ].argsort(kind="stable")]
        places = np.linspace(0, len(differ) - 1, min(EXAMPLES, len(differ))).round().astype(int)
        panels = [
            p for one in differ[places].tolist() for p in _panels(labelling, one, picks, images)
        ]
        drawn += [side_by_side(panels)] if panels else []
    if drawn:
        save_picture(stack(drawn), path)
    return counts


def _panels(
    labelling: Labelling,
    index: int,
    picks: tuple[Int[np.ndarray, " objects"], ...],
    images: ImageSource,
) -> list[np.ndarray]:
    """Draw one object under each answer."""
    place = int(labelling.groups.image[index])
    record = labelling.records[place]
    own = np.flatnonzero(labelling.groups.image == place)
    at = int(np.flatnonzero(own == index)[0])
    found = labelling.candidates(record).masks(at)
    masks = [to_image_frame(found[int(picked[index])], record.size) for picked in picks]
    around = np.any(masks, axis=0)
    instance, image = record.instances[at], images(record)
    titles = ("smaller", f"{instance.category} {instance.id}: chosen", "larger")
    return [
        draw_object(image, instance, mask, around=around, title=title, side=_PANEL)
        for mask, title in zip(masks, titles, strict=True)
    ]
