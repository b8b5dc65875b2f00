"""The result of a run: an adapter folder with a card that says how it was made."""

import hashlib
import json
import platform
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from pointsam.data.rasters.stretching import Stretch, plain_form
from pointsam.data.records import Dataset, ImageRecord
from pointsam.errors import InputError
from pointsam.files import replacing, sha256_of
from pointsam.models.adapters.card import PROTOTYPES_NAME, AdapterCard, read_card
from pointsam.models.loading.checkpoints import base_hash
from pointsam.models.segmenter import Segmenter
from pointsam.prompts import POSITIVE
from pointsam.training.settings import TrainSettings
from pointsam.training.step import Trainer

_LIBRARIES = ("pointsam", "torch", "transformers", "peft", "numpy", "pillow")


@dataclass(frozen=True)
class AdapterWriter:
    """Writes the adapter of a run into its folder, at any step."""

    folder: Path
    card: AdapterCard

    @classmethod
    def for_run(
        cls,
        folder: Path,
        model: Segmenter,
        settings: TrainSettings,
        records: Sequence[ImageRecord],
        sources: Mapping[str, str],
        *,
        ground_size: float | None = None,
        stretch: Stretch | None = None,
        started_from: dict[str, str] | None = None,
    ) -> "AdapterWriter":
        """Describe a run before it begins; `model` carries no adapter yet."""
        first_block = settings.model.first_block
        card = AdapterCard(
            family=model.family,
            base=settings.model.name,
            base_hash=base_hash(model),
            side=settings.model.side,
            first_block=model.first_block if first_block is None else first_block,
            rank=settings.model.rank,
            adapt=settings.model.adapt,
            ground_size=ground_size,
            stretch=None if stretch is None else plain_form(stretch),
            started_from=started_from,
            settings=settings.model_dump(mode="json"),
            data={
                "images": len(records),
                "instances": sum(len(record.instances) for record in records),
                "sources": dict(sources),
            },
            versions={name: version(name) for name in _LIBRARIES}
            | {"python": platform.python_version()},
        )
        return cls(folder, card)

    def add_scores(self, scores: Mapping[str, float]) -> None:
        """Add the scores that a run measured at its end to its card."""
        read_card(self.folder).model_copy(update={"scores": dict(scores)}).save(self.folder)

    def save(self, trainer: Trainer, *, step: int) -> None:
        """Write the averaged adapter after `step` steps; each file is replaced atomically."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".adapter.") as name:
            with trainer.adapter.holding(trainer.average.state):
                trainer.adapter.save(Path(name))
            if trainer.regularizer is not None:
                save_file(
                    {"prototypes": trainer.regularizer.target.cpu()}, Path(name) / PROTOTYPES_NAME
                )
            files = sorted(Path(name).iterdir())
            data = {**self.card.data, "steps": step}
            # The card is written first, with the hashes of old and new files: a run that is
            # killed between two files leaves a folder that is still accepted.
            checksums = self._checksums(files)
            card = self.card.model_copy(update={"data": data, "checksums": checksums})
            card.save(self.folder)
            for file in files:
                with replacing(self.folder / file.name) as temporary:
                    file.replace(temporary)

    def _checksums(self, files: Sequence[Path]) -> dict[str, list[str]]:
        """Give the hash of each new file, followed by that of the file it replaces."""
        found = {}
        for file in files:
            before = self.folder / file.name
            old = [sha256_of(before)] if before.is_file() else []
            found[file.name] = list(dict.fromkeys([sha256_of(file), *old]))
        return found


def trainable(data: Dataset) -> list[ImageRecord]:
    """Keep the images that have an instance with a positive point.

    Raises:
        InputError: there is none.
    """
    records = [record for record in data.images if record.instances]
    for record in records:
        for instance in record.instances:
            if not any(label == POSITIVE for _, _, label in instance.points):
                raise InputError(
                    f"{record.file_name}: instance {instance.id} has no positive point; give it "
                    "one, or list its points as background_points of the image."
                )
    if not records:
        raise InputError("no image has an instance with a point: there is nothing to train on.")
    return records


def data_key(
    sources: Mapping[str, str], records: Sequence[ImageRecord], settings: TrainSettings
) -> dict[str, str]:
    """Hash images, points and settings of a run; only the same run may resume its state."""
    names = [record.file_name for record in records]
    parts = {
        "list of images": names,
        "clicks": [_clicks_of(record) for record in records],
        "settings": settings.model_dump(mode="json"),
    }
    return dict(sources) | {name: _digest(part) for name, part in parts.items()}


def _clicks_of(record: ImageRecord) -> list[Any]:
    """Give all that was read of an image's clicks, whichever file it stood in."""
    rows = [[i.id, i.category, i.points, i.box, i.weight] for i in record.instances]
    return [record.file_name, record.size, record.background_points, rows]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
