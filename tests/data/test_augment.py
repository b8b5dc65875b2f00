import cv2
import numpy as np
import pytest
import torch

from pointsam.data import augment
from pointsam.data.augment import low_res_cover, strong_view, training_sample, weak_view
from pointsam.data.sample import Sample, TrainingSample
from pointsam.frames import ModelFrame
from pointsam.prompts import Prompts


def sample(size=(24, 48), side=64, points=(), masks=None, image_id=1):
    """Each model pixel's colour is its own: red counts columns, green counts rows."""
    frame = ModelFrame(size, side)
    height, width = frame.resized_size
    pixels = torch.zeros(3, height, width, dtype=torch.uint8)
    pixels[0] = torch.arange(width, dtype=torch.uint8)
    pixels[1] = torch.arange(height, dtype=torch.uint8)[:, None]
    prompts = Prompts.from_rows([[(x, y, 1)] for x, y in points])
    count = len(points)
    return Sample(image_id, "a.png", frame, pixels, prompts, tuple(range(count)),
                  ("ship",) * count, masks)  # fmt: skip


def generators(count=16):
    return [torch.Generator().manual_seed(seed) for seed in range(count)]


def test_a_flipped_point_lies_on_the_flipped_pixel():
    given = sample(points=[(5.0, 9.0), (0.0, 0.0), (63.0, 31.0)])
    seen = set()
    for generator in generators():
        view = weak_view(given, generator)
        cells = view.prompts.points[:, 0].long().tolist()
        assert [view.pixels[:2, y, x].tolist() for x, y in cells] == [[5, 9], [0, 0], [63, 31]]
        seen.add(tuple(cells[0]))
    assert seen == {(5, 9), (58, 9), (5, 22), (58, 22)}  # all four flips happen


def test_masks_flip_with_the_image():
    masks = torch.zeros(1, 24, 48, dtype=torch.bool)
    masks[0, 2, 3] = True  # half of the model's 64 / 48 px a pixel: model row 2.67, column 4
    for generator in generators():
        view = weak_view(sample(points=[(4.0, 3.0)], masks=masks), generator)
        assert view.masks is not None
        [[row, column]] = view.masks[0].nonzero().tolist()
        x, y = view.prompts.points[0, 0].tolist()
        assert abs(x + 0.5 - (column + 0.5) * 64 / 48) <= 64 / 48 / 2
        assert abs(y + 0.5 - (row + 0.5) * 64 / 48) <= 64 / 48 / 2


def test_points_stay_on_the_image():
    given = sample(points=[(63.4, 31.4)])
    for generator in generators():
        points = weak_view(given, generator).prompts.points
        assert (points >= 0).all()
        given.frame.to_cell(points)


def test_the_given_sample_is_not_changed():
    given = sample(points=[(5.0, 9.0)])
    before = given.pixels.clone(), given.prompts.points.clone()
    for view in range(8):
        training_sample(given, seed=0, view=view)
    assert torch.equal(given.pixels, before[0])
    assert torch.equal(given.prompts.points, before[1])


def test_a_view_is_its_address():
    given = sample(points=[(5.0, 9.0)])
    first = training_sample(given, seed=0, view=0)
    again = training_sample(given, seed=0, view=0)
    assert torch.equal(first.strong_pixels, again.strong_pixels)
    assert torch.equal(first.sample.pixels, again.sample.pixels)
    others = [training_sample(given, seed=s, view=v) for s, v in ((0, 1), (0, 2), (1, 0), (2, 0))]
    assert not all(torch.equal(first.strong_pixels, o.strong_pixels) for o in others)


def test_strong_and_weak_view_share_their_geometry():
    masks = torch.zeros(1, 24, 48, dtype=torch.bool)
    masks[0, 3:6, 3:6] = True
    for view in range(8):
        made = training_sample(sample(points=[(5.0, 5.0)], masks=masks), seed=0, view=view)
        assert made.strong_pixels.shape == made.sample.pixels.shape
        assert made.sample.masks is None
        assert made.low_res_masks is not None
        x, y = (made.sample.prompts.points[0, 0] / 4).long().tolist()
        assert made.low_res_masks[0, y, x]
    assert training_sample(sample(), seed=0, view=0).low_res_masks is None


