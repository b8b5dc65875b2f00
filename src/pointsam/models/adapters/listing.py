"""What the adapters in a folder are, read from their cards alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pointsam.errors import InputError
from pointsam.models.adapters.card import CARD_NAME, AdapterCard, read_card

WEIGHTS_NAME = "adapter_model.safetensors"


@dataclass(frozen=True)
class FoundAdapter:
    """One adapter folder, and what it says of itself."""

    folder: Path
    card: AdapterCard | None
    """None where it cannot be read."""
    fault: str
    """Why the folder cannot be used; empty where nothing is known against it."""
    megabytes: float
    """Of its weights."""


def find_adapters(root: Path) -> Iterator[FoundAdapter]:
    """Give every adapter in a folder and below it, in the order of their paths.

    Raises:
        InputError: `root` is no folder.
    """
    if not root.is_dir():
        raise InputError(f"{root} is no folder: give a folder that adapters are in.")
    for path in sorted(root.rglob(CARD_NAME)):
        weights = path.parent / WEIGHTS_NAME
        size = weights.stat().st_size / 1e6 if weights.is_file() else 0.0
        fault = "" if size else f"no {WEIGHTS_NAME}"
        try:
            yield FoundAdapter(path.parent, read_card(path.parent), fault, size)
        except (InputError, OSError) as error:
            yield FoundAdapter(path.parent, None, str(error), size)
