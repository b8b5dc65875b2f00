"""Where frozen features come from: the frozen part of the encoder, or the cache of its output."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch

from pointsam.data.sample import TrainingSample
from pointsam.models.cache import FeatureCache
from pointsam.models.segmenter import FrozenFeatures, Segmenter
from pointsam.training.step import FrozenFeatureSource, Look


def encoded_frozen_features(
    model: Segmenter, views: Sequence[TrainingSample], look: Look
) -> FrozenFeatures:
    """Run the frozen part of the encoder on one look of some views."""
    pixels = [view.sample.pixels if look == "weak" else view.strong_pixels for view in views]
    features = model.encode_frozen(model.normalise(pixels))
    # A cache gives contiguous tensors back; another memory layout would round differently.
    return FrozenFeatures(tuple(tensor.contiguous() for tensor in features.tensors))


@dataclass(frozen=True)
class CachedFrozenFeatures:
    """Gives frozen features as the cache stores them, also those that were just computed.

    A pass that fills the cache and one that reads it so get the same numbers.
    """

    model: Segmenter
    cache: FeatureCache
    weights: str
    """Hash of the base model."""

    def __call__(self, views: Sequence[TrainingSample], look: Look) -> FrozenFeatures:
        """Read the features that are cached; compute and store the others."""
        frozen_features = [self._one(view, look) for view in views]
        device, dtype = self.model.device, self.model.dtype
        return FrozenFeatures(
            tuple(
                # Autocast refuses to join float16 tensors on a CPU, so they are cast first.
                torch.cat([t.to(device=device, dtype=dtype, non_blocking=True) for t in tensors])
                for tensors in zip(*frozen_features, strict=True)
            )
        )

    def _one(self, view: TrainingSample, look: Look) -> tuple[torch.Tensor, ...]:
        pixels = view.sample.pixels if look == "weak" else view.strong_pixels
        cut = f"{self.weights} {self.model.first_block} {self.model.side} {self._precision()}"
        name = self.cache.name(cut, pixels)
        stored = self.cache.read(name)
        if stored is None:
            stored = self.cache.write(
                name, encoded_frozen_features(self.model, [view], look).tensors
            )
        return stored

    def _precision(self) -> torch.dtype:
        """Give the precision that the encoder is asked for at present."""
        device = self.model.device.type
        if torch.is_autocast_enabled(device):
            return torch.get_autocast_dtype(device)
        return self.model.dtype


def feature_source(
    model: Segmenter, cache: FeatureCache | None, weights: str
) -> FrozenFeatureSource:
    """Choose where frozen features come from.

    Args:
        model: whose frozen part is run.
        cache: of what it gave; None computes each time.
        weights: hash of the base model.
    """
    if cache is None:
        return partial(encoded_frozen_features, model)
    return CachedFrozenFeatures(model, cache, weights)
