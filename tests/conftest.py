"""What every test has: one thread, a profile of Hypothesis, and the data that is not shipped."""

from pathlib import Path

import pytest
import torch
from hypothesis import settings

from pointsam.models import encoding

settings.register_profile("exact", deadline=None, derandomize=True)
settings.load_profile("exact")
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _one_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``auto`` be float32, whatever the CPU here can do: numbers are the same everywhere."""
    monkeypatch.setattr(encoding, "multiplies_bfloat16", lambda device: False)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder beside the project with real data; its tests are skipped where it is absent."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("needs ../shared (real images and weights)")
    return folder
