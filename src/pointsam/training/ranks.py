"""The processes of one run: the rank of this one, and the messages between them.

A run of one process makes no process group: every message here then returns its own value.

Gradients are summed by one explicit all-reduce, not by ``DistributedDataParallel``: its hooks wait
for ``backward()`` to reach each parameter, and a step here never calls it (``backward.py`` asks
autograd for gradients, in chunks). An adapter is small, so one message for each step costs little.
"""

import os
import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import (
    contextmanager,
    nullcontext,
    redirect_stderr,
    redirect_stdout,
    suppress,
)
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Never, TypeVar

import torch
import torch.distributed as dist
from jaxtyping import Shaped
from torch import Tensor

from pointsam.errors import InputError

Value = TypeVar("Value")

LAUNCHER = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
"""Variables that ``torchrun`` sets in the environment of each process."""


class RankLostError(RuntimeError):
    """Another process of the run has ended, or a signal asked this one to stop."""


@dataclass(frozen=True)
class Ranks:
    """The rank of this process in the run. Every process calls every method."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the one process that writes files and shows progress."""
        return self.rank == 0

    def share(self, items: Sequence[Value]) -> list[Value]:
        """Keep this rank's part of a list; the parts of all ranks in order are the list.

        Parts differ by one item at most; one is empty where there are fewer items than ranks.
        """
        begin = len(items) * self.rank // self.count
        return list(items[begin : len(items) * (self.rank + 1) // self.count])

    def sum(self, values: Tensor) -> Tensor:
        """Add up a tensor over all ranks; each gets the same bits."""
        if self.count == 1:
            return values
        values = values.clone()
        if values.is_cuda:
            # The CPU notices a lost process at once; a GPU would wait for a long time.
            self.wait()
        with self._noticing():
            dist.all_reduce(values)
        return values

    def gather(self, rows: Shaped[Tensor, "own ..."]) -> Shaped[Tensor, "all ..."]:
        """Join the rows of all ranks in order; ranks may have different numbers of rows.

        Gradient flows to this rank's own rows alone.
        """
        if self.count == 1:
            return rows
        # The numbers of rows go from CPU to CPU, so that no GPU waits for them.
        sizes = [torch.zeros(1, dtype=torch.long) for _ in range(self.count)]
        with self._noticing():
            dist.all_gather(sizes, torch.tensor([len(rows)]))
        lengths = [int(size) for size in sizes]
        padded = rows.new_zeros((max(lengths), *rows.shape[1:]))
        padded[: len(rows)] = rows.detach()
        parts = [torch.empty_like(padded) for _ in lengths]
        with self._noticing():
            dist.all_gather(parts, padded)
        joined = [part[:length] for part, length in zip(parts, lengths, strict=True)]
        joined[self.rank] = rows
        return torch.cat(joined)

    def from_first(self, rows: Shaped[Tensor, "rows ..."]) -> Shaped[Tensor, "first ..."]:
        """Give the first rank's tensor to all."""
        return self.gather(rows if self.first else rows[:0])

    def tell(self, value: Value) -> Value:
        """Give the first rank's value to all; pickle must be able to store it."""
        if self.count == 1:
            return value
        box = [value if self.first else None]
        with self._noticing():
            dist.broadcast_object_list(box)
        told: Any = box[0]
        return told  # type: ignore[no-any-return]

    def wait(self) -> None:
        """Wait until every rank has called this."""
        if self.count > 1:
            with self._noticing():
                dist.all_reduce(torch.zeros(1))

    @contextmanager
    def agreeing(self) -> Iterator[None]:
        """End all ranks where the block raises an InputError in one of them.

        Only the first rank prints inside the block. The block itself must not call other ranks.

        Raises:
            InputError: in the first rank, for its own fault or that of another.
            SystemExit: with status 2, in the others, which leaves the message to the first.
        """
        if self.count == 1:
            yield
            return
        fault = None
        try:
            with nullcontext() if self.first else _silence():
                yield
        except (InputError, FileNotFoundError) as error:
            fault = error
        faults: list[str | None] = [None] * self.count
        with self._noticing():
            dist.all_gather_object(faults, None if fault is None else str(fault))
        found = [(rank, text) for rank, text in enumerate(faults) if text is not None]
        if not found:
            return
        if not self.first:
            # A launcher ends all when one process leaves, so the first must have printed before.
            with suppress(RankLostError):
                self.wait()
            raise SystemExit(2)
        if fault is not None:
            raise fault
        rank, text = found[0]
        raise InputError(f"process {rank}: {text}")

    @contextmanager
    def _noticing(self) -> Iterator[None]:
        """Turn the process group's error about a lost process into one line."""
        try:
            yield
        except RuntimeError as error:
            if isinstance(error, RankLostError):
                raise
            raise RankLostError(
                f"process {self.rank} of {self.count} lost another one ({_reason(error)})"
            ) from error


ALONE = Ranks()
"""The ranks of a run of one process."""


def launched_ranks() -> Ranks:
    """Read this process's rank from the environment; alone if ``torchrun`` did not start it."""
    if any(name not in os.environ for name in LAUNCHER):
        return ALONE
    return Ranks(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))


def device_of_rank(device: str) -> str:
    """Give each process of a machine its own GPU; a CPU is shared.

    Args:
        device: as chosen for the run, ``cuda`` without a number or ``cpu``.

    Raises:
        InputError: a numbered GPU was chosen for many processes, or there are too few.
    """
    ranks = launched_ranks()
    if ranks.count == 1 or not device.startswith("cuda"):
        return device
    local = int(os.environ["LOCAL_RANK"])
    if device != "cuda":
        raise InputError(
            f"--device {device} names one GPU for {ranks.count} processes: use --device cuda."
        )
    if local >= torch.cuda.device_count():
        raise InputError(
            f"process {local} of this machine has no GPU of its own: torchrun was asked for more "
            f"processes than the {torch.cuda.device_count()} GPUs here; lower --nproc-per-node."
        )
    return f"cuda:{local}"


@contextmanager
def joined_ranks(device: str, *, timeout: float) -> Iterator[Ranks]:
    """Join the other processes of the run, and leave the group at the end of the block.

    Args:
        device: that this process computes on; ``cuda`` adds nccl to gloo.
        timeout: seconds that a process waits for the others before it gives up.

    Raises:
        RankLostError: another process has ended, or a signal asks to stop; also in the block.
    """
    ranks = launched_ranks()
    if ranks.count == 1:
        yield ranks
        return
    if device.startswith("cuda"):
        torch.cuda.set_device(device)

    def stop(*_: object) -> Never:
        raise RankLostError(
            f"process {ranks.rank} of {ranks.count} was told to stop, as a launcher does when "
            "another one has died"
        )

    before = signal.signal(signal.SIGTERM, stop)
    try:
        with ranks._noticing():
            dist.init_process_group(
                "cpu:gloo,cuda:nccl" if device.startswith("cuda") else "gloo",
                timeout=timedelta(seconds=timeout),
            )
        yield ranks
        # A launcher ends the rest when one process leaves, so all leave together.
        ranks.wait()
    except RankLostError:
        # The error must reach the user. Signals are ignored, and the group is not taken down: that
        # would wait for the lost process.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise
    except BaseException:
        _leave(before)
        raise
    _leave(before)


def _leave(before: Any) -> None:
    """Close the process group, and remove the signal handler."""
    if dist.is_initialized():
        dist.destroy_process_group()
    signal.signal(signal.SIGTERM, before)


def _reason(error: RuntimeError) -> str:
    """Give the first sentence of a library's error, without the place in its source."""
    sentence = re.sub(r"^\[\S+:\d+\] ", "", str(error).splitlines()[0])
    return sentence.partition(". ")[0]


@contextmanager
def _silence() -> Iterator[None]:
    with open(os.devnull, "w") as nothing, redirect_stderr(nothing), redirect_stdout(nothing):
        yield
