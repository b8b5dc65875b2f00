"""A folder in the format of ``transformers`` to a segmenter, and back."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.utils import logging

from pointsam.errors import InputError, in_words
from pointsam.files import new_folder
from pointsam.models.loading.state_files import refuse_nan
from pointsam.models.loading.table import BY_MODEL_TYPE
from pointsam.models.segmenter import Segmenter

CONFIG_NAME = "config.json"


def load_folder(folder: Path, *, side: int, name: str) -> Segmenter:
    """Load a model of the library from a folder, without asking the hub about anything.

    Args:
        folder: with ``config.json`` and weights (safetensors, or a pickle of plain tensors).
        side: side of the model's input, in pixels.
        name: what the model is called in messages and in the adapters made from it.

    Raises:
        InputError: no such folder format, an unknown family, weights that do not fit.
    """
    kind = _model_type(folder)
    family = BY_MODEL_TYPE.get(kind)
    if family is None or family.library is None:
        raise InputError(
            f"{folder} holds a {kind!r} model, expected one of {', '.join(BY_MODEL_TYPE)}."
        )
    try:
        with _quiet_library():
            model, found = family.library.from_pretrained(
                folder,
                local_files_only=True,
                weights_only=True,
                dtype=torch.float32,
                attn_implementation="sdpa",
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # reported below, with the other faults
            )
    except UnpicklingError as error:
        raise InputError(f"{folder} holds no weights that can be read safely.") from error
    except Exception as error:  # a wrong configuration can raise anything in the library
        reason = in_words(error)
        raise InputError(f"{folder} holds no weights that can be read safely ({reason}).") from (
            error
        )
    _refuse_faults(found, folder)
    refuse_nan(model.state_dict(), str(folder))
    # peft writes this name into an adapter's configuration.
    model.name_or_path = name
    return family.segmenter(model, side=side)


def save_folder(model: Segmenter, folder: Path) -> None:
    """Write a plain model of the library, as its own ``from_pretrained`` reads it.

    Raises:
        InputError: `folder` exists, or the model is none of the library's.
    """
    plain = model.peft_root
    if not isinstance(plain, PreTrainedModel):
        raise InputError(f"a {model.family} model is not one of transformers: name a file for it.")
    with new_folder(folder) as temporary, _quiet_library():
        plain.save_pretrained(temporary)


def _model_type(folder: Path) -> str:
    """Read the kind of model from a folder's configuration."""
    path = folder / CONFIG_NAME
    try:
        return str(json.loads(path.read_text())["model_type"])
    except FileNotFoundError:
        raise InputError(
            f"{folder} is no model folder (no {CONFIG_NAME}): give a folder in the format of "
            "transformers, or a checkpoint file."
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise InputError(f"{path} does not describe a model ({in_words(error)}).") from error


def _refuse_faults(found: dict[str, Any], folder: Path) -> None:
    """Refuse weights that were not all there, or not all used."""
    missing, unexpected = sorted(found["missing_keys"]), sorted(found["unexpected_keys"])
    misfits = sorted(str(fault[0]) for fault in found["mismatched_keys"])
    if missing or unexpected or misfits:
        raise InputError(
            f"{folder} does not fit its {CONFIG_NAME}: missing {missing}, "
            f"unexpected {unexpected}, of another shape {misfits}."
        )


@contextmanager
def _quiet_library() -> Iterator[None]:
    """Keep the library's own report of keys off the screen: ours is the error."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
