"""One image before and after adaptation: its masks side by side, and the gain in IoU."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, UInt8

from pointsam.data.dataset import draw_masks, read_image_of
from pointsam.data.rasters.georeference import pixel_metres, read_georeference
from pointsam.data.rasters.scene import georeferenced
from pointsam.data.records import ImageRecord
from pointsam.figures import LONGEST_SIDE, draw_panel, side_by_side, stack
from pointsam.masks import count_pixels
from pointsam.prediction.predictor import Predictor
from pointsam.prompts import Prompts

Masks = Bool[np.ndarray, "instances height width"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """The masks of one image by the direct and by the adapted model."""

    record: ImageRecord
    image: UInt8[np.ndarray, "height width 3"]
    truth: Masks | None
    """None where nothing is annotated."""
    direct: Masks
    adapted: Masks | None
    """None without an adapter."""
    metres_per_pixel: float | None
    """None where the image has no place on a map."""
    given: Masks | None = None
    """Masks from a file, as labels are; None where there are none."""

    @property
    def direct_iou(self) -> float | None:
        """Mean IoU of the direct masks; None without truth."""
        return _mean_iou(self.direct, self.truth)

    @property
    def adapted_iou(self) -> float | None:
        """Mean IoU of the adapted masks; None without truth or adapter."""
        return None if self.adapted is None else _mean_iou(self.adapted, self.truth)

    @property
    def given_iou(self) -> float | None:
        """Mean IoU of the masks from a file; None without them or without truth."""
        return None if self.given is None else _mean_iou(self.given, self.truth)

    @property
    def gain(self) -> float:
        """Adapted minus direct mean IoU.

        Raises:
            ValueError: there is no truth or no adapter.
        """
        if self.direct_iou is None or self.adapted_iou is None:
            raise ValueError("a gain needs annotated masks and an adapter.")
        return self.adapted_iou - self.direct_iou


def compare(
    predictor: Predictor, record: ImageRecord, folder: Path, *, given: ImageRecord | None = None
) -> Comparison:
    """Segment one image with and without the adapter.

    Args:
        predictor: without an adapter it gives direct masks alone.
        record: with points, and masks where there are any.
        folder: that the file name is in.
        given: the same instances in the same order with masks from a file.

    Raises:
        FileNotFoundError: the image is missing.
        InputError: it cannot be read.
    """
    image = read_image_of(record, folder)
    prompts = _prompts(record)
    points, labels = prompts.points.clamp(min=0).numpy(), prompts.labels.numpy()
    with predictor.direct() if predictor.adapter else nullcontext():
        direct = predictor.predict(image, points, labels).masks
    adapted = predictor.predict(image, points, labels).masks if predictor.adapter else None
    annotated = all(i.segmentation is not None for i in record.instances)
    return Comparison(
        record=record,
        image=image,
        truth=draw_masks([record])[0].numpy() if annotated else None,
        direct=direct,
        adapted=adapted,
        metres_per_pixel=metres_per_pixel(folder / record.file_name),
        given=None if given is None else draw_masks([given])[0].numpy(),
    )


def draw_comparison(comparison: Comparison) -> UInt8[np.ndarray, "_ _ 3"]:
    """Draw the panels: image with points, ground truth, direct, masks from a file, adapted."""
    prompts = _prompts(comparison.record)
    # Panels are small, so masks of a large image are not drawn at its full size.
    step = max(1, max(comparison.record.size) // LONGEST_SIDE)
    image = comparison.image[::step, ::step]
    points, labels = prompts.points.numpy() / step, prompts.labels.numpy()
    metres = comparison.metres_per_pixel and comparison.metres_per_pixel * step
    first = draw_panel(
        image,
        points=points,
        labels=labels,
        title=comparison.record.file_name,
        metres_per_pixel=metres,
    )
    rest = [
        ("ground truth", comparison.truth, None),
        ("direct", comparison.direct, comparison.direct_iou),
        ("labels", comparison.given, comparison.given_iou),
        ("adapted", comparison.adapted, comparison.adapted_iou),
    ]
    panels = [
        draw_panel(
            image,
            masks=masks[:, ::step, ::step],
            points=points,
            labels=labels,
            title=title if iou is None else f"{title}: IoU {100 * iou:.1f} %",
        )
        for title, masks, iou in rest
        if masks is not None
    ]
    return side_by_side([first, *panels])


def draw_sheet(comparisons: Sequence[Comparison]) -> UInt8[np.ndarray, "_ _ 3"]:
    """Draw several comparisons under each other."""
    return stack([draw_comparison(comparison) for comparison in comparisons])


def telling(gains: Sequence[float], *, each: int) -> list[int]:
    """Choose the images with the highest, the middle and the lowest gain, in that order.

    Args:
        gains: of all images.
        each: number of images of each kind; a small set gives fewer, since none comes twice.
    """
    order = sorted(range(len(gains)), key=lambda index: (-gains[index], index))
    middle = max(0, (len(order) - each) // 2)
    chosen = order[:each] + order[middle : middle + each] + order[-each:]
    return list(dict.fromkeys(chosen))


def metres_per_pixel(path: Path) -> float | None:
    """Measure the side of an image's middle pixel on the ground; None without a place on a map."""
    georeference = read_georeference(path) if georeferenced(path) else None
    if georeference is None:
        return None
    return pixel_metres(georeference.transform, georeference.size, georeference.crs)


def _prompts(record: ImageRecord) -> Prompts:
    """Give the points of an image, background clicks in every row, in the image frame."""
    background = [(x, y, 0) for x, y in record.background_points]
    return Prompts.from_rows([[*i.points, *background] for i in record.instances])


def _mean_iou(masks: Masks, truth: Masks | None) -> float | None:
    if truth is None or not len(truth):
        return None
    counts = count_pixels(torch.from_numpy(masks), torch.from_numpy(truth))
    return float(counts.iou.mean())
