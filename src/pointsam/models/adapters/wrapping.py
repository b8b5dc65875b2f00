"""What peft is told of an adapter, and the model that it wraps."""

import warnings
from collections.abc import Sequence

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn

from pointsam.errors import InputError
from pointsam.models.segmenter import AdaptedModule, Segmenter


def wrap(model: Segmenter, config: LoraConfig, *, seed: int | None = None) -> PeftModel:
    """Let peft put new layers on `model`, in place; they change nothing yet.

    Args:
        model: without an adapter.
        config: names the layers.
        seed: of what is drawn; whoever fills the layers afterwards needs none. The global
            generator, from which peft draws, is left as it was.
    """
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        # peft still asks the library's models for a name that newer versions of it warn of.
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        if seed is not None:
            torch.manual_seed(seed)
        return get_peft_model(model.peft_root, config)


def lora_config(
    model: Segmenter, modules: Sequence[AdaptedModule], *, rank: int, scale: float
) -> LoraConfig:
    """Describe the adapter to peft; layers whose rank is not that of the first are listed."""
    ranks = {module.name: _peft_rank(model, module, rank) for module in modules}
    usual = ranks[modules[0].name]
    unusual = {name: own for name, own in ranks.items() if own != usual}
    return LoraConfig(
        r=usual,
        lora_alpha=usual * scale,  # scaling alpha / r
        rank_pattern=unusual,
        alpha_pattern={name: own * scale for name, own in unusual.items()},
        target_modules=[module.name for module in modules],
        bias="none",
    )


def _peft_rank(model: Segmenter, module: AdaptedModule, rank: int) -> int:
    """Give the rank that peft is told for one layer.

    Raises:
        InputError: a rank at which an update in the encoder is no smaller than what it updates.
    """
    layer = model.peft_root.get_submodule(module.name)
    assert isinstance(layer, nn.Linear)
    widest = min(layer.in_features, layer.out_features)
    if module.query_rows is not None and module.value_rows is not None:
        # Queries and values may be layers of their own: then one of the two has no rows.
        widest = max(len(module.query_rows), len(module.value_rows))
    elif module.name.startswith("mask_decoder."):
        # The decoder's last layers are narrow: an IoU head gives four numbers.
        return min(rank, widest)
    if rank > widest:
        raise InputError(
            f"rank {rank}: {module.name}, which is adapted, has {widest} channels, and a "
            "larger rank adds nothing; give less, 4 as a rule."
        )
    return rank if module.query_rows is None else 2 * rank