def test_the_strong_view_changes_colours_and_repeats():
    pixels = sample().pixels
    views = [strong_view(pixels, generator) for generator in generators(64)]
    again = [strong_view(pixels, generator) for generator in generators(64)]
    assert all(torch.equal(a, b) for a, b in zip(views, again, strict=True))
    assert sum(not torch.equal(view, pixels) for view in views) > 48
    assert len({view.numpy().tobytes() for view in views}) > 48


def test_cover_is_the_share_of_each_low_res_pixel():
    # Image and model frame are one: 4 x 4 blocks count plainly.
    masks = torch.zeros(2, 16, 16, dtype=torch.bool)
    masks[0, 0:4, 0:2] = True  # half a block
    masks[0, 4:8, 4:8] = True
    masks[1, 8:12, 8:11] = True  # three quarters
    cover = low_res_cover(masks, ModelFrame((16, 16), 16))
    assert cover.shape == (2, 4, 4)
    places = [(i, y, x, cover[i, y, x].item()) for i, y, x in cover.nonzero().tolist()]
    assert places == [(0, 0, 0, 0.5), (0, 1, 1, 1.0), (1, 2, 2, 0.75)]


def test_low_res_masks_are_the_pixels_more_than_half_covered():
    cover = torch.tensor([[[0.5, 0.75], [0.0, 1.0]]])
    given = sample()
    made = TrainingSample(given, given.pixels, 0, cover)
    assert made.low_res_masks.tolist() == [[[False, True], [False, True]]]


def test_cover_holds_what_whole_low_res_pixels_lose():
    masks = torch.zeros(1, 32, 64, dtype=torch.bool)
    masks[0, 9:15, 18:27] = True  # two to three low-res pixels across
    given = sample((32, 64), 64, points=[(0, 0)], masks=masks)
    cover = low_res_cover(masks, given.frame)
    whole = (cover > 0.5).float()
    fine, coarse = (given.frame.logits_to_image(shares - 0.5) > 0 for shares in (cover, whole))
    fine_iou, coarse_iou = (((m & masks).sum() / (m | masks).sum()).item() for m in (fine, coarse))
    assert fine_iou > coarse_iou + 0.05


def test_low_res_masks_lie_where_logits_would():
    masks = torch.zeros(1, 30, 60, dtype=torch.bool)
    masks[0, 5:20, 25:50] = True
    given = sample((30, 60), 256, points=[(0, 0)], masks=masks)
    logits = torch.where(low_res_cover(masks, given.frame) > 0.5, 8.0, -8.0)
    back = given.frame.logits_to_image(logits) > 0
    assert (back & masks).sum() / (back | masks).sum() > 0.95


def test_no_instances_have_no_low_res_masks():
    empty = sample(masks=torch.zeros(0, 24, 48, dtype=torch.bool))
    assert low_res_cover(empty.masks, empty.frame).shape == (0, 16, 16)


GREY = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)


def test_each_change_does_what_its_name_says():
    half = [0.5, 0.5, 0.5, 0.5]
    assert len(np.unique(augment._posterize(GREY, half))) == 256 >> 3
    solarized = augment._solarize(GREY, half).ravel()[::3]
    assert solarized[:191].tolist() == list(range(191))
    assert solarized[255] == 0
    neutral = augment._brightness_contrast(GREY, half)
    assert np.abs(neutral.astype(int) - GREY).max() <= 1
    narrow = (GREY // 8 + 100).astype(np.uint8)
    equalized = augment._equalize(narrow, half)
    assert (equalized.min(), equalized.max()) == (0, 255)
    step = np.full((16, 16, 3), 100, dtype=np.uint8)
    step[:, 8:] = 150
    sharp = augment._sharpen(step, half)
    assert sharp[8, 7, 0] < 100
    assert sharp[8, 8, 0] > 150
    shade = augment._shadow(np.full((8, 8, 3), 200, dtype=np.uint8), [0.0, 0.5, 0.5, 0.0])
    assert np.unique(shade).tolist() == [100, 200]
    assert (shade[:, 5:] == 100).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1)])
def test_thin_images_pass_every_change(size):
    thin = np.full((*size, 3), 90, dtype=np.uint8)
    for _, change in augment._CHANGES:
        assert change(thin, [0.3, 0.4, 0.5, 0.6]).shape == thin.shape


def test_opencv_keeps_to_one_thread():
    assert cv2.getNumThreads() == 1
