"""Training that starts from an adapter, on the same base, with the same or other data."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pointsam.errors import InputError
from pointsam.files import sha256_of
from pointsam.models.adapters.card import AdapterCard, read_card
from pointsam.models.adapters.listing import WEIGHTS_NAME
from pointsam.models.adapters.lora import Adapter, attach_adapter
from pointsam.models.cache import FeatureCache
from pointsam.models.loading.checkpoints import load_adapter
from pointsam.models.segmenter import Segmenter
from pointsam.prediction.predictor import usual_base
from pointsam.training.settings import TrainSettings

KEPT = ("side", "rank", "adapt", "first_block")
"""Settings of the model that an adapter fixes, by their name in its card."""


@dataclass(frozen=True)
class Start:
    """The adapter that a run starts from."""

    folder: Path
    card: AdapterCard
    weights_hash: str

    @property
    def described(self) -> dict[str, str]:
        """Give the entry about it in the card of the new adapter."""
        return {"name": self.folder.resolve().name, "weights": self.weights_hash}

    def settings(self, *, named: str | None = None) -> dict[str, Any]:
        """Give the settings of the adapter, which the user's settings override.

        Args:
            named: model that the user names; else the adapter's own base is meant.

        Raises:
            InputError: the adapter's base is not here, and nobody named it.
        """
        return {"model": {"name": named or usual_base(self.folder, card=self.card)} | self._fixed()}

    def put_on(self, model: Segmenter, settings: TrainSettings) -> Adapter:
        """Load the adapter on its base, ready to be trained.

        Raises:
            InputError: another base, or settings of the model that the adapter does not have.
        """
        asked = settings.model.model_dump(mode="json")
        for name, value in self._fixed().items():
            # Another side is allowed: the input only changes size. None takes the adapter's side.
            if name != "side" and asked[name] not in (None, value):
                raise InputError(
                    f"--start-from {self.folder}: the adapter has {name} {value}, but the settings "
                    f"say {asked[name]}: leave {name} out, or start without an adapter."
                )
        return load_adapter(model, self.folder)

    def _fixed(self) -> dict[str, Any]:
        card = self.card.model_dump(mode="json")
        return {name: card[name] for name in KEPT}


def start_from(folder: Path) -> Start:
    """Read an adapter folder.

    Raises:
        FileNotFoundError: it is none.
        InputError: it is damaged.
    """
    card = read_card(folder)
    weights = folder / WEIGHTS_NAME
    if not weights.is_file():
        raise FileNotFoundError(f"{folder} is no complete adapter folder: no {WEIGHTS_NAME}.")
    return Start(folder, card, sha256_of(weights))


def hashed(
    sources: Mapping[str, str], start: Start | None, cache: FeatureCache | None
) -> dict[str, str]:
    """Name what a run begins with, and how its cache rounds.

    Args:
        sources: hash of each input file, by name.
        start: the first adapter.
        cache: of frozen features.
    """
    named = dict(sources)
    if start is not None:
        named[f"start: {start.folder.name}"] = start.weights_hash
    if cache is not None and cache.dtype != torch.float32:
        named["--cache, whose features are rounded"] = str(cache.dtype)
    return named


def adapter_to_train(
    model: Segmenter, start: Start | None, settings: TrainSettings, *, first_block: int
) -> Adapter:
    """Put the adapter to train on the model: a new one, or the one to start from.

    Raises:
        InputError: nothing to adapt, or an adapter that does not fit.
    """
    if start is not None:
        return start.put_on(model, settings)
    return attach_adapter(
        model,
        rank=settings.model.rank,
        first_block=first_block,
        seed=settings.seed,
        adapt=settings.model.adapt,
        alpha=settings.model.alpha,
    )
