"""What a killed run needs to go on exactly where it was."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pointsam.errors import InputError
from pointsam.files import replacing
from pointsam.models.loading.state_files import read_tensors
from pointsam.training.collapse_monitor import CollapseMonitor
from pointsam.training.step import Trainer

STATE_NAME = "state.pt"


@dataclass(frozen=True, eq=False)
class TrainState:
    """Everything that changes while a run goes on.

    Random draws are addressed by seed, pass and image, and the learning rate is a function of the
    step, so neither is here.
    """

    trainer: Trainer
    optimizer: torch.optim.Optimizer
    monitor: CollapseMonitor

    def save(self, path: Path, *, step: int, data_key: str) -> None:
        """Write the state after `step` finished steps; the file is replaced in one go."""
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
            torch.save(state, temporary)

    def restore(self, state: dict[str, Any]) -> int:
        """Take a state up that `read_state` gave; give the number of finished steps."""
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


def read_state(path: Path, *, data_key: str | None = None) -> dict[str, Any]:
    """Read a saved state, of the run over these data where a key says which.

    Raises:
        FileNotFoundError: there is none.
        InputError: the file is damaged, or of a run over other data.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no {path} to resume from: run without --resume.")
    try:
        state = read_tensors(path)
    except InputError as error:
        raise InputError(f"{path} is damaged: start anew.") from error
    if not isinstance(state, dict) or "data_key" not in state:
        raise InputError(f"{path} is no state of a training run: start anew.")
    if data_key not in (None, state["data_key"]):
        raise InputError(
            f"{path} belongs to a run over other images, points or settings: resume with those it "
            "began with, or start anew in another output folder."
        )
    return state
