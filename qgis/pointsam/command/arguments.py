"""The argument lists of the pointsam command, from plain values."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROGRESS = ("--progress", "json")


@dataclass(frozen=True)
class Machine:
    """What the machine is asked for; empty values leave the command's own choice."""

    device: str = ""
    threads: int = 0

    def arguments(self) -> list[str]:
        """Give the flags."""
        given = ["--device", self.device] if self.device else []
        return given + (["--threads", str(self.threads)] if self.threads else [])


def train_arguments(
    raster: str,
    clicks: str,
    output: str,
    *,
    epochs: float | None = None,
    start_from: str = "",
    machine: Machine = Machine(),
    resume: bool = False,
) -> list[str]:
    """``pointsam train``: a raster and clicks in, an adapter folder out."""
    return [
        "train", "--images", raster, "--points", clicks, "--output", output,
        *(["--epochs", f"{epochs:g}"] if epochs else []),
        *(["--start-from", start_from] if start_from else []),
        *machine.arguments(), *(["--resume"] if resume else []), *PROGRESS,
    ]  # fmt: skip


def check_arguments(raster: str, clicks: str) -> list[str]:
    """``pointsam data check``: what the clicks on a raster hold, and what is wrong with them."""
    return ["data", "check", "--images", raster, "--points", clicks, *PROGRESS]


def label_arguments(
    raster: str,
    clicks: str,
    output: str,
    *,
    adapter: str = "",
    machine: Machine = Machine(),
    resume: bool = False,
) -> list[str]:
    """``pointsam label``: clicks to masks that agree with each other, without training."""
    return [
        "label", "--images", raster, "--points", clicks, "--output", output, *_adapter(adapter),
        *machine.arguments(), *(["--resume"] if resume else []), *PROGRESS,
    ]  # fmt: skip


def predict_arguments(
    raster: str,
    output: str,
    *,
    clicks: str = "",
    grid: int = 0,
    adapter: str = "",
    machine: Machine = Machine(),
    more: Sequence[str] = (),
    resume: bool = False,
) -> list[str]:
    """``pointsam predict``: masks of clicked objects, or of all that a grid of prompts finds."""
    if bool(clicks) == bool(grid):
        raise ValueError("give either clicks or a grid")
    prompts = ["--points", clicks] if clicks else ["--grid", str(grid)]
    return [
        "predict", raster, *prompts, "--output", output, *_adapter(adapter),
        *machine.arguments(), *more, *(["--resume"] if resume else []), *PROGRESS,
    ]  # fmt: skip


def boxes_arguments(polygons: str, output: str) -> list[str]:
    """``pointsam boxes``: the smallest rectangle around each polygon."""
    return ["boxes", "make", "--masks", polygons, "--output", output, *PROGRESS]


def score_arguments(found: str, truth: str, output: str) -> list[str]:
    """``pointsam score``: found polygons against the truth."""
    return ["score", "--polygons", found, "--truth", truth, "--output", output, *PROGRESS]


def work_name(arguments: Sequence[str], files: Sequence[Path]) -> str:
    """Name the folder of one piece of work, so that the same work again finds what it has done.

    Args:
        arguments: of the command, the output left out.
        files: that the command reads and the plugin has written; their content counts.
    """
    digest = hashlib.sha256()
    written = {str(path) for path in files}
    for argument in arguments:
        # Where the plugin has put a file changes from run to run.
        digest.update((Path(argument).name if argument in written else argument).encode())
        digest.update(b"\0")
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _adapter(adapter: str) -> list[str]:
    return ["--adapter", adapter] if adapter else []
