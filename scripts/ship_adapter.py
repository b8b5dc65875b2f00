"""Copy a trained adapter to where it ships from: float16 weights, no state, no log.

usage: python scripts/ship_adapter.py RUN src/pointsam/models/adapters/shipped/NAME
"""

import shutil
import sys
from pathlib import Path

from safetensors.torch import load_file, save_file

from pointsam.files import sha256_of
from pointsam.models.adapters.card import read_card
from pointsam.models.adapters.saved import CONFIG_NAME, WEIGHTS_NAME


def main(run: Path, target: Path) -> None:
    """Copy the three files that an adapter needs; the card gets the checksums of the new ones."""
    target.mkdir(parents=True)
    shutil.copy(run / CONFIG_NAME, target / CONFIG_NAME)
    weights = {name: tensor.half() for name, tensor in load_file(run / WEIGHTS_NAME).items()}
    save_file(weights, target / WEIGHTS_NAME, metadata={"format": "pt"})
    checksums = {name: [sha256_of(target / name)] for name in (CONFIG_NAME, WEIGHTS_NAME)}
    read_card(run).model_copy(update={"checksums": checksums}).save(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
