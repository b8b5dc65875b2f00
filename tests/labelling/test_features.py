"""Tests of what the encoder sees inside a mask and around it."""

import numpy as np
import pytest
import torch

from pointsam.labelling.candidates import Candidates
from pointsam.labelling.features import CHANNELS, Features, features_of, part_around

SIZE = (48, 64)
"""Of the label frame; 8 pixels a cell, the embedding is of a square of 64."""


def candidates(*masks):
    packed = np.packbits(np.stack(masks)[None].reshape(1, len(masks), -1), axis=-1)
    flat = (1, len(masks))
    return Candidates(SIZE, packed, np.zeros(flat, np.float32), np.zeros(flat, dtype=bool))


def rectangle(x0, y0, x1, y1):
    mask = np.zeros(SIZE, dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def embedding(inside):
    """One channel is 1 where `inside` is, the other is its column."""
    cells = np.zeros((8, 8), dtype=np.float32)
    cells[inside] = 1
    columns = np.tile(np.arange(8, dtype=np.float32), (8, 1))
    return torch.from_numpy(np.stack([cells, columns]))


def test_cells_count_by_the_share_that_is_covered():
    # Columns 1 and 2 whole, a half of column 3: (1 + 2 + 3 / 2) / 2.5.
    masks = candidates(rectangle(8, 16, 28, 24))
    found = features_of(masks, embedding(np.s_[2:3, 1:3]), stride=16)
    assert found.inside[0, 0].tolist() == pytest.approx([2 / 2.5, 4.5 / 2.5])


def test_what_is_around_leaves_the_mask_out():
    masks = candidates(rectangle(16, 16, 32, 32), rectangle(0, 0, 64, 48), np.zeros(SIZE, bool))
    found = features_of(masks, embedding(np.s_[2:4, 2:4]), stride=16)
    assert found.inside[0, :, 0].tolist() == pytest.approx([1, 4 / 48, 0])
    assert found.around[0, :, 0].tolist() == pytest.approx([0, 0, 0])
    assert found.around[0, 0, 1] == pytest.approx(2.5, abs=0.01)  # on both sides alike


def test_many_channels_are_projected_alike_in_every_image():
    random = np.random.default_rng(1)
    seen = random.standard_normal((256, 8, 8)).astype(np.float32)
    masks = candidates(*(rectangle(x, y, x + 8, y + 8) for x in (0, 16, 32) for y in (0, 16, 32)))
    found = features_of(masks, torch.from_numpy(seen), stride=16).inside[0]
    again = features_of(masks, torch.from_numpy(seen.copy()), stride=16).inside[0]
    assert found.shape == (9, CHANNELS)
    assert (found == again).all()
    whole = seen[:, [0, 2, 4, 0, 2, 4, 0, 2, 4], [0, 0, 0, 2, 2, 2, 4, 4, 4]].T
    angles = np.corrcoef(whole)[np.triu_indices(9, 1)]
    kept = np.corrcoef(found)[np.triu_indices(9, 1)]
    assert np.abs(angles - kept).max() < 0.5


def test_without_features_there_are_no_channels():
    masks = candidates(rectangle(0, 0, 8, 8))
    assert Features.none(masks).inside.shape == (1, 1, 0)


def test_a_box_is_on_the_image():
    mask = rectangle(0, 10, 5, 20)
    assert part_around(mask, margin=2) == (slice(8, 22), slice(0, 7))
