"""FINCH: clustering by first neighbours, without a given number of clusters or a radius.

Source: Sarfraz, Sharma, Stiefelhagen, "Efficient Parameter-free Clustering Using First Neighbor
    Relations" (CVPR 2019), with cosine similarity. Neighbours are exact at every size, while the
    authors' code searches approximately in large sets. Ties go to the lowest index.
"""

import torch
from jaxtyping import Float, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor
from torch.nn import functional as F

BLOCK_ELEMENTS = 2**25
"""Similarities in memory at once: 128 MiB of float32."""


def finch(features: Float[Tensor, "features channels"]) -> list[Int[Tensor, " features"]]:
    """Give the hierarchy of partitions, finest first, each as one label for each feature.

    Every feature is joined to its first neighbour; connected features are a cluster. The means
    of the clusters are clustered in the same way, until one cluster is left: the last partition.
    Labels count from 0 in order of first appearance. There is no gradient. One feature gives one
    cluster; no feature gives no partition.
    """
    features = _detached(features)
    partitions: list[Tensor] = []
    labels = torch.arange(len(features), device=features.device)
    count, means = len(features), features
    while count > 1 or (count == 1 and not partitions):
        joined = _join_first_neighbours(means)
        labels = joined[labels]
        partitions.append(labels)
        # Each cluster has two members or more, so the number at least halves.
        means = cluster_means(features, labels)
        count = len(means)
    return partitions


def coarsest_partition(
    features: Float[Tensor, "features channels"], *, min_clusters: int = 8
) -> Int[Tensor, " features"]:
    """Give the coarsest FINCH partition that still has `min_clusters` clusters.

    If the finest has fewer, the finest is given. The release of PointSAM takes the last
    partition, which is unstable: another draw of points gives two prototypes or five.
    """
    partitions = finch(features)
    if not partitions:
        return torch.zeros(0, dtype=torch.long, device=features.device)
    rich_enough = [labels for labels in partitions if int(labels.max()) + 1 >= min_clusters]
    return rich_enough[-1] if rich_enough else partitions[0]


def cluster_means(
    features: Float[Tensor, "features channels"], labels: Int[Tensor, " features"]
) -> Float[Tensor, "clusters channels"]:
    """Give the mean feature of each cluster; labels are 0 to clusters - 1, all in use."""
    sums, counts = cluster_sums(features, labels)
    return sums / counts[:, None]


def cluster_sums(
    features: Float[Tensor, "features channels"], labels: Int[Tensor, " features"]
) -> tuple[Float[Tensor, "clusters channels"], Int[Tensor, " clusters"]]:
    """Give the sum of each cluster's features and their number."""
    counts = torch.bincount(labels)
    sums = features.new_zeros(len(counts), features.shape[1])
    return sums.index_add(0, labels, features), counts


def first_neighbours(features: Float[Tensor, "features channels"]) -> Int[Tensor, " features"]:
    """Give the index of each feature's nearest other one by cosine, for two or more features.

    Of several equally near ones it is the lowest. Exact copies are found by comparison, since
    rounded products would choose among them at random. Memory grows with the number of features,
    not with its square.
    """
    unit = F.normalize(_detached(features), dim=1)
    count = len(unit)
    nearest = torch.empty(count, dtype=torch.long, device=unit.device)
    rows = max(1, BLOCK_ELEMENTS // count)
    for block in torch.arange(count, device=unit.device).split(rows):
        similarity = unit[block] @ unit.T
        similarity[torch.arange(len(block), device=unit.device), block] = -torch.inf
        nearest[block] = similarity.max(dim=1).indices
    return _prefer_copies(nearest, unit)


def _prefer_copies(
    nearest: Int[Tensor, " features"], unit: Float[Tensor, "features channels"]
) -> Int[Tensor, " features"]:
    """Make the first copy the neighbour of every copy, and the second that of the first."""
    distinct, group = unit.unique(dim=0, return_inverse=True)
    if len(distinct) == len(unit):
        return nearest
    # A stable sort keeps the order of the features within a group.
    order = group.argsort(stable=True)
    sizes = torch.bincount(group)
    start = sizes.cumsum(0) - sizes
    first = order[start][group]
    second = order[(start + 1).clamp(max=len(order) - 1)][group]
    is_first = first == torch.arange(len(unit), device=unit.device)
    return torch.where(sizes[group] > 1, torch.where(is_first, second, first), nearest)


def _join_first_neighbours(features: Float[Tensor, "features channels"]) -> Tensor:
    """Label the connected parts of the graph that links every feature to its first neighbour.

    Two features that share a first neighbour are connected through it, so these links give the
    same parts as the paper's adjacency.
    """
    count = len(features)
    if count == 1:
        return torch.zeros(1, dtype=torch.long, device=features.device)
    nearest = first_neighbours(features).cpu().numpy()
    itself = torch.arange(count).numpy()
    links = coo_array((torch.ones(count).numpy(), (itself, nearest)), shape=(count, count))
    _, labels = connected_components(links, directed=False)
    return torch.as_tensor(labels, dtype=torch.long, device=features.device)


def _detached(features: Tensor) -> Tensor:
    """Detach, and convert half precision to float32: it cannot tell near neighbours apart."""
    return features.detach().to(torch.promote_types(features.dtype, torch.float32))
