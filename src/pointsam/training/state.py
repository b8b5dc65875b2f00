"""The saved state of a run, from which a stopped run resumes exactly."""

import logging
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pointsam.errors import InputError
from pointsam.files import replacing, sha256_of
from pointsam.models.loading.state_files import read_tensors, save_tensors
from pointsam.training.collapse_monitor import CollapseMonitor
from pointsam.training.step import Trainer

STATE_NAME = "state.pt"
PREVIOUS_NAME = "state.previous.pt"
CHECKSUM_NAME = "state.sha256"

RunKey = str | dict[str, str]
"""Names of the parts that identify a run, for messages."""

_LOG = logging.getLogger("pointsam")


@dataclass(frozen=True, eq=False)
class TrainState:
    """Everything that changes during a run.

    Random draws depend on seed, pass and image, and the learning rate depends on the step, so
    neither is saved.
    """

    trainer: Trainer
    optimizer: torch.optim.Optimizer
    monitor: CollapseMonitor

    def save(self, path: Path, *, step: int, data_key: RunKey) -> None:
        """Write the state after `step` finished steps, and keep the one before it."""
        regularizer = self.trainer.regularizer
        state = {
            "step": step,
            "data_key": data_key,
            "adapter": self.trainer.adapter.state(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.trainer.average.state,
            "prototypes": regularizer.state_dict() if regularizer else None,
            "monitor": self.monitor.state(),
            "scaler": self.trainer.scaler.state_dict() if self.trainer.scaler else None,
        }
        with replacing(path) as temporary:
            save_tensors(state, temporary)
            kept = [sha256_of(temporary)]
            if path.is_file():
                kept.append(sha256_of(path))
                with replacing(path.with_name(PREVIOUS_NAME)) as previous:
                    shutil.copyfile(path, previous)
            # The checksums of both states come first, so that either is accepted at any time.
            with replacing(path.with_name(CHECKSUM_NAME)) as checksums:
                checksums.write_text("\n".join(kept) + "\n")

    def restore(self, state: dict[str, Any]) -> int:
        """Continue from a state of `read_state`; give the number of finished steps."""
        self.trainer.adapter.load_state(state["adapter"])
        self.optimizer.load_state_dict(state["optimizer"])
        device = self.trainer.model.device
        self.trainer.average.state = {
            name: tensor.to(device) for name, tensor in state["average"].items()
        }
        regularizer = self.trainer.regularizer
        if regularizer is not None and state["prototypes"] is not None:
            regularizer.load_state_dict(state["prototypes"])
        self.monitor.load_state(state["monitor"])
        if self.trainer.scaler is not None:
            self.trainer.scaler.load_state_dict(state["scaler"])
        return int(state["step"])


def read_state(path: Path, *, data_key: RunKey | None = None) -> dict[str, Any]:
    """Read a saved state, and compare its key with the run's if one is given.

    Raises:
        FileNotFoundError: there is none.
        InputError: the file is damaged, or belongs to a run with other data or settings.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no {path} to resume from: run without --resume.")
    state = _sound_state(path)
    if not isinstance(state, dict) or "data_key" not in state:
        raise InputError(f"{path} is no state of a training run: start again without --resume.")
    if data_key not in (None, state["data_key"]):
        raise _of_another_run(path, _changed(state["data_key"], data_key))
    return state


def _sound_state(path: Path) -> Any:
    """Read a state; where it is damaged, read the one before it."""
    for kept in (path, path.with_name(PREVIOUS_NAME)):
        if kept.is_file() and _as_written(kept):
            try:
                state = read_tensors(kept)
            except InputError:
                continue
            if kept != path:
                _LOG.warning("%s is damaged: going on from the state before it", path)
            return state
    raise InputError(f"{path} is damaged: start again without --resume.")


def _as_written(path: Path) -> bool:
    """Compare a state with its checksum, where there is one."""
    checksums = path.with_name(CHECKSUM_NAME)
    return not checksums.is_file() or sha256_of(path).encode() in checksums.read_bytes().split()


def _changed(before: Any, now: RunKey | None) -> str:
    """Name the parts of the key that have changed since the run began."""
    if not isinstance(before, dict) or not isinstance(now, dict):
        return ""
    return ", ".join(sorted(n for n in {*before, *now} if before.get(n) != now.get(n)))


def _of_another_run(path: Path, changed: str = "") -> InputError:
    what = f" (changed: {changed})" if changed else ""
    return InputError(
        f"{path} belongs to a run over other images, points or settings{what}: resume with those "
        "it began with, or start anew in another output folder."
    )
