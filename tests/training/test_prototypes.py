from itertools import permutations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from pointsam.frames import ModelFrame
from pointsam.labelling.finch import coarsest_partition
from pointsam.prompts import Prompts
from pointsam.training.prototypes import (
    MemoryBank,
    PredictedClusters,
    PrototypeRegularizer,
    match_prototypes,
    point_features,
    target_prototypes,
)


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def test_a_feature_is_read_at_row_y_and_column_x_of_every_instance():
    cells = torch.arange(16.0).reshape(1, 4, 4)
    frame = ModelFrame((64, 64), side=64)
    prompts = Prompts.from_rows(
        [[(40.0, 8.0, 1), (0.0, 0.0, 0)], [(8.0, 40.0, 1), (63.9, 63.9, 1)], [(1.0, 1.0, 0)]]
    )
    features = point_features(cells, frame, prompts)
    assert features.tolist() == [[2.0], [8.0], [15.0]]


def test_point_features_stay_live():
    cells = torch.zeros(3, 4, 4, requires_grad=True)
    prompts = Prompts.from_rows([[(40.0, 8.0, 1)]])
    point_features(cells, ModelFrame((64, 64), side=64), prompts).sum().backward()
    assert cells.grad.sum(dim=0).nonzero().tolist() == [[0, 2]]


def test_no_positive_point_gives_no_feature():
    frame = ModelFrame((64, 64), side=64)
    for rows in ([], [[(3.0, 3.0, 0)]]):
        prompts = Prompts.from_rows(rows)
        assert point_features(torch.zeros(5, 4, 4), frame, prompts).shape == (0, 5)


def test_a_map_of_another_frame_is_refused():
    with pytest.raises(ValueError, match=r"\(4, 4\) cells, but a 128 px frame .* has 8 x 8"):
        point_features(torch.zeros(5, 4, 4), ModelFrame((64, 64), side=128), Prompts.from_rows([]))


def test_target_prototypes_are_the_means_of_the_partition():
    features = normal(60, 5).requires_grad_()
    labels = coarsest_partition(features, min_clusters=4)
    target = target_prototypes(features, min_clusters=4)
    assert not target.requires_grad
    assert len(target) >= 4
    for label, prototype in enumerate(target):
        torch.testing.assert_close(prototype, features.detach()[labels == label].mean(dim=0))


@given(seed=st.integers(0, 2**16), extra=st.integers(0, 2))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_pairing_is_the_cheapest_of_all(seed, extra):
    predicted, target = normal(3, 6, seed=seed), normal(3 + extra, 6, seed=seed + 1)
    cost = 1 - F.cosine_similarity(predicted[:, None], target[None], dim=2)
    best = min(cost[range(3), order].mean() for order in permutations(range(3 + extra), 3))
    rows, cols = match_prototypes(predicted, target)
    torch.testing.assert_close(cost[rows, cols].mean(), best)
    # The other way round, some of the predicted ones stay alone.
    rows, cols = match_prototypes(target, predicted)
    torch.testing.assert_close(cost.T[rows, cols].mean(), best)


def test_no_prototype_is_paired_twice():
    rows, cols = match_prototypes(torch.tensor([[1.0, 0.1], [1.0, 0.2]]), torch.eye(2))
    assert rows.tolist() == [0, 1]
    assert cols.tolist() == [0, 1]


def test_bank_lets_the_oldest_go():
    bank = MemoryBank(capacity=3, like=torch.zeros(1, 1))
    assert bank.features.shape == (0, 1)
    bank.push(torch.tensor([[1.0], [2.0]]))
    assert not bank.full
    bank.push(torch.tensor([[3.0], [4.0]]))
    assert bank.full
    assert bank.features.tolist() == [[2.0], [3.0], [4.0]]
    bank.push(torch.arange(10.0)[:, None])
    assert bank.features.tolist() == [[7.0], [8.0], [9.0]]
    bank.push(torch.zeros(0, 1))
    assert len(bank) == 3


def test_bank_holds_constants():
    bank = MemoryBank(capacity=3, like=torch.zeros(1, 2))
    live = torch.ones(2, 2, requires_grad=True)
    bank.push(live * 2)
    assert not bank.features.requires_grad


def test_bank_needs_room():
    with pytest.raises(ValueError, match="at least one feature, got 0"):
        MemoryBank(capacity=0, like=torch.zeros(1, 2))


def test_a_larger_bank_is_refused():
    bank = MemoryBank(capacity=3, like=torch.zeros(1, 2))
    with pytest.raises(ValueError, match=r"\(4, 2\) .* at most \(3, 2\)"):
        bank.load_state_dict({"features": torch.zeros(4, 2)})


def by_hand(dtype=torch.float64):
    """Two stored features around each of two axes, and targets off both; a third is alone."""
    regularizer = PrototypeRegularizer(torch.eye(3, dtype=dtype)[:2], capacity=4)
    regularizer.clusters = PredictedClusters(
        sums=torch.tensor([[2.0, 0, 0], [0, 0, 2.0], [0, 2.0, 0]], dtype=dtype),
        target_of=torch.tensor([0, -1, 1]),
    )
    return regularizer


