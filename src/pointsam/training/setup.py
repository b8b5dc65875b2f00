"""Makes the parts of a run from its settings: views, prototypes, teacher, trainer."""

import logging
from collections.abc import Collection, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from pointsam.data.dataset import ImageSource
from pointsam.data.records import ImageRecord
from pointsam.errors import InputError
from pointsam.models.adapters.lora import Adapter, AdapterAverage
from pointsam.models.loading.checkpoints import load_segmenter
from pointsam.models.segmenter import Segmenter
from pointsam.progress import Bar
from pointsam.randomness import addressed_generator
from pointsam.training.collapse_monitor import CollapseMonitor
from pointsam.training.loop import make_optimizer
from pointsam.training.prototypes import PrototypeRegularizer, point_features, target_prototypes
from pointsam.training.pseudo_labels import Teacher
from pointsam.training.ranks import ALONE, Ranks
from pointsam.training.settings import GIVEN_MASK_REGIMES, TrainSettings
from pointsam.training.starting import Start, adapter_to_train
from pointsam.training.state import TrainState
from pointsam.training.step import FrozenFeatureSource, Trainer
from pointsam.training.views import Views

_logger = logging.getLogger(__name__)


def load_base(settings: TrainSettings, *, device: str) -> Segmenter:
    """Load the frozen model of a run."""
    model = load_segmenter(settings.model.name, side=settings.model.side, device=device)
    model.checkpointing = settings.model.checkpointing
    model.chunk_size = settings.model.chunk_size
    return model


def make_views(
    records: Sequence[ImageRecord],
    images: ImageSource,
    settings: TrainSettings,
    *,
    stride: int,
    pinned: bool = False,
    unclear: Collection[str] = (),
) -> Views:
    """Give the views of a run.

    Args:
        records: of the training images.
        images: gives their pixels.
        settings: of the run.
        stride: of the model's image embedding, in pixels of the model frame.
        pinned: put them in page-locked memory, which a GPU reads without waiting.
        unclear: images with an object whose place is not known: nothing there is background.
    """
    asks_background = settings.loss.background > 0
    return Views(
        records,
        images,
        seed=settings.seed,
        side=settings.model.side,
        count=settings.data.views,
        max_instances=settings.data.max_instances,
        strong_share=settings.data.strong_share,
        moved_clicks=settings.data.moved_clicks,
        background_share=settings.data.background_share if asks_background else 0.0,
        unclear=unclear,
        with_masks=settings.regime in GIVEN_MASK_REGIMES,
        stride=stride,
        pinned=pinned,
    )


def new_state(
    model: Segmenter,
    views: Views,
    settings: TrainSettings,
    *,
    first_block: int,
    frozen_features: FrozenFeatureSource,
    saved: dict[str, Any] | None,
    ranks: Ranks,
    start: Start | None = None,
) -> TrainState:
    """Put an adapter on a model, and make the parts of a run that change from step to step.

    Args:
        model: frozen, without an adapter.
        views: of the training images.
        settings: of the run, its precision settled.
        first_block: of the encoder that the adapter may change.
        frozen_features: gives the frozen part's output.
        saved: state of a resumed run; only its prototypes are read here.
        ranks: the processes of the run.
        start: the adapter that the run starts from; None makes a new one.

    Raises:
        InputError: an adapter that can't be made or does not fit, or too few points for prototypes.
    """
    adapter = adapter_to_train(model, start, settings, first_block=first_block)
    target = find_prototypes(
        model,
        adapter,
        views,
        settings,
        frozen_features=frozen_features,
        saved=saved,
        ranks=ranks,
    )
    trainer = make_trainer(
        model, adapter, settings, frozen_features=frozen_features, target=target, ranks=ranks
    )
    optimizer = make_optimizer(adapter.parameters(), settings.schedule)
    return TrainState(trainer, optimizer, CollapseMonitor(settings.monitor))


