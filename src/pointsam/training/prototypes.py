"""Prototype-based regularization: the adapted encoder is held to the frozen one's clusters.

Before training, the frozen model's point features are clustered once; the cluster centres are the
target prototypes. During training, recent point features fill a memory bank, which is clustered
from time to time. The live features of the current step join the nearest of these clusters. The
means of the clusters are the predicted prototypes, and the loss pulls each to its paired target.

Source: PointSAM (arXiv:2409.13401), "Prototype-based Regularization". Where we differ from its
    release: there, features are detached before they are clustered and the loss is added up
    as Python numbers, so it trains nothing. Features are read at transposed positions and for
    the first instance only. The last FINCH partition, of two to five clusters, gives the
    prototypes. Here the features of the current step keep their gradient, a point is read at
    row y and column x for every instance, and the coarsest partition of at least eight
    clusters is taken.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional as F

from pointsam.frames import ModelFrame
from pointsam.labelling.finch import cluster_means, cluster_sums, coarsest_partition
from pointsam.prompts import Prompts

MIN_CLUSTERS = 8
"""Fewest clusters that a partition must have to give prototypes."""


def point_features(
    feature_map: Float[Tensor, "channels rows cols"], frame: ModelFrame, prompts: Prompts
) -> Float[Tensor, "positives channels"]:
    """Read one image's embedding cell under each positive point, instance after instance.

    Gradient flows to `feature_map`.

    Args:
        feature_map: one cell every ``frame.stride`` pixels of the model frame.
        frame: of this image.
        prompts: in the model frame; best on the CPU.

    Raises:
        ValueError: the map is not this frame's, or a point lies outside the model frame.
    """
    cells = frame.side // frame.stride
    if feature_map.shape[1:] != (cells, cells):
        raise ValueError(
            f"feature map is {tuple(feature_map.shape[1:])} cells, but a {frame.side} px frame "
            f"with stride {frame.stride} has {cells} x {cells}."
        )
    points = prompts.positives()[0]
    row, col = frame.to_cell(points).to(feature_map.device, non_blocking=True).unbind(dim=1)
    return feature_map[:, row, col].T


def target_prototypes(
    features: Float[Tensor, "features channels"], *, min_clusters: int = MIN_CLUSTERS
) -> Float[Tensor, "target channels"]:
    """Give the cluster centres of the frozen model's point features; no gradient."""
    features = features.detach()
    return cluster_means(features, coarsest_partition(features, min_clusters=min_clusters))


def match_prototypes(
    predicted: Float[Tensor, "predicted channels"], target: Float[Tensor, "target channels"]
) -> tuple[Int[Tensor, " pairs"], Int[Tensor, " pairs"]]:
    """Pair prototypes one to one so that the sum of cosine distances is smallest.

    Returns:
        Indices into `predicted`, rising, and the indices into `target` that they are paired with;
        as many pairs as the smaller of the two holds.
    """
    rows, cols = linear_sum_assignment(_cosine_distance(predicted, target).detach().cpu().numpy())
    return (
        torch.as_tensor(rows, device=predicted.device),
        torch.as_tensor(cols, device=predicted.device),
    )


def _cosine_distance(
    predicted: Float[Tensor, "predicted channels"], target: Float[Tensor, "target channels"]
) -> Float[Tensor, "predicted target"]:
    return 1 - F.normalize(predicted, dim=1) @ F.normalize(target, dim=1).T


