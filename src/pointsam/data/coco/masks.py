"""COCO's forms of a mask, RLE and polygons: drawing, counting and writing them.

This file imports no torch, so that the processes that convert label rasters start in a fifth of
the time, with a third of the memory.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int
from pycocotools import mask as coco_mask

_COMPARED = 256
"""Masks compared with all others at once."""

MAX_DRAWN = 2**30
"""Most pixels of an image whose masks are drawn as a whole."""


def rasterise(
    segmentation: Sequence[Sequence[float]] | Mapping[str, Any], size: tuple[int, int]
) -> Bool[np.ndarray, "height width"]:
    """Draw COCO's polygons (of one or several parts) or RLE (compressed or not) as a mask.

    Args:
        segmentation: as in the annotation's ``segmentation``.
        size: height and width of the image, in pixels.

    Raises:
        ValueError: neither form, an RLE of another size, or corners far off the image.
    """
    if size[0] * size[1] > MAX_DRAWN:
        raise ValueError(f"an image of {list(size)} px is too large to draw a mask of")
    runs = _runs_of(segmentation, size)
    values = np.arange(len(runs)) % 2 == 1
    # COCO's runs go down the columns.
    return np.repeat(values, runs).reshape(size[::-1]).T


def count_drawn(
    segmentation: Sequence[Sequence[float]] | Mapping[str, Any], size: tuple[int, int]
) -> int:
    """Count the pixels `rasterise` would set, without drawing them.

    Raises:
        ValueError: as `rasterise`.
    """
    return sum(_runs_of(segmentation, size)[1::2])


def covers(
    segmentation: Sequence[Sequence[float]] | Mapping[str, Any],
    size: tuple[int, int],
    pixels: Int[np.ndarray, "points 2"],
) -> Bool[np.ndarray, " points"]:
    """Say which pixels, ``(x, y)``, `rasterise` would set, without drawing; all are put inside.

    Raises:
        ValueError: as `rasterise`.
    """
    inside = pixels.clip(0, np.array([size[1] - 1, size[0] - 1]))
    places = inside[:, 0] * size[0] + inside[:, 1]  # COCO's runs go down the columns
    ends = np.cumsum(_runs_of(segmentation, size))
    found: Bool[np.ndarray, " points"] = np.searchsorted(ends, places, side="right") % 2 == 1
    return found


def rasterise_part(
    segmentation: Sequence[Sequence[float]] | Mapping[str, Any],
    size: tuple[int, int],
    box: tuple[int, int, int, int],
) -> Bool[np.ndarray, "rows cols"]:
    """Draw what a mask has in ``(x0, y0, x1, y1)`` of its image, however large that is.

    Args:
        segmentation: as in the annotation's ``segmentation``.
        size: height and width of the image, in pixels.
        box: of pixels, ``x1`` and ``y1`` outside; none of it off the image.

    Raises:
        ValueError: as `rasterise`, but for the size of the image.
    """
    x0, y0, x1, y1 = box
    height = size[0]
    ends = np.cumsum(np.array(_runs_of(segmentation, size), dtype=np.int64))
    starts, stops = ends[:-1:2], ends[1::2]  # of the object's runs, down the columns
    near = (stops > x0 * height) & (starts < x1 * height)
    part = np.zeros((y1 - y0, x1 - x0), dtype=bool)
    for start, stop in zip(starts[near].tolist(), stops[near].tolist(), strict=True):
        for column in range(max(start // height, x0), min((stop - 1) // height + 1, x1)):
            first, last = start - column * height, stop - column * height
            part[max(first - y0, 0) : max(min(last, y1) - y0, 0), column - x0] = True
    return part


def drawn_iou(
    segmentations: Sequence[Sequence[Sequence[float]] | Mapping[str, Any]], size: tuple[int, int]
) -> Float[np.ndarray, "instances instances"]:
    """Give the IoU of every two masks of one image, without drawing them.

    Raises:
        ValueError: as `rasterise`.
    """
    if not segmentations:
        return np.zeros((0, 0))
    packed = _packed(segmentations, size)
    return np.asarray(coco_mask.iou(packed, packed, [0] * len(packed)), dtype=np.float64)


def iou_with(
    segmentations: Sequence[Sequence[Sequence[float]] | Mapping[str, Any]],
    others: Sequence[Sequence[Sequence[float]] | Mapping[str, Any]],
    size: tuple[int, int],
) -> Iterator[Float[np.ndarray, " others"]]:
    """Give, for each mask of an image, its IoU with each of some others; a row at a time.

    Raises:
        ValueError: as `rasterise`.
    """
    columns = _packed(others, size) if others else []
    for row in _packed(segmentations, size) if segmentations else []:
        if not columns:
            yield np.zeros(0)
            continue
        yield np.asarray(coco_mask.iou([row], columns, [0] * len(columns)), dtype=np.float64)[0]


def _packed(
    segmentations: Sequence[Sequence[Sequence[float]] | Mapping[str, Any]], size: tuple[int, int]
) -> list[Any]:
    """Give masks as compressed RLE, as pycocotools takes them."""
    runs = [{"size": list(size), "counts": _runs_of(s, size)} for s in segmentations]
    packed: list[Any] = coco_mask.frPyObjects(runs, *size)
    return packed


def overlapping(
    segmentations: Sequence[Sequence[Sequence[float]] | Mapping[str, Any]],
    size: tuple[int, int],
    *,
    above: float,
) -> Iterator[tuple[int, int, float]]:
    """Give the pairs of masks of one image whose IoU is above a bound, and that IoU.

    Some masks are compared with all others at once: a table of all would grow with their square.

    Raises:
        ValueError: as `rasterise`.
    """
    packed = _packed(segmentations, size) if segmentations else []
    for start in range(0, len(packed), _COMPARED):
        rows, others = packed[start : start + _COMPARED], packed[start:]
        table = np.asarray(coco_mask.iou(rows, others, [0] * len(others)), dtype=np.float64)
        for row, column in np.argwhere(table > above).tolist():
            if row < column:
                yield start + row, start + column, float(table[row, column])


def _runs_of(
    segmentation: Sequence[Sequence[float]] | Mapping[str, Any], size: tuple[int, int]
) -> list[int]:
    """Give the run lengths of either form of a mask, background first."""
    if isinstance(segmentation, Mapping):
        return _stated_runs(segmentation, size)
    # Some tools write an empty polygon for a part that vanished.
    polygons = [[float(number) for number in polygon] for polygon in segmentation if polygon]
    if any(len(polygon) < 6 or len(polygon) % 2 for polygon in polygons):
        raise ValueError("a polygon needs x and y of at least three corners")
    # pycocotools computes with 32-bit integers unchecked, and crashes on larger numbers.
    reach = 2 * max(size)
    if not all(-reach <= number <= reach for polygon in polygons for number in polygon):
        raise ValueError(f"a corner is no number or far off the image of {list(size)} px")
    if not polygons:
        return [size[0] * size[1]]
    merged = coco_mask.merge(coco_mask.frPyObjects(polygons, *size))
    return _decompress(merged["counts"].decode("ascii"))


def _stated_runs(segmentation: Mapping[str, Any], size: tuple[int, int]) -> list[int]:
    """Read an RLE's run lengths and check that they fill the image.

    pycocotools writes runs of any length past its memory, so it is not used here.

    Source: pycocotools, common/maskApi.c, ``rleFrString``, for the compressed form.
    """
    if list(segmentation.get("size", ())) != list(size):
        raise ValueError(f"RLE of size {segmentation.get('size')} in an image of {list(size)}")
    counts = segmentation.get("counts")
    runs = _decompress(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(isinstance(run, int) and run >= 0 for run in runs):
        raise ValueError("its RLE holds no run lengths")
    if sum(runs) != size[0] * size[1]:
        raise ValueError(f"its RLE covers {sum(runs)} px of an image of {size[0] * size[1]} px")
    return runs


def _decompress(counts: str) -> list[int]:
    """Decode COCO's compressed runs: five bits a character, as differences to two runs before."""
    runs: list[int] = []
    value, shift = 0, 0
    for character in counts:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            raise ValueError(f"its RLE holds the character {character!r}")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value, shift = 0, 0
    return runs


