"""What every test has: a profile of Hypothesis, and the data that is not shipped."""

from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("exact", deadline=None, derandomize=True)
settings.load_profile("exact")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder beside the project with real data; its tests are skipped where it is absent."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is absent")
    return folder
