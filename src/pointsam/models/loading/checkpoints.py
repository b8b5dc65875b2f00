"""From a name, a file or a folder to a loaded model, and the identity of a base.

The libraries of models take seconds to import. They are imported where a model is loaded, so that
help and a wrong command line cost a fraction of that.
"""

import hashlib
import re
from importlib import resources
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from pointsam.errors import InputError
from pointsam.files import refuse_existing_file, replacing, sha256_of
from pointsam.models.adapters.card import AdapterCard, read_card
from pointsam.models.adapters.lora import Adapter
from pointsam.models.loading.hub import fetch_model
from pointsam.models.loading.official import to_official
from pointsam.models.loading.registry import KNOWN_MODELS
from pointsam.models.loading.state_files import State, read_state, refuse_nan, save_tensors
from pointsam.models.segmenter import Segmenter

EMBEDDED = "mobile_sam"
"""Name of the model that ships with the package."""
EMBEDDED_SHA256 = "0a769ba1e0262623318f129b4aae91d73ea2235cbbad16afc1a1a8d15446ceda"
"""Of its file."""

LORA_MARK = "lora_"
"""What an adapter's own parameters have in their names."""

EXPORT_SUFFIXES = {".pt", ".pth", ".safetensors"}
"""Of the files that MobileSAM is written to."""

_CHECKPOINT_SUFFIXES = {".pt", ".pth", ".bin", ".ckpt", ".safetensors"}
_HUB_NAME = re.compile(r"^[\w.-]+/[\w.-]+(@[\w.-]+)?$")


def load_segmenter(name: str, *, side: int = 1024, device: str = "cpu") -> Segmenter:
    """Load a model, frozen, in float32.

    Args:
        name: a known name (``pointsam models`` lists them), the path of a released checkpoint
            file or of a folder in the format of ``transformers``, or ``owner/name`` on the hub.
        side: side of the model's input, in pixels.
        device: where the weights go.

    Raises:
        FileNotFoundError: neither a name nor a path.
        InputError: weights that are none, are damaged, do not fit, or cannot be downloaded.
    """
    model = _by_name(name, side=side)
    model.requires_grad_(False).eval().to(device)
    for parameter in model.parameters():
        if parameter.ndim == 4:
            # Measured with MobileSAM on a CPU: 1.6 times faster below the attention blocks.
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return model


def load_adapter(model: Segmenter, folder: Path, *, card: AdapterCard | None = None) -> Adapter:
    """Put a saved adapter on `model`, after a look at whether it was made for it.

    Args:
        model: without an adapter.
        folder: that ``pointsam train`` wrote.
        card: of the folder, where it has been read already.

    Raises:
        FileNotFoundError: `folder` holds no adapter.
        InputError: the adapter was made for another base model, is damaged or holds NaN.
    """
    from pointsam.models.adapters.saved import load_adapter_weights

    card = card or read_card(folder)
    found = base_hash(model)
    if (card.family, card.base_hash) != (model.family, found):
        raise InputError(
            f"{folder} was trained on {card.base} ({card.family}, {card.base_hash[:12]}), "
            f"not on this model ({model.family}, {found[:12]}): give --model the base it names."
        )
    for name, known in card.checksums.items():
        if (folder / Path(name).name).is_file() and sha256_of(
            folder / Path(name).name
        ) not in known:
            raise InputError(
                f"{folder} is damaged: {name} is not the file that its card was written for. Get "
                "it again."
            )
    adapter = load_adapter_weights(model, folder, first_block=card.first_block, adapt=card.adapt)
    refuse_nan(adapter.state(), str(folder))
    return adapter


def export_plain(model: Segmenter, path: Path) -> None:
    """Write a plain model: MobileSAM as a file, any other family as a folder of transformers.

    Raises:
        InputError: `path` exists, or names a file where a folder is written, or the reverse.
    """
    if model.family == EMBEDDED:
        if path.suffix.lower() not in EXPORT_SUFFIXES:
            raise InputError(f"--output {path}: expected a .pt or .safetensors file.")
        export_official(model, path)
    elif path.suffix.lower() in EXPORT_SUFFIXES:
        raise InputError(
            f"--output {path}: a {model.family} model is written as a folder in the format of "
            "transformers; name one."
        )
    else:
        from pointsam.models.loading.library_folder import save_folder

        save_folder(model, path)


def export_official(model: Segmenter, path: Path) -> None:
    """Write a plain MobileSAM file (``.pt`` or ``.safetensors``) under the released names.

    Raises:
        InputError: `path` exists.
    """
    refuse_existing_file(path)
    state = to_official({k: v.cpu() for k, v in model.state_dict().items()})
    with replacing(path) as temporary:
        if path.suffix.lower() == ".safetensors":
            save_file(state, temporary, metadata={"format": "pt"})
        else:
            save_tensors(state, temporary)


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


def _by_name(name: str, *, side: int) -> Segmenter:
    """Find out what `name` is, and load that."""
    from pointsam.models.loading.library_folder import load_folder

    known, path = KNOWN_MODELS.get(name), Path(name)
    if name == EMBEDDED:
        return _from_state(_embedded_state(), name, side=side)
    if known is not None and known.repo is not None:
        return load_folder(fetch_model(known.repo), side=side, name=known.repo)
    if path.is_dir():
        return load_folder(path, side=side, name=path.name)
    if path.is_file():
        return _from_state(read_state(path), name, side=side)
    if _HUB_NAME.match(name) and path.suffix.lower() not in _CHECKPOINT_SUFFIXES:
        known_repos = {model.repo for model in KNOWN_MODELS.values()}
        # A token goes only where the user alone can have named the model.
        return load_folder(
            fetch_model(name, named=name.partition("@")[0] not in known_repos), side=side, name=name
        )
    raise FileNotFoundError(
        f"no model {name!r}: give a known name ({', '.join(KNOWN_MODELS)}), a checkpoint file "
        "or a model folder."
    )


def _from_state(state: State, name: str, *, side: int) -> Segmenter:
    """Make the model whose released names a state dict has."""
    from pointsam.models.loading.table import RELEASED, released_as

    released = released_as(state)
    if released is None:
        *others, last = (known.title for known in RELEASED)
        raise InputError(
            f"{name} holds neither {', '.join(others)} nor {last} under their released names "
            f"(its first key is {next(iter(state), 'missing')!r})."
        )
    try:
        return released.read(state, name, side)
    except KeyError as error:
        raise InputError(f"{name} is incomplete: missing {error.args[0]!r}.") from error


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