def runs_at(
    mask: Bool[np.ndarray, "rows cols"], *, corner: tuple[int, int], size: tuple[int, int]
) -> dict[str, Any]:
    """Write a part of an image's mask as a COCO RLE of the whole, which is not drawn.

    Args:
        mask: of the part; all of it lies on the image.
        corner: ``(x, y)`` of its first pixel.
        size: height and width of the image.
    """
    height, width = size
    columns, rows = np.nonzero(mask.T)  # COCO's runs go down the columns
    places = (columns.astype(np.int64) + corner[0]) * height + rows + corner[1]
    breaks = np.flatnonzero(np.diff(places) != 1)
    starts = places[np.concatenate([[0], breaks + 1])] if len(places) else places
    ends = places[np.concatenate([breaks, [-1]])] + 1 if len(places) else places
    edges = np.stack([starts, ends], axis=1).ravel()
    counts = np.diff(np.concatenate([[0], edges, [height * width]])).tolist()
    packed = coco_mask.frPyObjects({"size": [height, width], "counts": counts}, height, width)
    return {"size": [height, width], "counts": packed["counts"].decode("ascii")}


def mask_entry(rle: Mapping[str, Any]) -> dict[str, Any]:
    """Give what COCO's annotation says of a mask: the mask, its area and the box around it.

    ``bbox`` is ``[x, y, width, height]``, in pixels of the image; zeros for an empty mask.
    """
    return {
        "segmentation": rle,
        "area": int(coco_mask.area(rle)),
        "bbox": [float(number) for number in coco_mask.toBbox(rle)],
    }


def to_rle(mask: Bool[np.ndarray, "height width"]) -> dict[str, Any]:
    """Write a mask as a compressed COCO RLE that JSON can hold."""
    runs = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": [int(n) for n in runs["size"]], "counts": runs["counts"].decode("ascii")}