def test_loss_by_hand():
    live = torch.tensor([[4.0, 3.0, 0.0], [0.0, 0.0, 5.0]], dtype=torch.float64)
    # The first joins cluster 0: (2 + 4, 3, 0) / 3 = (2, 1, 0), cosine to (1, 0, 0) 2 / sqrt 5.
    # The second joins cluster 1, which has no target; cluster 2 has no live feature.
    loss = by_hand().loss(live)
    assert loss.item() == pytest.approx(1 - 2 / 5**0.5)


def test_loss_averages_over_prototypes_and_not_over_features():
    live = torch.tensor([[4.0, 3.0, 0.0]] * 4 + [[0.0, 1.0, 0.0]], dtype=torch.float64)
    # Cluster 0: (18, 12, 0): cosine 3 / sqrt 13; cluster 2 lies on its target.
    assert by_hand().loss(live).item() == pytest.approx((1 - 3 / 13**0.5) / 2)


def test_gradient_of_the_loss_is_right_and_reaches_live_features_alone():
    regularizer = by_hand()
    live = torch.tensor(
        [[4.0, 3.0, 1.0], [0.3, 0.1, 5.0], [1.0, 7.0, 2.0], [5.0, 1.0, 1.0]], dtype=torch.float64
    ).requires_grad_()
    assert torch.autograd.gradcheck(regularizer.loss, (live,))
    regularizer.loss(live).backward()
    assert (live.grad.norm(dim=1) > 1e-4).tolist() == [True, False, True, True]


def test_following_the_gradient_brings_the_loss_down():
    regularizer = by_hand()
    live = torch.tensor([[4.0, 3.0, 1.0]], dtype=torch.float64, requires_grad=True)
    before = regularizer.loss(live)
    before.backward()
    assert regularizer.loss(live - live.grad) < before


@pytest.mark.parametrize("live", [torch.zeros(0, 3), torch.tensor([[0.0, 0.0, 1.0]])])
def test_nothing_to_pull_is_zero_and_pulls_nothing(live):
    loss = by_hand(torch.float32).loss(live.requires_grad_())
    assert loss.item() == 0
    if loss.requires_grad:
        loss.backward()
        assert not live.grad.any()


def test_before_the_first_refresh_the_loss_is_zero_without_a_graph():
    loss = PrototypeRegularizer(torch.eye(3), capacity=4).loss(torch.ones(2, 3, requires_grad=True))
    assert loss.item() == 0
    assert not loss.requires_grad


def test_half_precision_features_are_summed_in_the_type_of_the_target():
    live = torch.tensor([[4.0, 3.0, 0.0]], dtype=torch.bfloat16, requires_grad=True)
    loss = by_hand(torch.float32).loss(live)
    assert loss.dtype == torch.float32
    loss.backward()
    assert live.grad.abs().sum() > 0


def refreshed(capacity=48):
    regularizer = PrototypeRegularizer(normal(9, 5), capacity=capacity, min_clusters=4)
    regularizer.push(normal(capacity + 5, 5, seed=1))
    regularizer.refresh()
    return regularizer


def test_refresh_clusters_the_bank_and_pairs_at_least_cost():
    regularizer = refreshed()
    clusters = regularizer.clusters
    labels = coarsest_partition(regularizer.bank.features, min_clusters=4)
    assert len(clusters.sums) >= 4
    for label, total in enumerate(clusters.sums):
        torch.testing.assert_close(total, regularizer.bank.features[labels == label].sum(dim=0))
    rows, cols = match_prototypes(clusters.sums, regularizer.target)
    assert clusters.target_of[rows].tolist() == cols.tolist()
    assert (clusters.target_of >= 0).sum() == min(len(clusters.sums), 9)


def test_refresh_waits_for_a_full_bank():
    regularizer = PrototypeRegularizer(torch.eye(3), capacity=4)
    regularizer.push(torch.ones(3, 3))
    with pytest.raises(ValueError, match="holds 3 of 4 features"):
        regularizer.refresh()


def test_a_restored_regularizer_goes_on_exactly():
    first = refreshed()
    second = PrototypeRegularizer(torch.zeros(9, 5, dtype=torch.float64), capacity=48)
    second.min_clusters = 4
    second.load_state_dict(first.state_dict())
    for step in range(3):
        live = normal(7, 5, seed=10 + step)
        assert first.loss(live).item() == second.loss(live).item()
        for regularizer in (first, second):
            regularizer.push(live)
            regularizer.refresh()
    assert first.bank.features.equal(second.bank.features)


def test_a_state_is_a_copy_and_may_lack_clusters():
    fresh = PrototypeRegularizer(torch.eye(3), capacity=4)
    state = fresh.state_dict()
    fresh.push(torch.ones(4, 3))
    fresh.refresh()
    fresh.load_state_dict(state)
    assert len(fresh.bank) == 0
    assert fresh.clusters is None
