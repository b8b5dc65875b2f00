"""Masks as crops: cut, kept, measured, and written for COCO."""

from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pointsam.data.coco.masks import rasterise, to_rle
from pointsam.server.crops import MaskCrop

MASKS = arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))


@given(mask=MASKS)
def test_a_crop_comes_back_from_json_and_its_rle_is_the_whole_masks(mask):
    crop = MaskCrop.from_plain(MaskCrop.cut(mask).plain())
    assert crop.area == mask.sum()
    assert crop.image_rle(mask.shape) == to_rle(mask)
    x0, y0, x1, y1 = crop.box
    assert (mask[y0:y1, x0:x1] == crop.pixels).all()


@given(mask=MASKS)
def test_the_rings_enclose_the_mask(mask):
    polygons = [[float(n) for n in ring] for ring in MaskCrop.cut(mask).rings()]
    # Outer rings and holes alike: pixels inside an odd number of rings.
    inside = np.zeros(mask.shape, dtype=int)
    for ring in polygons:
        corners = np.array(ring).reshape(-1, 2)
        for row in range(mask.shape[0]):
            for column in range(mask.shape[1]):
                inside[row, column] += _inside(corners, column + 0.5, row + 0.5)
    assert ((inside % 2 == 1) == mask).all()


def _inside(corners, x, y):
    crossings = 0
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) * (x1 - x0) / (y1 - y0):
            crossings += 1
    return crossings % 2


@given(mask=MASKS, other=MASKS, shift=st.tuples(st.integers(0, 5), st.integers(0, 5)))
def test_iou_of_crops_is_that_of_masks(mask, other, shift):
    drawn = np.zeros((2, 20, 20), dtype=bool)
    drawn[0, : mask.shape[0], : mask.shape[1]] = mask
    x, y = shift
    drawn[1, y : y + other.shape[0], x : x + other.shape[1]] = other
    one, two = MaskCrop.cut(mask), MaskCrop.cut(other, x=x, y=y)
    both, either = (drawn[0] & drawn[1]).sum(), (drawn[0] | drawn[1]).sum()
    assert one.shared(two) == both
    assert one.iou(two) == (both / either if either else 0.0)


def test_a_point_is_held_by_the_pixel_it_lies_in():
    crop = MaskCrop.cut(np.ones((1, 1), dtype=bool), x=5, y=7)
    assert crop.holds((5.4, 6.6))
    assert not crop.holds((5.6, 7.0))
    assert rasterise(crop.image_rle((10, 10)), (10, 10)).nonzero() == (7, 5)


def test_a_mask_is_packed_once_however_often_its_image_is_saved():
    crop = MaskCrop.cut(np.ones((4, 4), dtype=bool), x=3, y=5)
    with patch("pointsam.server.crops.to_rle", side_effect=to_rle) as packed:
        first, second = crop.plain(), crop.plain()
    assert first == second == {"x": 3, "y": 5, **to_rle(crop.pixels)}
    assert packed.call_count == 1


@given(mask=MASKS, other=MASKS, x=st.integers(-3, 9), y=st.integers(-3, 9))
def test_packed_masks_hold_and_share_the_pixels_they_were_cut_from(mask, other, x, y):
    one, two = MaskCrop.cut(mask), MaskCrop.cut(other, x=x, y=y)
    drawn = np.zeros((2, 24, 24), dtype=bool)
    drawn[0, 3 : 3 + mask.shape[0], 3 : 3 + mask.shape[1]] = mask
    drawn[1, 3 + y : 3 + y + other.shape[0], 3 + x : 3 + x + other.shape[1]] = other
    assert one.shared(two) == two.shared(one) == (drawn[0] & drawn[1]).sum()
    held = [[two.holds((i, j)) for i in range(-3, 21)] for j in range(-3, 21)]
    assert (np.array(held) == drawn[1]).all()


def test_a_large_mask_takes_a_bit_a_pixel():
    mask = MaskCrop.cut(np.ones((1024, 1024), dtype=bool))
    assert sum(v.nbytes for v in vars(mask).values() if isinstance(v, np.ndarray)) == 2**20 // 8
