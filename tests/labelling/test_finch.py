from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsam.labelling import finch as finch_module
from pointsam.labelling.finch import cluster_means, coarsest_partition, finch, first_neighbours


def plain_first_neighbour(features, index):
    """The lowest index among the most alike; copies of a vector are alike beyond rounding."""
    best, best_similarity = -1, -np.inf
    for other, feature in enumerate(features):
        if other == index:
            continue
        length = np.linalg.norm(features[index]) * np.linalg.norm(feature)
        similarity = features[index] @ feature / length
        if (feature == features[index]).all():
            similarity = 2.0
        if similarity > best_similarity + 1e-12:
            best, best_similarity = other, similarity
    return best


def plain_finch(features):
    """The paper's adjacency, written out, and components by flooding."""
    labels, partitions, means = np.arange(len(features)), [], features
    while len(means) > 1:
        near = [plain_first_neighbour(means, index) for index in range(len(means))]
        joined, found = -np.ones(len(means), dtype=int), 0
        for start in range(len(means)):
            if joined[start] >= 0:
                continue
            front = [start]
            while front:
                i = front.pop()
                joined[i] = found
                front += [
                    j
                    for j in range(len(means))
                    if joined[j] < 0 and (near[i] == j or near[j] == i or near[i] == near[j])
                ]
            found += 1
        labels = joined[labels]
        partitions.append(labels.tolist())
        means = np.stack([features[labels == label].mean(axis=0) for label in range(found)])
    return partitions


def around(centres, members, *, spread, seed=0):
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(len(centres), members, centres.shape[1], generator=generator)
    return (centres[:, None] + spread * noise).flatten(0, 1)


@given(seed=st.integers(0, 2**16), count=st.integers(2, 24))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_agrees_with_the_plain_version(seed, count):
    features = torch.randn(
        count, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )
    assert [labels.tolist() for labels in finch(features)] == plain_finch(features.numpy())


@given(seed=st.integers(0, 2**16))
@settings(max_examples=15, deadline=None, derandomize=True)
def test_agrees_with_the_plain_version_where_vectors_are_repeated(seed):
    generator = torch.Generator().manual_seed(seed)
    kinds = torch.randn(5, 4, generator=generator, dtype=torch.float64)
    features = kinds[torch.randint(5, (12,), generator=generator)]
    # The first level is where copies meet; further levels only hold means.
    assert finch(features)[0].tolist() == plain_finch(features.numpy())[0]


def test_finds_known_clusters_whatever_their_length():
    centres = torch.eye(6)[:, None].mul(torch.tensor([1.0, 9.0])[:, None]).flatten(0, 1)
    features = around(centres, 10, spread=0.02)
    truth = torch.arange(6).repeat_interleave(20)
    partition = next(labels for labels in finch(features) if int(labels.max()) + 1 == 6)
    assert partition.tolist() == truth.tolist()


def test_each_level_joins_whole_clusters_of_the_one_before():
    features = torch.randn(300, 16, generator=torch.Generator().manual_seed(3))
    partitions = finch(features)
    sizes = [int(labels.max()) + 1 for labels in partitions]
    assert sizes[-1] == 1
    assert all(2 * coarse <= fine for fine, coarse in pairwise([300, *sizes]))
    for fine, coarse in pairwise(partitions):
        assert len(torch.stack([fine, coarse]).unique(dim=1)[0]) == int(fine.max()) + 1


def test_labels_count_in_order_of_first_appearance():
    features = around(torch.eye(4), 3, spread=0.01)[torch.tensor([9, 0, 3, 6, 10, 1, 4, 7])]
    assert finch(features)[0].tolist() == [0, 1, 2, 3, 0, 1, 2, 3]


def test_none_one_and_two_features():
    assert finch(torch.zeros(0, 3)) == []
    assert [labels.tolist() for labels in finch(torch.ones(1, 3))] == [[0]]
    assert [labels.tolist() for labels in finch(torch.tensor([[1.0, 0], [0, 1]]))] == [[0, 0]]
    assert coarsest_partition(torch.zeros(0, 3)).shape == (0,)


def test_of_equally_near_features_the_first_is_taken():
    assert first_neighbours(torch.eye(4)).tolist() == [1, 0, 0, 0]


def test_copies_are_their_own_neighbours_in_order():
    a, b = torch.randn(2, 64, generator=torch.Generator().manual_seed(0))
    near = first_neighbours(torch.stack([a, b, a, a, b]))
    assert near.tolist() == [2, 4, 0, 0, 1]


@pytest.mark.parametrize("rows", [1, 2, 3, 101])
def test_rounding_does_not_choose_among_copies(monkeypatch, rows):
    # The rounding of a product depends on where in a block it stands.
    kinds = torch.randn(7, 50, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(finch_module, "BLOCK_ELEMENTS", 101 * rows)
    near = first_neighbours(kinds[torch.arange(101) % 7])
    assert near.tolist() == [*range(7, 14), *(index % 7 for index in range(7, 101))]


def test_identical_features_are_one_cluster():
    assert [labels.tolist() for labels in finch(torch.ones(7, 3))] == [[0] * 7]


def test_zero_vectors_are_clustered_with_each_other():
    features = torch.cat([torch.zeros(3, 4), around(torch.eye(4)[:1], 3, spread=0.01)])
    assert finch(features)[0].tolist() == [0, 0, 0, 1, 1, 1]


def test_the_size_of_a_block_changes_nothing(monkeypatch):
    features = torch.randn(101, 8, generator=torch.Generator().manual_seed(1))
    whole = first_neighbours(features)
    monkeypatch.setattr(finch_module, "BLOCK_ELEMENTS", 101 * 7)
    assert first_neighbours(features).tolist() == whole.tolist()


def test_half_precision_is_clustered_in_single():
    features = torch.randn(40, 8, generator=torch.Generator().manual_seed(2)).half()
    expected = [labels.tolist() for labels in finch(features.float())]
    assert [labels.tolist() for labels in finch(features)] == expected


def test_coarsest_partition_keeps_enough_clusters():
    features = torch.randn(200, 12, generator=torch.Generator().manual_seed(4))
    partitions = finch(features)
    sizes = [int(labels.max()) + 1 for labels in partitions]
    for least in (1, 2, 8, sizes[0]):
        chosen = coarsest_partition(features, min_clusters=least)
        expected = max(level for level, size in enumerate(sizes) if size >= least)
        assert chosen.tolist() == partitions[expected].tolist()


def test_coarsest_partition_is_the_finest_where_none_is_rich_enough():
    features = around(torch.eye(3), 4, spread=0.01)
    assert coarsest_partition(features, min_clusters=8).tolist() == finch(features)[0].tolist()


def test_cluster_means_by_hand():
    features = torch.tensor([[1.0, 2.0], [10.0, 10.0], [3.0, 4.0]])
    means = cluster_means(features, torch.tensor([0, 1, 0]))
    assert means.tolist() == [[2.0, 3.0], [10.0, 10.0]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_clustering_keeps_no_graph(dtype):
    features = torch.randn(20, 4, dtype=dtype, requires_grad=True)
    assert not any(labels.requires_grad for labels in finch(features))
