"""What the adapters in a folder are, read from their cards alone."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
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
    """Give every adapter in a folder and below it, each once, in the order of their paths.

    Raises:
        InputError: `root` is no folder.
    """
    if not root.is_dir():
        raise InputError(f"{root} is no folder: give a folder that adapters are in.")
    for folder in sorted(_folders(root)):
        weights = folder / WEIGHTS_NAME
        size = weights.stat().st_size / 1e6 if weights.is_file() else 0.0
        fault = "" if size else f"no {WEIGHTS_NAME}"
        try:
            yield FoundAdapter(folder, read_card(folder), fault, size)
        except (InputError, OSError) as error:
            yield FoundAdapter(folder, None, str(error), size)


def _folders(root: Path) -> Iterator[Path]:
    """Give the folders that hold a card; those that are only linked to are searched last."""
    seen: set[str] = set()
    tops = [root]
    while tops:
        linked: list[Path] = []
        for folder, below, files in chain.from_iterable(map(os.walk, tops)):
            real = os.path.realpath(folder)
            if real in seen:
                below.clear()
                continue
            seen.add(real)
            if CARD_NAME in files:
                yield Path(folder)
            linked += [Path(folder, name) for name in below if Path(folder, name).is_symlink()]
        tops = sorted(linked)
