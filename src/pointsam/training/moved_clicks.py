"""Clicks that training makes: anywhere on a label, and off all of them.

The student learns the same mask from any click of an object, and none where no object is.
"""

import torch
from jaxtyping import Bool
from torch import Tensor
from torch.nn import functional as F

from pointsam.frames import LOW_RES_STRIDE, ModelFrame, to_middles
from pointsam.prompts import NEGATIVE, PADDING, POSITIVE, Prompts

COUNTS = (0.7, 0.85)
"""A draw below the first value gives one click, below the second two, else three."""
WITH_NEGATIVES = 0.7
"""Share of the objects whose new clicks include the background."""

BACKGROUND_CLICKS = 4
"""Of a view that is clicked off all objects."""
_CLEAR = 2
"""Low-res pixels between a label's border and what is surely off it."""

_Row = list[tuple[float, float, int]]


def move_clicks(
    prompts: Prompts,
    masks: Bool[Tensor, "instances rows cols"],
    frame: ModelFrame,
    *,
    share: float,
    generator: torch.Generator,
) -> Prompts:
    """Replace the clicks of some objects by one to three on the label, and some off it.

    Args:
        prompts: the annotator's, in the model frame.
        masks: the labels, in the low-res frame.
        frame: of the image.
        share: of the objects that get new clicks; the others keep the annotator's.
        generator: of the draws; every object takes the same number of them.
    """
    rows: list[_Row] = []
    for points, labels, mask in zip(prompts.points, prompts.labels, masks, strict=True):
        chance, count, off, *places = torch.rand(12, generator=generator).tolist()
        cells = mask.nonzero()
        if chance >= share or not len(cells):
            kept = labels != PADDING
            pairs = zip(points[kept].tolist(), labels[kept].tolist(), strict=True)
            rows.append([(x, y, label) for (x, y), label in pairs])
            continue
        number = 1 + sum(count >= bound for bound in COUNTS)
        row = [_on(cells, place, frame) for place in places[:number]]
        if off < WITH_NEGATIVES:
            drawn = zip(places[3 : 3 + number], places[6 : 6 + number], strict=True)
            row += _off(mask, list(drawn), frame)
        rows.append(row)
    return Prompts.from_rows(rows)


def background_clicks(
    masks: Bool[Tensor, "instances rows cols"], frame: ModelFrame, *, generator: torch.Generator
) -> Prompts | None:
    """Click the image off all labels, one positive click a prompt.

    Args:
        masks: of all objects of the image, in the low-res frame.
        frame: of the image.
        generator: of the draws.

    Returns:
        None where no place is clear of the labels.
    """
    taken = masks.any(dim=0)[None, None].float()
    taken = F.max_pool2d(taken, 2 * _CLEAR + 1, stride=1, padding=_CLEAR)[0, 0] > 0
    free = (~taken & frame.low_res_valid()).nonzero()
    if not len(free):
        return None
    drawn = torch.randint(len(free), (BACKGROUND_CLICKS,), generator=generator)
    return Prompts.from_rows(
        [[(*_middle(row, col, frame), POSITIVE)] for row, col in free[drawn].tolist()]
    )


def _on(cells: Tensor, place: float, frame: ModelFrame) -> tuple[float, float, int]:
    """Click the middle of one of the label's low-res pixels."""
    row, col = cells[min(int(place * len(cells)), len(cells) - 1)].tolist()
    return (*_middle(row, col, frame), POSITIVE)


def _off(
    mask: Bool[Tensor, "rows cols"], places: list[tuple[float, float]], frame: ModelFrame
) -> _Row:
    """Click the image at places in [0, 1), without those that are on the label."""
    height, width = frame.resized_size
    clicks = []
    for across, down in places:
        row, col = int(down * height) // LOW_RES_STRIDE, int(across * width) // LOW_RES_STRIDE
        if not mask[row, col]:
            clicks.append((*_middle(row, col, frame), NEGATIVE))
    return clicks


def _middle(row: int, col: int, frame: ModelFrame) -> tuple[float, float]:
    """Give the middle of a low-res pixel in the model frame, on the image."""
    height, width = frame.resized_size
    x = to_middles(float(LOW_RES_STRIDE * col + LOW_RES_STRIDE // 2))
    y = to_middles(float(LOW_RES_STRIDE * row + LOW_RES_STRIDE // 2))
    return min(x, width - 1.0), min(y, height - 1.0)
