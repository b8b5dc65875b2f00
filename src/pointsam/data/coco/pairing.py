"""Checks points and masks that were paired by their ids."""

import numpy as np

from pointsam.data.coco.masks import covers
from pointsam.data.records import Dataset
from pointsam.frames import nearest_pixel
from pointsam.prompts import POSITIVE


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
