"""Checks of settings that depend on the machine: precision and number of processes."""

from pathlib import Path

from pointsam.errors import InputError
from pointsam.models.encoding import choose_precision
from pointsam.training.ranks import Ranks
from pointsam.training.settings import TrainSettings, read_settings, train_settings


def settle_precision(
    settings: TrainSettings, *, device: str, saved_at: Path | None
) -> TrainSettings:
    """Give the settings with a fixed precision in place of ``auto``.

    Args:
        settings: of the run.
        device: that this process computes on.
        saved_at: settings file of a resumed run, which keeps its precision on any machine.
    """
    wanted = settings.precision
    if wanted != "auto":
        return settings
    if saved_at is not None and saved_at.is_file():
        wanted = train_settings(read_settings(saved_at), source=str(saved_at)).precision
    return settings.model_copy(update={"precision": choose_precision(wanted, device=device)})


def refuse_idle_ranks(settings: TrainSettings, ranks: Ranks) -> None:
    """Refuse more processes than a step has images."""
    images = settings.data.batch_size
    if images < ranks.count:
        raise InputError(
            f"a step of {images} images (--batch-size) cannot be shared by {ranks.count} "
            f"processes: give --batch-size {ranks.count} or more, or start fewer processes."
        )


def refuse_slow_float16(settings: TrainSettings, device: str) -> None:
    """Refuse float16 on a CPU."""
    if settings.precision == "float16" and device.startswith("cpu"):
        raise InputError(
            "precision float16 is for GPUs; on a CPU use bfloat16, which needs no loss "
            "scaling, or float32."
        )
