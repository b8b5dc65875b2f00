"""Features on disk: the output of an encoder's frozen part is computed once and kept.

An entry is named by everything that decides its numbers: the weights, where the encoder is cut, the
precision, and the very pixels that went in. An entry is therefore never stale: another image, side,
seed, view or augmentation has another name.
"""

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import UInt8
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pointsam.errors import InputError
from pointsam.files import replacing

SUFFIX = ".features"

_UNCOUNTED = 0.05
"""Share of the allowed size that a process writes before it counts what others have written."""


@dataclass(frozen=True)
class CacheUse:
    """What a cache folder holds."""

    entries: int
    size: int
    """Bytes."""


@dataclass(frozen=True)
class _Entry:
    path: Path
    size: int
    """Bytes."""
    used: float
    """Time of the last use."""


class FeatureCache:
    """A folder of tensors, bounded in size, shared by any number of runs at once."""

    def __init__(self, folder: Path, *, max_bytes: int, dtype: torch.dtype = torch.float16) -> None:
        """Open a folder; it is made where it is missing.

        Args:
            folder: of the entries.
            max_bytes: the least recently used entries leave when more is stored.
            dtype: numbers are stored in; float32 changes none of a float32 model.
        """
        if folder.exists() and not folder.is_dir():
            raise InputError(f"{folder} is a file; a cache is a folder.")
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._most_bytes = max_bytes
        self.dtype = dtype
        self._size = self.use().size
        self._uncounted = 0

    def name(self, weights: str, pixels: UInt8[Tensor, "3 _ _"]) -> str:
        """Name the entry of one image.

        Args:
            weights: says which weights, cut and precision.
            pixels: that are encoded.
        """
        digest = hashlib.blake2b(digest_size=20)
        digest.update(f"{weights} {self.dtype} {tuple(pixels.shape)}".encode())
        digest.update(pixels.contiguous().numpy().tobytes())
        return digest.hexdigest()

    def read(self, name: str) -> tuple[Tensor, ...] | None:
        """Give the tensors of an entry, memory-mapped; None where it is missing or damaged."""
        path = self._path(name)
        try:
            with safe_open(path, framework="pt") as entry:
                tensors = tuple(entry.get_tensor(key) for key in sorted(entry.keys()))
                checksum = (entry.metadata() or {}).get("checksum")
        except (FileNotFoundError, SafetensorError):
            return None
        if checksum != _checksum(tensors):
            return None
        with suppress(FileNotFoundError):  # another process made room meanwhile
            os.utime(path)
        return tensors

    def write(self, name: str, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Store tensors, and give them as a reader will."""
        stored = tuple(tensor.detach().cpu().to(self.dtype).contiguous() for tensor in tensors)
        path = self._path(name)
        with replacing(path) as temporary:
            save_file(
                {f"{index:02d}": tensor for index, tensor in enumerate(stored)},
                temporary,
                metadata={"checksum": _checksum(stored)},
            )
            size = temporary.stat().st_size
        self._size += size
        self._uncounted += size
        # Other processes write too: what is there is counted anew before it can be much more.
        if self._size > self._most_bytes or self._uncounted > _UNCOUNTED * self._most_bytes:
            self._shrink()
        return stored

    def use(self) -> CacheUse:
        """Count what is stored."""
        entries = self._entries()
        return CacheUse(len(entries), sum(entry.size for entry in entries))

    def clear(self) -> CacheUse:
        """Delete all entries, and nothing else that is in the folder; give what was there."""
        used = self.use()
        for entry in self._entries():
            entry.path.unlink(missing_ok=True)
        self._size = 0
        return used

    def _shrink(self) -> None:
        """Where there is too much, delete what was least recently used until a tenth is free."""
        entries = sorted(self._entries(), key=lambda entry: entry.used)
        self._size = sum(entry.size for entry in entries)
        self._uncounted = 0
        if self._size <= self._most_bytes:
            return
        for entry in entries:
            if self._size <= 0.9 * self._most_bytes:
                return
            self._size -= entry.size
            entry.path.unlink(missing_ok=True)

    def _entries(self) -> list["_Entry"]:
        """List what is stored; another process may delete some of it at any moment."""
        entries = []
        for path in self._folder.glob(f"*/*{SUFFIX}"):
            with suppress(FileNotFoundError):
                status = path.stat()
                entries.append(_Entry(path, status.st_size, status.st_mtime))
        return entries

    def _path(self, name: str) -> Path:
        # A folder with a million files is slow on many file systems.
        return self._folder / name[:2] / f"{name}{SUFFIX}"


@dataclass(frozen=True, eq=False)
class KeptEmbeddings:
    """A cache of final embeddings, for one base model."""

    cache: FeatureCache
    base: str
    """Hash of the base; the adapter's is taken for each image, since it can be switched off."""


def _checksum(tensors: Sequence[Tensor]) -> str:
    """Give a checksum of the stored bytes, which any damage changes."""
    digest = hashlib.blake2b(digest_size=8)
    for tensor in tensors:
        digest.update(tensor.view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
