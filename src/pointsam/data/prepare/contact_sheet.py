"""Draws some images of a data set with their masks and points on one sheet."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from pointsam.data.coco.masks import rasterise
from pointsam.data.dataset import read_image_of
from pointsam.data.records import ImageRecord
from pointsam.figures import draw_panel, side_by_side, stack
from pointsam.prompts import Prompts

COLUMNS, ROWS = 4, 5
_PANEL = 360
"""Longer side of a panel, in pixels."""


def draw_sheet(records: Sequence[ImageRecord], folder: Path) -> UInt8[np.ndarray, "_ _ 3"]:
    """Draw up to twenty images, evenly from first to last, with masks and points.

    Args:
        records: at least one.
        folder: that the file names are in.

    Raises:
        FileNotFoundError: an image is missing.
        InputError: an image cannot be read.
    """
    count = min(len(records), COLUMNS * ROWS)
    chosen = [records[int(i)] for i in np.linspace(0, len(records) - 1, count)]
    panels = [_panel(record, folder) for record in chosen]
    rows = [panels[start : start + COLUMNS] for start in range(0, count, COLUMNS)]
    return stack([side_by_side(row) for row in rows])


def _panel(record: ImageRecord, folder: Path) -> UInt8[np.ndarray, "_ _ 3"]:
    masks = np.zeros((len(record.instances), *record.size), dtype=bool)
    for mask, instance in zip(masks, record.instances, strict=True):
        if instance.segmentation is not None:
            mask[:] = rasterise(instance.segmentation, record.size)
    prompts = Prompts.from_rows([instance.points for instance in record.instances])
    drawn = draw_panel(
        read_image_of(record, folder),
        masks=masks,
        points=prompts.points.numpy(),
        labels=prompts.labels.numpy(),
        title=record.file_name,
    )
    scale = _PANEL / max(drawn.shape[:2])
    size = (max(1, round(drawn.shape[1] * scale)), max(1, round(drawn.shape[0] * scale)))
    return np.asarray(Image.fromarray(drawn).resize(size, Image.Resampling.BOX))
