import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from pointsam.data.coco.masks import count_drawn, drawn_iou, rasterise, rasterise_part, to_rle
from pointsam.masks import (
    PixelOwners,
    bounds_of,
    count_pixels,
    iou_of_areas,
    overlap_rate,
    pairwise_iou,
    threshold,
)


def random_masks(seed, count=4, size=(7, 9), share=0.5):
    return torch.rand(count, *size, generator=torch.Generator().manual_seed(seed)) < share


def test_a_logit_of_zero_is_background():
    assert threshold(torch.tensor([[-1.0, 0.0, 1e-9]])).tolist() == [[False, False, True]]


def test_bounds_are_the_edges_of_the_outermost_pixels():
    mask = np.zeros((6, 9), dtype=bool)
    assert bounds_of(mask) is None
    mask[2, 3] = mask[4, 8] = True
    assert bounds_of(mask) == (3, 2, 9, 5)


def test_iou_of_two_overlapping_rectangles():
    masks = torch.zeros(3, 4, 6, dtype=torch.bool)
    masks[0, 0:2, 0:3] = True  # 6 px
    masks[1, 1:3, 1:4] = True  # 6 px, 2 of them shared
    assert pairwise_iou(masks)[0, 1] == pytest.approx(2 / 10)
    assert pairwise_iou(masks)[2].tolist() == [0, 0, 0]  # the empty one


@given(seed=st.integers(0, 2**16))
def test_pairwise_iou_is_that_of_sets_of_pixels(seed):
    masks = random_masks(seed)
    sets = [{tuple(pixel) for pixel in mask.nonzero().tolist()} for mask in masks]
    slow = [[len(a & b) / max(len(a | b), 1) for b in sets] for a in sets]
    torch.testing.assert_close(pairwise_iou(masks), torch.tensor(slow))


def test_no_masks_have_no_pairs():
    assert pairwise_iou(torch.zeros(0, 4, 4, dtype=torch.bool)).shape == (0, 0)


def test_scores_of_one_mask_by_hand():
    predicted = torch.tensor([[[1, 1, 1, 0]]], dtype=torch.bool)
    target = torch.tensor([[[0, 1, 1, 1]]], dtype=torch.bool)
    counts = count_pixels(predicted, target)
    assert counts.iou.tolist() == [2 / 4]
    assert counts.f1.tolist() == [4 / 6]
    assert counts.precision.tolist() == [2 / 3]
    assert counts.recall.tolist() == [2 / 3]


def test_nothing_of_nothing_scores_zero():
    nothing = torch.zeros(1, 3, 3, dtype=torch.bool)
    counts = count_pixels(nothing, nothing)
    assert [counts.iou, counts.f1, counts.precision, counts.recall] == [0, 0, 0, 0]


def test_overlap_is_pixels_of_two_masks_over_pixels_of_one():
    masks = torch.tensor([[[1, 1, 1, 0]], [[0, 1, 1, 0]], [[0, 0, 1, 0]]], dtype=torch.bool)
    assert overlap_rate(masks) == 2 / 3
    assert overlap_rate(masks[:1]) == 0
    assert overlap_rate(masks[:0]) == 0


def test_a_square_polygon_covers_its_pixels():
    mask = rasterise([[1, 2, 4, 2, 4, 5, 1, 5]], (8, 8))
    assert mask.sum() == 9
    assert mask[2:5, 1:4].all()


def test_parts_of_a_polygon_are_joined():
    square = [0, 0, 2, 0, 2, 2, 0, 2]
    moved = [5, 5, 7, 5, 7, 7, 5, 7]
    assert rasterise([square, moved], (8, 8)).sum() == 8
    assert rasterise([square, square], (8, 8)).sum() == 4  # not taken away from itself


def test_no_polygon_is_an_empty_mask():
    assert rasterise([], (3, 4)).shape == (3, 4)
    assert count_drawn([], (3, 4)) == 0


@given(seed=st.integers(0, 2**16))
def test_rle_comes_back_as_it_was(seed):
    mask = random_masks(seed, count=1, size=(13, 40), share=seed / 2**16)[0].numpy()
    rle = to_rle(mask)
    assert np.array_equal(rasterise(rle, (13, 40)), mask)
    assert count_drawn(rle, (13, 40)) == mask.sum()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@given(seed=st.integers(0, 2**16))
