"""Copy a trained adapter to where it ships from: float16 weights, no state, no log.

usage: python scripts/ship_adapter.py RUN src/pointsam/models/adapters/shipped/NAME
"""

import shutil
import sys
from pathlib import Path

from safetensors.torch import load_file, save_file

from pointsam.models.adapters.card import CARD_NAME
from pointsam.models.adapters.lora import CONFIG_NAME, WEIGHTS_NAME


def main(run: Path, target: Path) -> None:
    """Copy the three files that an adapter needs."""
    target.mkdir(parents=True)
    for name in (CONFIG_NAME, CARD_NAME):
        shutil.copy(run / name, target / name)
    weights = {name: tensor.half() for name, tensor in load_file(run / WEIGHTS_NAME).items()}
    save_file(weights, target / WEIGHTS_NAME, metadata={"format": "pt"})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
