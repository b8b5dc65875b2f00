"""Counts where a step would wait for a GPU, on a machine that has none.

Tensors that hang on the model's weights are taken to lie on the GPU; what is made on the CPU
and never meets them is not. Reading a value of the first, or asking how many of them are true,
would stop the CPU until the GPU has caught up.
"""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

import pointsam

SOURCE = str(Path(pointsam.__file__).parent)
"""Not the tests, whatever the folder that the project lies in is called."""

READING = ("_local_scalar_dense", "nonzero", "masked_select", "_unique2", "unique_dim", "equal")
COPYING = ("cpu", "tolist", "numpy")


class Waits(TorchDispatchMode):
    """Follows what hangs on some tensors, and notes the places that read it."""

    def __init__(self, on_device: list[Tensor]) -> None:
        super().__init__()
        self._held = WeakIdKeyDictionary()
        self.places: list[str] = []
        for tensor in on_device:
            self._held[tensor] = True

    def holds(self, tensor: object) -> bool:
        return isinstance(tensor, Tensor) and tensor in self._held

    def note(self, what: str) -> None:
        frames = [f for f in traceback.extract_stack() if f.filename.startswith(SOURCE)]
        self.places.append(f"{what} in {frames[-1].name}" if frames else what)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        given = [leaf for leaf in tree_leaves((args, kwargs)) if self.holds(leaf)]
        if given:
            masks = tree_leaves(args[1]) if name in ("index", "index_put_") else []
            if name in READING or any(self.holds(m) and m.dtype == torch.bool for m in masks):
                self.note(name)
            for leaf in tree_leaves(result):
                if isinstance(leaf, Tensor):
                    self._held[leaf] = True
        return result


@contextmanager
def counted_waits(model: torch.nn.Module) -> Iterator[list[str]]:
    """Give the places where the block waits for a GPU that `model` would be on."""
    waits = Waits([*model.parameters(), *model.buffers()])
    originals = {name: getattr(Tensor, name) for name in COPYING}

    def copying(name):
        def copy(tensor, *args, **kwargs):
            if not waits.holds(tensor):
                return originals[name](tensor, *args, **kwargs)
            waits.note(name)
            fresh = torch.from_numpy(originals["numpy"](tensor.detach()).copy())
            return originals[name](fresh, *args, **kwargs)

        return copy

    with patch.multiple(Tensor, **{name: copying(name) for name in COPYING}), waits:
        yield waits.places
