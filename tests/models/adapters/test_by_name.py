import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.cli.conftest import SIDE
from tests.models.tiny_models import small_mobile_sam

from pointsam.models.adapters import by_name
from pointsam.models.adapters.by_name import SHIPPED, find_adapter, shipped_adapters
from pointsam.models.adapters.card import AdapterCard, read_card
from pointsam.models.adapters.lora import attach_adapter
from pointsam.models.adapters.saved import WEIGHTS_NAME
from pointsam.models.loading.checkpoints import base_hash, load_adapter, load_segmenter

MAX_BYTES = 4 * 2**20
SCRIPT = Path(__file__).parents[3] / "scripts" / "ship_adapter.py"


@pytest.fixture
def ships(tmp_path, monkeypatch):
    (tmp_path / "shipped" / "nwpu-1").mkdir(parents=True)
    monkeypatch.setattr(by_name, "SHIPPED", tmp_path / "shipped")
    return tmp_path / "shipped"


def test_a_name_is_a_shipped_adapter(ships):
    assert shipped_adapters() == ["nwpu-1"]
    assert find_adapter("nwpu-1") == ships / "nwpu-1"


def test_what_exists_wins_and_a_path_stays_a_path(ships, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_adapter("runs/nwpu-1").as_posix() == "runs/nwpu-1"
    assert find_adapter("nwpu-7").as_posix() == "nwpu-7"
    (tmp_path / "nwpu-1").mkdir()
    assert find_adapter("nwpu-1").as_posix() == "nwpu-1"


@pytest.mark.parametrize("folder", sorted(SHIPPED.glob("*")), ids=lambda folder: folder.name)
def test_each_shipped_adapter_is_small_and_fits_the_embedded_model(folder):
    assert sum(path.stat().st_size for path in folder.iterdir()) <= MAX_BYTES
    assert read_card(folder).base == "mobile_sam"
    load_adapter(load_segmenter("mobile_sam", side=SIDE), folder)


def test_what_ships_is_the_run_in_halves_under_its_own_checksums(tmp_path):
    model = small_mobile_sam(SIDE)
    base = base_hash(model)
    run, target = tmp_path / "run", tmp_path / "shipped"
    attach_adapter(model, rank=2, first_block=2, seed=0).save(run)
    card = AdapterCard(
        family="mobile_sam", base="base", base_hash=base, side=SIDE, first_block=2, rank=2,
        settings={}, checksums={WEIGHTS_NAME: ["of the run"]},
    )  # fmt: skip
    card.save(run)
    source = str(SCRIPT.parents[1] / "src")
    subprocess.run(
        [sys.executable, SCRIPT, run, target], check=True, env={**os.environ, "PYTHONPATH": source}
    )
    whole, half = (load_file(folder / WEIGHTS_NAME) for folder in (run, target))
    assert all(torch.equal(half[name], tensor.half()) for name, tensor in whole.items())
    load_adapter(small_mobile_sam(SIDE), target)
