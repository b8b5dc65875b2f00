"""Reading state dicts without running code, and filling a model with one, all faults at once."""

import sys
import warnings
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from pointsam.errors import InputError, in_words

State = dict[str, Tensor]


def read_state(path: Path) -> State:
    """Read a state dict without ever running code that a file brings along.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: not a checkpoint, damaged, or one that only unpickling code could read.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint file {str(path)!r}.")
    loaded = read_tensors(path)
    state = loaded.get("model", loaded) if isinstance(loaded, dict) else loaded
    named = isinstance(state, dict) and all(isinstance(key, str) for key in state)
    if not named or not all(torch.is_tensor(value) for value in state.values()):
        raise InputError(f"{path} holds no state dict: expected a mapping of names to tensors.")
    tensors: State = state
    return tensors


def read_tensors(path: Path) -> Any:
    """Read a file of safetensors or of torch, as it is, without ever running code it brings along.

    Raises:
        InputError: neither, damaged, or one that only unpickling code could read.
    """
    try:
        if path.suffix.lower() == ".safetensors":
            return load_file(path)
        with warnings.catch_warnings():
            # torch warns of what it then refuses.
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError:
        # torch's own text tells the user to switch the safety off.
        reason = "it holds code or is none"
    except Exception as error:  # a damaged file can raise anything in torch
        reason = in_words(error)
    raise InputError(
        f"{path} is no checkpoint that can be read safely ({reason}): give a file of plain "
        "tensors, .safetensors or a state dict saved by torch."
    )


def save_tensors(content: Any, path: Path) -> None:
    """Write tensors as torch does: equal content to equal bytes, under any name.

    Raises:
        OSError: the system's own, where torch's writer would say nothing of the reason.
    """
    with path.open("wb") as stream:
        torch.save(_with_shared_strings(content), stream)


def _with_shared_strings(content: Any) -> Any:
    """Let equal strings be one object: pickle writes an object once, and equal ones each time."""
    if type(content) is str:
        return sys.intern(content)
    if type(content) is dict:
        return {_with_shared_strings(k): _with_shared_strings(v) for k, v in content.items()}
    if type(content) in (list, tuple):
        return type(content)(_with_shared_strings(value) for value in content)
    return content


def fill(model: nn.Module, state: State, name: str) -> None:
    """Load a state dict whose names must all fit, and whose numbers must be numbers."""
    expected = model.state_dict()
    missing = sorted(expected.keys() - state.keys())
    unexpected = sorted(state.keys() - expected.keys())
    misfits = sorted(
        key for key in expected.keys() & state.keys() if expected[key].shape != state[key].shape
    )
    if missing or unexpected or misfits:
        raise InputError(
            f"{name} does not fit {type(model).__name__}: missing {missing}, "
            f"unexpected {unexpected}, of another shape {misfits}."
        )
    refuse_nan(state, name)
    model.load_state_dict({key: tensor.float() for key, tensor in state.items()})


def refuse_nan(state: State, name: str) -> None:
    """Refuse weights that are no numbers.

    Raises:
        InputError: NaN or infinity, with the names of all parameters that hold any.
    """
    broken = sorted(key for key, tensor in state.items() if not tensor.isfinite().all())
    if broken:
        raise InputError(
            f"{name} holds NaN or infinity in {broken}: the file is damaged, get it again."
        )
