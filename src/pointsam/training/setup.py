"""From settings to what a step needs: teacher, target prototypes, learner."""

import logging
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from pointsam.config import TrainSettings
from pointsam.errors import InputError
from pointsam.models.lora import Adapter, AdapterAverage
from pointsam.models.segmenter import Segmenter
from pointsam.randomness import addressed_generator
from pointsam.training.prototypes import PrototypeRegularizer, point_features, target_prototypes
from pointsam.training.pseudo_labels import Teacher
from pointsam.training.state import read_state
from pointsam.training.step import Learner, StemSource
from pointsam.training.views import Views

_logger = logging.getLogger(__name__)


def make_learner(
    model: Segmenter,
    adapter: Adapter,
    views: Views,
    settings: TrainSettings,
    *,
    stems: StemSource,
    resume_from: Path | None,
) -> Learner:
    """Put together what a step needs.

    Args:
        model: with `adapter` on it.
        adapter: still changing nothing, or about to be loaded from `resume_from`.
        views: of the training images.
        settings: of the run.
        stems: gives the frozen part's output.
        resume_from: state of the run to go on with; it holds the target prototypes.
    """
    regularizer = None
    if settings.loss.prototype:
        if resume_from is None:
            target = _frozen_prototypes(model, adapter, views, settings, stems)
        else:
            target = read_state(resume_from)["prototypes"]["target"].to(model.device)
        regularizer = PrototypeRegularizer(
            target,
            capacity=settings.prototypes.bank,
            least_clusters=settings.prototypes.least_clusters,
        )
        _warn_of_idle_bank(views, settings)
    average = AdapterAverage(adapter, decay=settings.schedule.average_decay)
    teacher = (
        None
        if settings.regime == "supervised"
        else Teacher(model, adapter, settings.teacher, average=average)
    )
    return Learner(
        model=model,
        adapter=adapter,
        average=average,
        stems=stems,
        teacher=teacher,
        regularizer=regularizer,
        weights=settings.loss,
        precision=settings.precision,
    )


def _warn_of_idle_bank(views: Views, settings: TrainSettings) -> None:
    """Say so where the memory bank can't fill: the prototype term would stay zero unnoticed."""
    most = settings.data.most_instances
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
    stems: StemSource,
) -> Float[Tensor, "target channels"]:
    """Cluster the frozen model's point features of some training images.

    Source: PointSAM (arXiv:2409.13401), "Prototype-based Regularization", offline part.
    """
    generator = addressed_generator(settings.seed, "target prototypes")
    order = torch.randperm(len(views.records), generator=generator)
    features = []
    for index in tqdm(
        order[: settings.prototypes.images].tolist(), desc="target prototypes", unit="image"
    ):
        view = views(index, 0)
        with adapter.disabled():
            embedding = model.encode_adapted(stems([view], "weak"))
        [feature_map] = model.feature_map(embedding)
        prompts = view.sample.prompts.to(model.device)
        features.append(point_features(feature_map, view.sample.frame, prompts))
    found = torch.cat(features)
    if len(found) < settings.prototypes.least_clusters:
        raise InputError(
            f"{len(found)} positive points are too few for {settings.prototypes.least_clusters} "
            "prototypes: give more points, lower prototypes.least_clusters, or set "
            "loss.prototype to 0."
        )
    return target_prototypes(found, least_clusters=settings.prototypes.least_clusters)
