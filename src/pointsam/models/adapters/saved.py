"""A saved adapter onto its base. An adapter is data: what peft is told is written here."""

import json
import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from safetensors import SafetensorError, safe_open

from pointsam.errors import DAMAGED, InputError, in_words
from pointsam.models.adapters.listing import WEIGHTS_NAME
from pointsam.models.adapters.lora import Adapter
from pointsam.models.adapters.wrapping import lora_config, wrap
from pointsam.models.segmenter import QUERY_VALUE, AdaptedModule, LayerKind, Segmenter

CONFIG_NAME = "adapter_config.json"

_SAYS_NOTHING = {
    "auto_mapping",
    "base_model_name_or_path",
    "inference_mode",
    "peft_version",
    "revision",
    "task_type",
}
"""Of a saved configuration; what it says of the base is read from the card."""


def load_adapter_weights(
    model: Segmenter,
    folder: Path,
    *,
    first_block: int,
    adapt: Collection[LayerKind] = QUERY_VALUE,
) -> Adapter:
    """Put a saved adapter on the base it was made for.

    Raises:
        FileNotFoundError: the folder lacks a file.
        InputError: the folder's files are damaged or belong to another layout.
    """
    model.first_block = first_block
    modules = model.adapted_modules(adapt)
    names = [module.name for module in modules]
    _check_files(folder, names)
    config = own_config(model, modules, folder / CONFIG_NAME)
    peft_model = wrap(model, config)
    _fill(peft_model, folder / WEIGHTS_NAME)
    return Adapter(model, peft_model, modules)


def own_config(model: Segmenter, modules: Sequence[AdaptedModule], path: Path) -> LoraConfig:
    """Describe a saved adapter to peft in our own words; of the file, two numbers count.

    Raises:
        InputError: the file says more than rank and scale, which peft would do.
    """
    found = _read_config(path)
    rank, alpha = found.get("r"), found.get("lora_alpha")
    if (
        not isinstance(rank, int)
        or not isinstance(alpha, int | float)
        or rank < 1
        or not 0 < alpha < math.inf
    ):
        raise InputError(f"{path} has rank {rank} and alpha {alpha}: get it again.")
    halved = rank // 2 if modules[0].query_rows is not None else rank
    config = lora_config(model, modules, rank=max(1, halved), scale=alpha / rank)
    ours = config.to_dict()
    for name, value in found.items():
        if name in _SAYS_NOTHING or not value:
            continue
        meant = ours.get(name)
        same = _names_them(value, modules) if name == "target_modules" else value == meant
        if not same:
            raise InputError(
                f"{path} has {name} {value!r}, which no adapter made here has: it is not loaded."
            )
    return config


def _names_them(named: Any, modules: Sequence[AdaptedModule]) -> bool:
    """Say whether names are those of the adapted layers, or ends of them: peft shortens long lists.

    Which layers carry weights is not read from here but from the card.
    """
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
        return False
    return all(any(_ends(module.name, name) for module in modules) for name in named) and all(
        any(_ends(module.name, name) for name in named) for module in modules
    )


def _ends(whole: str, end: str) -> bool:
    return whole == end or whole.endswith(f".{end}")


def _read_config(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no adapter's ({in_words(error)}): get it again.") from error
    if not isinstance(found, dict) or found.get("peft_type") != "LORA":
        raise InputError(f"{path} is no LoRA adapter's: get it again.")
    return found


@torch.no_grad()
def _fill(peft_model: PeftModel, path: Path) -> None:
    """Copy saved weights into their places; shapes are compared before a number is read.

    Raises:
        InputError: weights of other shapes.
    """
    parameters = dict(peft_model.named_parameters())
    with safe_open(path, framework="pt") as file:
        for name in sorted(file.keys()):
            parameter = parameters[name.replace(".weight", ".default.weight")]
            shape = tuple(file.get_slice(name).get_shape())
            if shape != tuple(parameter.shape):
                raise InputError(
                    f"{path} holds no adapter for this model: {name} has shape {shape}, expected "
                    f"{tuple(parameter.shape)}."
                )
            parameter.copy_(file.get_tensor(name))


def _check_files(folder: Path, adapted: Sequence[str]) -> None:
    """Refuse a folder with a file too few, or a weight too few or too many."""
    config, weights = folder / CONFIG_NAME, folder / WEIGHTS_NAME
    for path in (config, weights):
        if not path.is_file():
            raise FileNotFoundError(
                f"{folder} is no whole adapter folder (no {path.name}): give the folder that "
                "'pointsam train' wrote."
            )
    try:
        with safe_open(weights, framework="pt") as file:
            found = set(file.keys())
    except (SafetensorError, *DAMAGED) as error:
        raise InputError(
            f"{folder} holds no adapter for this model ({in_words(error)}): get it again."
        ) from error
    expected = {f"base_model.model.{name}.lora_{part}.weight" for name in adapted for part in "AB"}
    if found != expected:
        different = ", ".join(sorted(found ^ expected)[:2])
        raise InputError(
            f"{folder} is damaged: its weights are not those of the {len(adapted)} layers "
            f"that its card says are adapted ({different})."
        )
