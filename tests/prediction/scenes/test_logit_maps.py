import numpy as np
import pytest
import torch

from pointsam.data.rasters.windows import Window
from pointsam.frames import ModelFrame
from pointsam.prediction.scenes import logit_maps
from pointsam.prediction.scenes.logit_maps import (
    LogitMap,
    Overlaps,
    clicked_extent,
    clicked_part,
    crop_logits,
)

EVERYWHERE = (-1000, -1000, 1000, 1000)


def _flat(value, corner, *, size=(4, 4)):
    return LogitMap(np.full(size, value, dtype=np.float16), corner, (1.0, 1.0))


def test_a_window_as_large_as_the_input_is_shown_as_plain_prediction_shows_it():
    low_res = np.random.default_rng(0).normal(size=(16, 16)).astype(np.float32)
    low_res = low_res.astype(np.float16).astype(np.float32)
    frame = ModelFrame((64, 64), side=64)
    expected = frame.logits_to_image(torch.from_numpy(low_res)[None])[0].numpy()
    kept = crop_logits(low_res, Window(100, -50, 64, 64), scale=(4.0, 4.0))
    rendered = kept.render((100, -50, 164, 14))
    assert np.array_equal(rendered > 0, expected > 0)
    seen = np.isfinite(rendered)
    np.testing.assert_allclose(
        rendered[seen & (expected > 0)], expected[seen & (expected > 0)], atol=1e-5
    )


def test_what_is_kept_is_the_positive_part_and_one_ring():
    low_res = np.full((16, 16), -1.0)
    low_res[3:5, 6:9] = 2.0
    kept = crop_logits(low_res, Window(0, 0, 64, 64), scale=(4.0, 4.0))
    assert kept.logits.shape == (4, 5)
    assert kept.box == (20, 8, 40, 24)
    assert crop_logits(np.full((16, 16), -1.0), Window(0, 0, 64, 64), scale=(4.0, 4.0)) is None


def test_storage_keeps_the_sign_of_tiny_and_huge_logits():
    low_res = np.array([[1e-9, 1e9], [-1e9, -1e-9]])
    kept = crop_logits(low_res, Window(0, 0, 2, 2), scale=(1.0, 1.0))
    assert np.isfinite(kept.logits).all()
    assert (kept.logits > 0).tolist() == [[True, True], [False, False]]


def test_a_part_of_the_map_is_the_same_part_of_the_whole():
    noise = np.random.default_rng(1).normal(size=(9, 7)).astype(np.float16)
    drawn = LogitMap(noise, (3.5, -2.25), (2.5, 3.0))
    whole = drawn.render((0, -5, 30, 30))
    assert np.array_equal(drawn.render((7, 2, 19, 11)), whole[7:16, 7:19])


def test_a_speck_far_from_the_click_is_not_the_object():
    mask = np.zeros((6, 6), dtype=bool)
    mask[1:3, 1:3] = mask[5, 5] = True
    assert clicked_part(mask, np.array([[1, 2]])).sum() == 4
    assert clicked_part(mask, np.array([[0, 5]])).sum() == 5
    logits = np.where(mask, 1.0, -1.0)
    points = np.array([[109.0, 5.0]])
    box = clicked_extent(logits, points, Window(100, 0, 24, 24), scale=(4.0, 4.0))
    assert box == (104, 4, 112, 12)


def test_the_higher_logit_owns_the_shared_pixels():
    overlaps = Overlaps(
        [_flat(1, (0, 0)), None, _flat(2, (2, 0))], within=EVERYWHERE, exclusive=True
    )
    assert overlaps.labels((0, 0, 7, 1)).tolist() == [[1, 1, 3, 3, 3, 3, 0]]
    assert overlaps.mask(0).sum() == 8
    assert overlaps.mask(2).sum() == 16
    assert overlaps.box(1) is None


def test_of_equal_logits_the_first_object_wins():
    overlaps = Overlaps([_flat(1, (0, 0)), _flat(1, (2, 0))], within=EVERYWHERE, exclusive=True)
    assert [int(overlaps.mask(index).sum()) for index in (0, 1)] == [16, 8]


def test_overlaps_can_be_kept():
    overlaps = Overlaps([_flat(1, (0, 0)), _flat(2, (2, 0))], within=EVERYWHERE, exclusive=False)
    assert [int(overlaps.mask(index).sum()) for index in (0, 1)] == [16, 16]


def test_masks_end_where_the_scene_ends():
    overlaps = Overlaps([_flat(1, (0, 0)), _flat(1, (50, 0))], within=(1, 2, 9, 9), exclusive=True)
    assert overlaps.box(0) == (1, 2, 4, 4)
    assert overlaps.box(1) is None


def test_objects_never_share_a_pixel_and_labels_are_the_masks(monkeypatch):
    monkeypatch.setattr(logit_maps, "STRIP", 5)
    random = np.random.default_rng(2)
    maps = [
        LogitMap(
            random.normal(1, 1, (6, 6)).astype(np.float16),
            tuple(random.uniform(0, 20, 2).tolist()),
            (1.7, 1.3),
        )
        for _ in range(12)
    ]
    overlaps = Overlaps(maps, within=(0, 0, 40, 40), exclusive=True)
    labels = overlaps.labels((0, 0, 40, 40))
    for index in range(12):
        x0, y0, x1, y1 = overlaps.box(index)
        whole = np.zeros((40, 40), dtype=bool)
        whole[y0:y1, x0:x1] = overlaps.mask(index)
        assert np.array_equal(whole, labels == index + 1)


def test_no_objects_no_labels():
    overlaps = Overlaps([], within=EVERYWHERE, exclusive=True)
    assert not overlaps.labels((0, 0, 3, 3)).any()
    with pytest.raises(KeyError):
        overlaps.mask(0)
