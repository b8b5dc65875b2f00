"""From a name or a file to a loaded model, and the identity of a base."""

import hashlib
from importlib import resources
from pathlib import Path
from pickle import UnpicklingError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from pointsam.errors import InputError
from pointsam.files import refuse_existing, replacing, sha256_of
from pointsam.models.adapter_card import read_card
from pointsam.models.lora import Adapter, load_adapter_weights
from pointsam.models.mobile_sam import MobileSam
from pointsam.models.official import State, from_official, to_official
from pointsam.models.segmenter import Segmenter

EMBEDDED_SHA256 = "0a769ba1e0262623318f129b4aae91d73ea2235cbbad16afc1a1a8d15446ceda"
"""Of the MobileSAM file that ships with the package."""

LORA_MARK = "lora_"
"""What an adapter's own parameters have in their names."""


def load_segmenter(name: str, *, side: int = 1024, device: str = "cpu") -> Segmenter:
    """Load a model by name or from a file, frozen, in float32.

    Args:
        name: ``mobile_sam`` (ships with the package) or the path of a released MobileSAM
            checkpoint, ``.pt``, ``.pth`` or ``.safetensors``.
        side: side of the model's input, in pixels.
        device: where the weights go.

    Raises:
        InputError: no such model, or a file that is none, is damaged or holds NaN.
    """
    state = _embedded_state() if name == "mobile_sam" else read_state(Path(name))
    if not any(key.startswith("image_encoder.patch_embed.seq.") for key in state):
        raise InputError(
            f"{name} holds no MobileSAM under its released names "
            f"(its first key is {next(iter(state), 'missing')!r})."
        )
    model = MobileSam(side=side)
    _fill(model, from_official(state), name)
    return model.requires_grad_(False).eval().to(device)


def load_adapter(model: Segmenter, folder: Path) -> Adapter:
    """Put a saved adapter on `model`, after a look at whether it was made for it.

    Raises:
        FileNotFoundError: `folder` holds no adapter.
        InputError: the adapter was made for another base model.
    """
    card = read_card(folder)
    found = base_hash(model)
    if (card.family, card.base_hash) != (model.family, found):
        raise InputError(
            f"{folder} was trained on {card.base} ({card.family}, {card.base_hash[:12]}), "
            f"not on this model ({model.family}, {found[:12]}): give --model the base it names."
        )
    return load_adapter_weights(model, folder, first_block=card.first_block)


def read_state(path: Path) -> State:
    """Read a state dict without ever running code that a file brings along.

    Raises:
        FileNotFoundError: there is no such file.
        InputError: not a checkpoint, damaged, or one that only unpickling code could read.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"no model {str(path)!r}: give a known name (mobile_sam) or a checkpoint file."
        )
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, UnpicklingError, RuntimeError, EOFError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{path} is no checkpoint that can be read safely ({reason}): give a file of plain "
            "tensors, .safetensors or a state dict saved by torch."
        ) from error
    state = loaded.get("model", loaded) if isinstance(loaded, dict) else loaded
    if not isinstance(state, dict) or not all(torch.is_tensor(v) for v in state.values()):
        raise InputError(f"{path} holds no state dict: expected a mapping of names to tensors.")
    return state


def export_official(model: Segmenter, path: Path) -> None:
    """Write a plain MobileSAM file (``.pt`` or ``.safetensors``) under the released names.

    Raises:
        InputError: `path` exists, or the model is of a family without such a file.
    """
    refuse_existing(path)
    if not isinstance(model, MobileSam):
        raise InputError(f"a {model.family} model has no plain file to be written to.")
    state = to_official({k: v.cpu().contiguous() for k, v in model.state_dict().items()})
    with replacing(path) as temporary:
        if path.suffix == ".safetensors":
            save_file(state, temporary, metadata={"format": "pt"})
        else:
            torch.save(state, temporary)


def base_hash(model: nn.Module) -> str:
    """Identify a base model by its float16 numbers, whatever file they came from.

    Adapter weights are left out, and the names that peft gives to wrapped layers are undone,
    so that a model has one identity with and without an adapter.
    """
    digest = hashlib.sha256()
    state = {
        name.replace(".base_layer.", "."): tensor
        for name, tensor in model.state_dict().items()
        if LORA_MARK not in name
    }
    for name in sorted(state):
        tensor = state[name].detach().cpu().to(torch.float16).contiguous()
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def _embedded_state() -> State:
    """Read the checkpoint that ships with the package, after a look at its hash."""
    file = resources.files("pointsam.models") / "weights" / "mobile_sam_fp16.safetensors"
    with resources.as_file(file) as path:
        found = sha256_of(path)
        if found != EMBEDDED_SHA256:
            raise InputError(
                f"{path} is damaged (sha256 {found[:12]}..., expected {EMBEDDED_SHA256[:12]}...): "
                "install pointsam again."
            )
        return load_file(path)


def _fill(model: nn.Module, state: State, name: str) -> None:
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
    broken = sorted(key for key, tensor in state.items() if not tensor.isfinite().all())
    if broken:
        raise InputError(
            f"{name} holds NaN or infinity in {broken}: the file is damaged, get it again."
        )
    model.load_state_dict({key: tensor.float() for key, tensor in state.items()})