def make_trainer(
    model: Segmenter,
    adapter: Adapter,
    settings: TrainSettings,
    *,
    frozen_features: FrozenFeatureSource,
    target: Float[Tensor, "target channels"] | None,
    ranks: Ranks = ALONE,
) -> Trainer:
    """Make the trainer of a run.

    Args:
        model: with `adapter` on it.
        adapter: that is trained.
        settings: of the run.
        frozen_features: gives the frozen part's output.
        target: prototypes of the frozen model; None where no loss term needs them.
        ranks: the processes of the run.
    """
    assert settings.precision != "auto"  # settled before
    average = AdapterAverage(adapter, decay=settings.schedule.average_decay)
    teacher = None
    if settings.regime not in GIVEN_MASK_REGIMES:
        teacher = Teacher(model, adapter, settings.teacher, average=average)
    regularizer = None
    if target is not None:
        regularizer = PrototypeRegularizer(
            target,
            capacity=settings.prototypes.bank,
            min_clusters=settings.prototypes.min_clusters,
            interval=settings.prototypes.interval,
        )
    scaler = None
    if settings.precision == "float16":
        scaler = torch.amp.GradScaler(model.device.type)
    return Trainer(
        model=model,
        adapter=adapter,
        average=average,
        frozen_features=frozen_features,
        teacher=teacher,
        regularizer=regularizer,
        weights=settings.loss.weights,
        gamma=settings.loss.gamma,
        focal_mean=settings.loss.focal_mean,
        soft_edges=settings.loss.soft_edges,
        precision=settings.precision,
        scaler=scaler,
        ranks=ranks,
    )


def find_prototypes(
    model: Segmenter,
    adapter: Adapter,
    views: Views,
    settings: TrainSettings,
    *,
    frozen_features: FrozenFeatureSource,
    saved: dict[str, Any] | None,
    ranks: Ranks,
) -> Float[Tensor, "target channels"] | None:
    """Give the target prototypes of a run: the saved ones, or new ones of the frozen model.

    Args:
        model: with `adapter` on it.
        adapter: switched off while the frozen model runs.
        views: of the training images.
        settings: of the run.
        frozen_features: gives the frozen part's output.
        saved: state of a resumed run.
        ranks: the processes of the run.

    Returns:
        None where the run has no prototype term.

    Raises:
        InputError: the images have too few points.
    """
    if not settings.loss.prototype:
        return None
    if saved is not None:
        kept: Tensor = saved["prototypes"]["target"].to(model.device)
        return kept
    if ranks.first:
        _warn_of_idle_bank(views, settings)
    return _frozen_prototypes(
        model,
        adapter,
        views,
        frozen_features,
        images=settings.prototypes.images,
        min_clusters=settings.prototypes.min_clusters,
        ranks=ranks,
    )


def _warn_of_idle_bank(views: Views, settings: TrainSettings) -> None:
    """Warn where the memory bank can't fill, since the prototype term then stays zero."""
    instances = sum(min(len(record.instances), views.max_instances) for record in views.records)
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
    frozen_features: FrozenFeatureSource,
    *,
    images: int,
    min_clusters: int,
    ranks: Ranks,
) -> Float[Tensor, "target channels"]:
    """Cluster the frozen model's point features of some training images.

    Each rank encodes its share of them; the first clusters them for all.

    Source: PointSAM (arXiv:2409.13401), "Prototype-based Regularization", offline part.
    """
    generator = addressed_generator(views.seed, "target prototypes")
    order = torch.randperm(len(views.records), generator=generator).tolist()
    order = order[:images]
    own = ranks.share(order)
    features = []
    # A rank without an image encodes one to learn the number of channels, and keeps no feature.
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
        if len(found) < min_clusters:
            raise InputError(
                f"{len(found)} positive points are too few for "
                f"{min_clusters} prototypes: give more points, lower "
                "prototypes.min_clusters, or set loss.prototype to 0."
            )
    target = target_prototypes(found, min_clusters=min_clusters)
    return ranks.from_first(target)
