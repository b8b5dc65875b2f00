"""From settings to what a step needs: teacher, target prototypes, trainer."""

import logging
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from pointsam.errors import InputError
from pointsam.models.adapters.lora import Adapter, AdapterAverage
from pointsam.models.segmenter import Segmenter
from pointsam.progress import Bar
from pointsam.randomness import addressed_generator
from pointsam.training.prototypes import PrototypeRegularizer, point_features, target_prototypes
from pointsam.training.pseudo_labels import Teacher
from pointsam.training.ranks import Ranks
from pointsam.training.scaler import LossScaler
from pointsam.training.settings import TrainSettings
from pointsam.training.step import FrozenFeatureSource, Trainer
from pointsam.training.views import Views

_logger = logging.getLogger(__name__)


def make_trainer(
    model: Segmenter,
    adapter: Adapter,
    views: Views,
    settings: TrainSettings,
    *,
    frozen_features: FrozenFeatureSource,
    saved: dict[str, Any] | None,
    ranks: Ranks,
) -> Trainer:
    """Put together what a step needs.

    Args:
        model: with `adapter` on it.
        adapter: still changing nothing, or about to be loaded from `saved`.
        views: of the training images.
        settings: of the run.
        frozen_features: gives the frozen part's output.
        saved: state of the run to go on with; it holds the target prototypes.
        ranks: the processes of the run.
    """
    regularizer = None
    if settings.loss.prototype:
        if saved is None:
            target = _frozen_prototypes(model, adapter, views, settings, frozen_features, ranks)
        else:
            target = saved["prototypes"]["target"].to(model.device)
        regularizer = PrototypeRegularizer(
            target,
            capacity=settings.prototypes.bank,
            min_clusters=settings.prototypes.min_clusters,
        )
        if ranks.first:
            _warn_of_idle_bank(views, settings)
    average = AdapterAverage(adapter, decay=settings.schedule.average_decay)
    teacher = (
        None
        if settings.regime in ("supervised", "labels")
        else Teacher(model, adapter, settings.teacher, average=average)
    )
    return Trainer(
        model=model,
        adapter=adapter,
        average=average,
        frozen_features=frozen_features,
        teacher=teacher,
        regularizer=regularizer,
        weights=settings.loss,
        precision=settings.precision,
        scaler=LossScaler() if settings.precision == "float16" else None,
        ranks=ranks,
    )


def _warn_of_idle_bank(views: Views, settings: TrainSettings) -> None:
    """Say so where the memory bank can't fill: the prototype term would stay zero unnoticed."""
    most = settings.data.max_instances
    instances = sum(min(len(record.instances), most) for record in views.records)
    expected = int(instances * settings.schedule.epochs)
    if expected < settings.prototypes.bank:
        _logger.warning(
            "the memory bank of %d point features can't fill: the run sees about %d, so "
            "prototypes will not regularize; lower prototypes.bank or give more epochs.",
            settings.prototypes.bank,
            expected,
        )


@torch.no_grad()
def _frozen_prototypes(
    model: Segmenter,
    adapter: Adapter,
    views: Views,
    settings: TrainSettings,
    frozen_features: FrozenFeatureSource,
    ranks: Ranks,
) -> Float[Tensor, "target channels"]:
    """Cluster the frozen model's point features of some training images.

    Each rank encodes its share of them; the first clusters them for all.

    Source: PointSAM (arXiv:2409.13401), "Prototype-based Regularization", offline part.
    """
    generator = addressed_generator(settings.seed, "target prototypes")
    order = torch.randperm(len(views.records), generator=generator).tolist()
    order = order[: settings.prototypes.images]
    own = ranks.share(order)
    features = []
    # A rank without an image reads one for the number of channels, and gives none of it.
    for index in Bar(
        own or order[:1], desc="target prototypes", unit="image", disable=not ranks.first
    ):
        view = views(index, 0)
        with adapter.disabled():
            embedding = model.encode_adapted(frozen_features([view], "weak"))
        [feature_map] = model.feature_map(embedding)
        features.append(point_features(feature_map, view.sample.frame, view.sample.prompts))
    found = ranks.gather(torch.cat(features)[: None if own else 0])
    with ranks.agreeing():
        if len(found) < settings.prototypes.min_clusters:
            raise InputError(
                f"{len(found)} positive points are too few for "
                f"{settings.prototypes.min_clusters} prototypes: give more points, lower "
                "prototypes.min_clusters, or set loss.prototype to 0."
            )
    target = target_prototypes(found, min_clusters=settings.prototypes.min_clusters)
    return ranks.from_first(target)