def test_both_forms_of_rle_agree_with_the_library(seed):
    rng = np.random.default_rng(seed)
    runs = rng.multinomial(600, rng.dirichlet(np.ones(7))).tolist()
    packed = coco_mask.frPyObjects({"size": [20, 30], "counts": runs}, 20, 30)
    library = coco_mask.decode(packed).astype(bool)
    text = {"size": [20, 30], "counts": packed["counts"].decode()}
    for rle in (text, {"size": [20, 30], "counts": runs}):
        assert np.array_equal(rasterise(rle, (20, 30)), library)


@given(seed=st.integers(0, 2**16))
def test_a_part_is_drawn_as_the_whole_has_it(seed):
    rng = np.random.default_rng(seed)
    runs = rng.multinomial(600, rng.dirichlet(np.ones(rng.integers(1, 9)))).tolist()
    rle = {"size": [20, 30], "counts": runs}
    x0, x1 = sorted(rng.integers(0, 31, 2).tolist())
    y0, y1 = sorted(rng.integers(0, 21, 2).tolist())
    part = rasterise_part(rle, (20, 30), (x0, y0, x1, y1))
    assert np.array_equal(part, rasterise(rle, (20, 30))[y0:y1, x0:x1])


def test_polygons_are_counted_as_they_are_drawn():
    polygons = [[0.5, 0.5, 6.2, 1.0, 3.0, 7.7], [5, 5, 9, 5, 9, 9]]
    assert count_drawn(polygons, (10, 10)) == rasterise(polygons, (10, 10)).sum() > 0


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ([[1, 2, 3, 4]], "three corners"),
        ([[1, 2, 3, 4, 5, 6, 7]], "three corners"),
        ([[0, 0, float("nan"), 1, 1, 1]], "no number"),
        ([[0, 0, 1e9, 1, 1, 1]], "far off the image"),
        ({"size": [4, 5], "counts": [20]}, r"size \[4, 5\]"),
        ({"size": [4, 4], "counts": [3, 4]}, "covers 7 px of an image of 16 px"),
        ({"size": [4, 4], "counts": [20, -4]}, "no run lengths"),
        ({"size": [4, 4]}, "no run lengths"),
        ({"size": [4, 4], "counts": "oo"}, "covers 0 px"),
        ({"size": [4, 4], "counts": "h\u00e9"}, "character"),
    ],
)
def test_a_mask_that_cannot_be_drawn_is_refused(segmentation, message):
    with pytest.raises(ValueError, match=message):
        rasterise(segmentation, (4, 4))
    with pytest.raises(ValueError, match=message):
        count_drawn(segmentation, (4, 4))


def test_labels_number_instances_from_one_and_settle_overlaps_by_logit():
    logits = torch.tensor([[[2.0, 2.0, -1.0]], [[-1.0, 3.0, 0.0]]])
    owners = PixelOwners((1, 3))
    assert owners.labels.tolist() == [[0, 0, 0]]
    for number, own in enumerate(logits, start=1):
        owners.claim(own, number=number)
    assert owners.labels.tolist() == [[1, 2, 0]]


def test_of_equal_logits_the_first_claim_owns_the_pixel():
    owners = PixelOwners((1, 2))
    for number, row in ((5, [2.0, 1.0]), (6, [2.0, 4.0]), (7, [2.0, 4.0])):
        owners.claim(torch.tensor([row]), number=number)
    assert owners.labels.tolist() == [[5, 6]]


def test_a_claim_on_a_part_changes_nothing_outside_it():
    owners = PixelOwners((3, 4))
    owners.claim(torch.ones(2, 2), number=9, part=(slice(1, 3), slice(0, 2)))
    assert owners.labels.tolist() == [[0, 0, 0, 0], [9, 9, 0, 0], [9, 9, 0, 0]]


def test_iou_of_drawn_masks_is_that_of_their_pixels():
    size = (12, 14)
    polygons = [[[1, 1, 8, 1, 8, 8, 1, 8]], [[4, 4, 13, 4, 13, 11, 4, 11]], []]
    segmentations = [*polygons, to_rle(rasterise(polygons[0], size))]
    masks = torch.from_numpy(np.stack([rasterise(s, size) for s in segmentations]))
    assert drawn_iou(segmentations, size) == pytest.approx(pairwise_iou(masks).numpy())
    assert drawn_iou([], size).shape == (0, 0)


def test_two_empty_masks_have_iou_0_by_every_count():
    nothing = torch.zeros(2, 3, 3, dtype=torch.bool)
    assert iou_of_areas(*torch.zeros(3, 1)).item() == 0
    assert pairwise_iou(nothing).tolist() == [[0, 0], [0, 0]]
    assert count_pixels(nothing, nothing).iou.tolist() == [0, 0]
    assert drawn_iou([[], []], (3, 3)).tolist() == [[0, 0], [0, 0]]
