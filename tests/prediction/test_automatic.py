import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from tests.prediction.colour_model import SIDE, ColourModel

from pointsam.errors import InputError
from pointsam.frames import ModelFrame
from pointsam.masks import mask_features, pairwise_iou
from pointsam.prediction.automatic import (
    AutomaticSettings,
    automatic_masks,
    distinct,
    grid_points,
    stability,
)
from pointsam.prediction.images.automatic import load_prototypes


def _image():
    """Two boxes on a ground that fills more than half the image."""
    drawn = np.full((SIDE, SIDE, 3), 30, dtype=np.uint8)
    drawn[8:24, 8:24] = 200
    drawn[40:56, 24:56] = 120
    return torch.from_numpy(drawn).permute(2, 0, 1).contiguous()


def _automatic(settings, *, prototypes=None):
    model = ColourModel()
    embedding = model.encode([_image()])
    frame = ModelFrame((SIDE, SIDE), side=SIDE)
    return automatic_masks(model, embedding, frame, settings, prototypes=prototypes), embedding


def test_each_object_is_found_once_and_the_ground_is_not():
    found, _ = _automatic(AutomaticSettings(grid=16))
    areas = sorted((found.low_res_logits > 0).sum(dim=(1, 2)).tolist())
    assert areas == [16, 32]


def test_masks_like_the_prototypes_come_first():
    _, embedding = _automatic(AutomaticSettings(grid=8))
    for row, col, area in ((3, 3, 16), (12, 10, 32)):
        prototype = embedding.image[0, :, row, col][None]
        settings = AutomaticSettings(grid=8, rank_by=("similarity",))
        found, _ = _automatic(settings, prototypes=prototype)
        assert (found.low_res_logits[0] > 0).sum() == area
        assert found.similarity[0] == pytest.approx(1)
        assert found.rank.tolist() == sorted(found.rank.tolist(), reverse=True)


def test_limits_leave_out_what_falls_short():
    found, _ = _automatic(AutomaticSettings(grid=8, min_iou=0.95))
    assert len(found.rank) == 0
    whole, _ = _automatic(AutomaticSettings(grid=8, max_area=1.0))
    assert len(whole.rank) == 3


def test_the_grid_is_the_middles_of_squares():
    points = grid_points(ModelFrame((32, 64), side=64), 4)
    assert points.tolist() == [
        [7.5, 7.5], [23.5, 7.5], [39.5, 7.5], [55.5, 7.5],
        [7.5, 23.5], [23.5, 23.5], [39.5, 23.5], [55.5, 23.5],
    ]  # fmt: skip
    assert len(grid_points(ModelFrame((1, 500), side=64), 4)) == 4


def test_stability_by_hand():
    logits = torch.tensor([[[2.0, 0.5], [-0.5, -2.0]], [[-2.0] * 2] * 2])
    assert stability(logits).tolist() == pytest.approx([1 / 3, 0])


def test_a_mask_feature_is_the_mean_over_what_it_covers():
    features = torch.arange(8.0).view(2, 2, 2)
    masks = torch.zeros(2, 4, 4, dtype=torch.bool)
    masks[0, :2, :2] = True  # cell 0 whole
    masks[0, 2:, 2] = True  # half of cell 3
    assert mask_features(features, masks)[0].tolist() == pytest.approx([1.0, 5.0])
    assert mask_features(features, masks)[1].tolist() == [0, 0]


@given(seed=st.integers(0, 2**16))
def test_suppression_is_the_greedy_one(seed):
    gen = torch.Generator().manual_seed(seed)
    masks = torch.rand(14, 4, 4, generator=gen) < 0.6
    iou = pairwise_iou(masks)
    kept = []
    for index in range(14):
        if not any(iou[index, other] > 0.5 for other in kept):
            kept.append(index)
    assert distinct(masks, max_overlap=0.5).nonzero()[:, 0].tolist() == kept


def test_suppression_of_nothing_is_nothing():
    assert len(distinct(torch.zeros(0, 4, 4, dtype=torch.bool), max_overlap=0.5)) == 0


def test_prototypes_come_from_the_adapter_folder(tmp_path):
    assert load_prototypes(tmp_path) is None
    file = tmp_path / "target_prototypes.safetensors"
    save_file({"prototypes": torch.ones(2, 3)}, file)
    assert load_prototypes(tmp_path).tolist() == [[1, 1, 1]] * 2
    file.write_bytes(b"nothing")
    with pytest.raises(InputError, match="holds no prototypes"):
        load_prototypes(tmp_path)


def test_settings_that_cannot_be_are_refused():
    for values, message in (
        ({"grid": 0}, "grid 0: give at least 1"),
        ({"min_iou": 2.0}, "min-iou is a share"),
        ({"max_overlap": float("nan")}, "max-overlap is a share"),
        ({"rank_by": ()}, "at least one factor"),
    ):
        with pytest.raises(InputError, match=message):
            AutomaticSettings(**values)
