"""The log of a run: a CSV, and TensorBoard events where TensorBoard is installed."""

import csv
import importlib.util
import logging
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pointsam.files import replacing
from pointsam.training.loop import Progress
from pointsam.training.losses import LOSS_TERMS

_logger = logging.getLogger(__name__)

LOG_NAME = "log.csv"
TERMS = ("total", *LOSS_TERMS)
WATCHED = ("count", "share", "median_area", "area_change", "agreement")
PARTS = (
    "load",
    "encode weak",
    "label",
    "monitor",
    "encode strong",
    "decode",
    "backward",
    "exchange",
    "optimizer",
)
COLUMNS = (
    "step",
    "epoch",
    "lr",
    "instances",
    "accepted",
    *(f"loss {term}" for term in TERMS),
    *(f"gradient {term}" for term in TERMS[1:]),
    *(f"pseudo-mask {name}" for name in WATCHED),
    *(f"seconds {part}" for part in PARTS),
)


class RunLog:
    """Writes one row for each step; a resumed run removes the rows of steps that it repeats."""

    def __init__(self, folder: Path, *, start: int) -> None:
        """Open the log of a run folder at its step `start`."""
        path = folder / LOG_NAME
        rows = [row for row in read_log(folder) if int(row["step"]) < start] if start else []
        with replacing(path) as temporary, temporary.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        self._stream = path.open("a", newline="")
        self._writer = csv.DictWriter(self._stream, COLUMNS)
        self._board = _tensorboard(folder, start=start)

    def write(self, progress: Progress) -> None:
        """Add a step."""
        row = as_row(progress)
        if not math.isfinite(progress.report.losses["total"]):
            _logger.warning(
                "step %d: the loss is not finite; what is not finite of its gradient is dropped",
                progress.step,
            )
        self._writer.writerow(row)
        self._stream.flush()
        if self._board is not None:
            for name, value in row.items():
                if name not in ("step", "epoch"):
                    tag = name.replace(" ", "/", 1).replace(" ", "_")
                    self._board.add_scalar(tag, float(value), progress.step)

    def close(self) -> None:
        """Finish the files."""
        self._stream.close()
        if self._board is not None:
            self._board.close()


def as_row(progress: Progress) -> dict[str, Any]:
    """Give a step's values by the log's columns, without those that were not measured."""
    report = progress.report
    row: dict[str, Any] = {
        "step": progress.step,
        "epoch": progress.epoch,
        "lr": progress.lr,
        "instances": report.instances,
        "accepted": report.accepted,
    }
    row |= {f"loss {term}": value for term, value in report.losses.items()}
    row |= {f"gradient {term}": value for term, value in report.gradient_norms.items()}
    if report.monitored is not None:
        row |= {f"pseudo-mask {name}": value for name, value in asdict(report.monitored).items()}
    return row | {f"seconds {part}": value for part, value in progress.seconds.items()}


def read_log(folder: Path) -> list[dict[str, str]]:
    """Read the rows of a run's log."""
    with (folder / LOG_NAME).open(newline="") as stream:
        return list(csv.DictReader(stream))


def _tensorboard(folder: Path, *, start: int) -> Any:
    """Open TensorBoard events, where the package is installed."""
    if importlib.util.find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder / "tensorboard"), purge_step=start)
