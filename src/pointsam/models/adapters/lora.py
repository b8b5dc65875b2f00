"""LoRA on linear layers of encoder and decoder: put on, taken off, saved, loaded, merged."""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from pointsam.errors import InputError
from pointsam.models.segmenter import QUERY_VALUE, AdaptedModule, LayerKind, Segmenter

if TYPE_CHECKING:
    from peft import PeftModel

AdapterState = dict[str, Tensor]


class Adapter:
    """The trained weights of a segmenter; everything else in it is frozen.

    peft has no LoRA on a part of a fused projection. Rank 2r in which the rows of the queries
    use the first r directions, the rows of the values the last r, and the rows of the keys none,
    is LoRA of rank r on queries and values; a mask on the gradient of ``lora_B``, which begins
    at zero, keeps it so. A layer that is changed as a whole has plain LoRA of rank r. Any peft
    loads, switches off and merges the result.
    """

    def __init__(
        self, model: Segmenter, peft_model: nn.Module, modules: Sequence[AdaptedModule]
    ) -> None:
        self._model = model
        self._peft = cast("PeftModel", peft_model)
        for projection in modules:
            if projection.query_rows is None:
                continue
            weight = model.peft_root.get_parameter(f"{projection.name}.lora_B.default.weight")
            allowed = _allowed(projection, weight)
            if weight.requires_grad:
                weight.register_hook(lambda grad, allowed=allowed: grad * allowed.to(grad))
            if weight.detach()[~allowed].any():
                raise InputError(
                    f"the adapter changes keys in {projection.name}: it was not made by pointsam, "
                    "which was told to change queries and values alone."
                )

    def named_parameters(self) -> dict[str, nn.Parameter]:
        """Give the trained parameters by name, in a fixed order."""
        named = self._model.named_parameters()
        return {name: parameter for name, parameter in named if "lora_" in name}

    def parameters(self) -> list[nn.Parameter]:
        """Give the trained parameters, in a fixed order."""
        return list(self.named_parameters().values())

    def state(self) -> AdapterState:
        """Copy the trained weights."""
        return {name: p.detach().clone() for name, p in self.named_parameters().items()}

    @torch.no_grad()
    def load_state(self, state: AdapterState) -> None:
        """Put copied weights back."""
        for name, parameter in self.named_parameters().items():
            parameter.copy_(state[name])

    @contextmanager
    def disabled(self) -> Iterator[None]:
        """Make the model the frozen one inside the block."""
        with self._peft.disable_adapter():
            yield

    @contextmanager
    def holding(self, state: AdapterState) -> Iterator[None]:
        """Use other trained weights inside the block (a slow teacher's); not under autograd."""
        own = self.state()
        self.load_state(state)
        try:
            yield
        finally:
            self.load_state(own)

    def save(self, folder: Path) -> None:
        """Write ``adapter_config.json`` and ``adapter_model.safetensors`` as peft does."""
        # Without the flag peft asks the hub about a vocabulary that SAM does not have.
        self._peft.save_pretrained(str(folder), save_embedding_layers=False)
        # peft's model card is made for language models; the folder's pointsam.yaml says more.
        (folder / "README.md").unlink(missing_ok=True)

    def merge(self) -> Segmenter:
        """Add the adapter to the weights; the model is a plain one afterwards."""
        self._peft.merge_and_unload()
        return self._model.requires_grad_(False)


def adapter_hash(model: Segmenter) -> str | None:
    """Name the adapter on a model by its weights; None where there is none, or it is off."""
    # peft takes seconds to import; commands that end before a model is loaded do without it.
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers = [module for module in model.modules() if isinstance(module, BaseTunerLayer)]
    if not layers or any(layer.disable_adapters for layer in layers):
        return None
    digest = hashlib.sha256()
    scales = {scale for layer in layers for scale in layer.scaling.values()}
    if scales != {1.0}:
        digest.update(str([sorted(layer.scaling.items()) for layer in layers]).encode())
    for name, value in sorted(model.named_parameters()):
        if "lora_" in name:
            digest.update(name.encode() + value.detach().cpu().float().numpy().tobytes())
    return digest.hexdigest()


class AdapterAverage:
    """A slow average of an adapter in training: the noise of single steps averages out."""

    def __init__(self, adapter: Adapter, *, decay: float) -> None:
        """Start at the adapter's present weights.

        Args:
            adapter: that is trained.
            decay: share of the average that a step keeps; 0 is the adapter itself.
        """
        self._adapter = adapter
        self._decay = decay
        self.state: AdapterState = adapter.state()

    @torch.no_grad()
    def follow(self) -> None:
        """Take one step towards the adapter, after the optimizer's."""
        for name, parameter in self._adapter.named_parameters().items():
            self.state[name].lerp_(parameter, 1 - self._decay)


def attach_adapter(
    model: Segmenter,
    *,
    rank: int,
    first_block: int,
    seed: int,
    adapt: Collection[LayerKind] = QUERY_VALUE,
    alpha: float | None = None,
) -> Adapter:
    """Put a new adapter on some linear layers; it changes nothing yet.

    Args:
        model: frozen; it is changed in place.
        rank: of each layer's update; of queries and of values where only those are changed.
        first_block: number of the encoder's block, from 0, below which nothing is changed.
        seed: of ``lora_A``; ``lora_B`` is zero.
        adapt: kinds of layers that are changed.
        alpha: every update is multiplied by ``alpha / rank``; by 1 if not given.

    Raises:
        InputError: no block is left to adapt, or a rank at which the update is no smaller than
            what it updates.
    """
    from pointsam.models.adapters.wrapping import lora_config, wrap  # peft takes seconds to import

    model.first_block = first_block
    for kind in adapt:
        if not model.linear_layers(kind):
            raise InputError(f"first_block {first_block} leaves no attention block to adapt.")
    modules = model.adapted_modules(adapt)
    config = lora_config(model, modules, rank=rank, scale=1 if alpha is None else alpha / rank)
    return Adapter(model, wrap(model, config, seed=seed), modules)


def _allowed(projection: AdaptedModule, weight: Tensor) -> Tensor:
    """Mark the entries of ``lora_B`` (rows of the projection, 2 rank) that may differ from 0."""
    assert projection.query_rows is not None
    assert projection.value_rows is not None
    rank = weight.shape[1] // 2
    allowed = torch.zeros_like(weight, dtype=torch.bool)
    allowed[projection.query_rows.to(weight.device), :rank] = True
    allowed[projection.value_rows.to(weight.device), rank:] = True
    return allowed