class MemoryBank:
    """Holds the latest point features, detached; new ones replace the oldest."""

    def __init__(self, *, capacity: int, like: Float[Tensor, "_ channels"]) -> None:
        """Start empty.

        Args:
            capacity: most features held.
            like: gives channels, type and device; its values are not read.
        """
        if capacity < 1:
            raise ValueError(f"a memory bank holds at least one feature, got {capacity}.")
        self.capacity = capacity
        self._features = like.detach().new_empty(0, like.shape[1])

    def __len__(self) -> int:
        return len(self._features)

    @property
    def full(self) -> bool:
        """Whether the next feature would replace one."""
        return len(self) == self.capacity

    @property
    def features(self) -> Float[Tensor, "stored channels"]:
        """The features, oldest first."""
        return self._features

    def push(self, features: Float[Tensor, "new channels"]) -> None:
        """Add features, the last one newest, and drop the oldest beyond the capacity."""
        new = features.detach().to(self._features)
        self._features = torch.cat([self._features, new])[-self.capacity :]

    def state_dict(self) -> dict[str, Tensor]:
        """Give what `load_state_dict` needs to go on exactly."""
        return {"features": self._features.clone()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a state of a bank of the same capacity and channels.

        Raises:
            ValueError: the state holds more features, or other channels, than this bank can.
        """
        stored = state["features"]
        if len(stored) > self.capacity or stored.shape[1] != self._features.shape[1]:
            raise ValueError(
                f"the saved memory bank is {tuple(stored.shape)} features x channels; this one "
                f"takes at most {(self.capacity, self._features.shape[1])}."
            )
        self._features = stored.to(self._features).clone()


@dataclass(frozen=True, eq=False)
class PredictedClusters:
    """The bank's clusters at the last refresh; constants."""

    sums: Float[Tensor, "clusters channels"]
    """Of the stored features of each cluster; a sum has the direction of the mean."""
    target_of: Int[Tensor, " clusters"]
    """Index of the target prototype that a cluster is paired with; -1 for no target."""


class PrototypeRegularizer:
    """Holds the target prototypes, the memory bank and its current clusters.

    A step calls ``refresh()`` where it is ``due``, then ``loss(features)`` with the live features,
    then ``push(features)``.
    """

    def __init__(
        self,
        target: Float[Tensor, "target channels"],
        *,
        capacity: int,
        min_clusters: int = MIN_CLUSTERS,
        interval: int = 1,
    ) -> None:
        """Start with an empty bank of `capacity` features and no clusters.

        Args:
            target: prototypes of the frozen model.
            capacity: features in the bank.
            min_clusters: of the FINCH partition that is used.
            interval: steps between two clusterings.
        """
        self.target = target.detach()
        self.bank = MemoryBank(capacity=capacity, like=self.target)
        self.min_clusters = min_clusters
        self.interval = interval
        self.clusters: PredictedClusters | None = None

    def due(self, step: int) -> bool:
        """Whether to cluster before a step: at the interval, or as soon as the bank has filled."""
        return self.bank.full and (self.clusters is None or step % self.interval == 0)

    def push(self, features: Float[Tensor, "live channels"]) -> None:
        """Add the features of a step to the bank."""
        self.bank.push(features)

    @torch.no_grad()
    def refresh(self) -> PredictedClusters:
        """Cluster the bank again and pair its clusters with the targets, without gradient.

        Returns:
            The clusters, which `loss` reads from now on.

        Raises:
            ValueError: the bank is not full yet.
        """
        if not self.bank.full:
            raise ValueError(
                f"the memory bank holds {len(self.bank)} of {self.bank.capacity} features; "
                "refresh() waits until it is full."
            )
        features = self.bank.features
        labels = coarsest_partition(features, min_clusters=self.min_clusters)
        sums, counts = cluster_sums(features, labels)
        rows, cols = match_prototypes(sums, self.target)
        target_of = torch.full_like(counts, -1)
        target_of[rows] = cols
        self.clusters = PredictedClusters(sums, target_of)
        return self.clusters

    def loss(self, live: Float[Tensor, "live channels"]) -> Float[Tensor, ""]:
        """Give the mean cosine distance, in [0, 2], of predicted prototypes to their targets.

        A live feature joins the cluster it is nearest to by cosine; a predicted prototype is
        the mean of a cluster's stored and live features. Only clusters with a live feature and
        a target count. A cosine depends on directions alone, so sums are used in place of means.
        Gradient flows to `live`; a live feature among many stored ones has a small gradient. The
        loss is zero before the first refresh, and where no live feature joins a paired cluster.
        """
        live = live.to(torch.promote_types(live.dtype, self.target.dtype))
        if self.clusters is None or not len(live):
            return live.new_zeros(())
        clusters = self.clusters
        nearest = _cosine_distance(live.detach(), clusters.sums.to(live)).argmin(dim=1)
        numbers = torch.arange(len(clusters.sums), device=live.device)
        member = (nearest == numbers[:, None]).to(live)
        touched = (member.sum(dim=1) > 0) & (clusters.target_of >= 0)
        # All clusters are computed and those without a live feature get weight 0: to select them,
        # the CPU would have to wait for the GPU to say how many there are.
        sums = clusters.sums.to(live) + member @ live
        target = self.target.to(live)[clusters.target_of.clamp(min=0)]
        distance = (1 - F.cosine_similarity(sums, target, dim=1)).where(touched, 0)
        return distance.sum() / touched.sum().clamp(min=1)

    def state_dict(self) -> dict[str, Tensor]:
        """Give tensors from which `load_state_dict` goes on exactly."""
        state = {"target": self.target.clone()}
        state |= {f"bank.{name}": value for name, value in self.bank.state_dict().items()}
        if self.clusters is not None:
            state["clusters.sums"] = self.clusters.sums.clone()
            state["clusters.target_of"] = self.clusters.target_of.clone()
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a state of a regularizer with the same settings, on this one's device.

        Raises:
            ValueError: the saved bank does not fit this one's.
        """
        self.bank.load_state_dict({"features": state["bank.features"]})
        self.target = state["target"].to(self.target).clone()
        self.clusters = None
        if "clusters.sums" in state:
            self.clusters = PredictedClusters(
                sums=state["clusters.sums"].to(self.target).clone(),
                target_of=state["clusters.target_of"].to(self.target.device).clone(),
            )
