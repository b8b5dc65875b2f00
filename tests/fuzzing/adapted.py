"""One small model and an adapter for it, made once in a process."""

import tempfile
from functools import cache
from pathlib import Path

from tests.cli.good_inputs import SIDE, save_adapter
from tests.models.tiny_models import small_mobile_sam


@cache
def saved_adapter() -> Path:
    """Save an adapter of the small model."""
    return save_adapter(Path(tempfile.mkdtemp()) / "adapter", seed=0)


def small_model():
    """Give a small model that carries no adapter."""
    return small_mobile_sam(SIDE, seed=0)
