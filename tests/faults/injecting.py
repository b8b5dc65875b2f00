"""One command in a process of its own, in which one step on a file fails, or is the last one.

Steps that Python takes (opening a file to write, making a folder, renaming, settling on the disk)
are counted and met one by one. Writing is met at a byte: the system lets no file grow beyond it,
whichever library writes.
"""

import errno
import gc
import io
import json
import logging
import os
import pkgutil
import resource
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from pointsam import cli
from pointsam.cli.main import main

for _module in pkgutil.iter_modules(cli.__path__):
    import_module(f"{cli.__name__}.{_module.name}")  # once, not in each process

STEPS = ("open", "mkdir", "rename", "fsync")
"""Kinds of steps that are counted."""

REMOVE = "remove"
"""The kind that ``cache --clear`` takes; counted, and met where a test says so."""

WRITE = "write"
"""The kind that is met at a byte of any file."""

_HEARD = {"os.mkdir": ("mkdir", 0), "os.rename": ("rename", 1), "os.remove": (REMOVE, 0)}
"""Kind of the step that Python's audit events tell of, and which argument is its path."""

KILLED = -signal.SIGKILL
TOO_LARGE = -signal.SIGXFSZ
"""Exit status of a process that was killed in a step, or in writing a byte."""


@dataclass(frozen=True)
class Fault:
    """Where a process is met, and how."""

    kind: str
    number: int
    """Of the step, from 1; of bytes that a file may have, where the kind is writing."""
    kills: bool = False
    """The process ends there and then; else the step fails as on a full disk."""

    def __str__(self) -> str:
        return f"{'killed' if self.kills else 'failing'} at {self.kind} {self.number}"


@dataclass(frozen=True)
class Ended:
    """What is known of a process that has ended."""

    status: int
    said: list[str]
    """Lines on stderr."""
    steps: Counter[str]
    """Taken, by kind; empty where it was killed."""

    @property
    def killed(self) -> bool:
        """Whether the fault ended it."""
        return self.status in (KILLED, TOO_LARGE)

    @property
    def refused(self) -> bool:
        """Whether it ended in one line that says why, and no trace."""
        faults = [line for line in self.said if line.startswith("pointsam: error:")]
        return self.status == 2 and len(faults) == 1 and not self.broke

    @property
    def broke(self) -> bool:
        """Whether a fault of the package shows."""
        return any("Traceback" in line or "core dumped" in line for line in self.said)


LONGEST = 300
"""Seconds that a command may take, here and beside other tests."""


def run(
    words: Sequence[str] | Callable[[], None], folder: Path, fault: Fault | None = None
) -> Ended:
    """Run a command line, or a function, in a folder."""
    said, told = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        os.close(said[0]), os.close(told[0])
        _work(words, folder, fault, said=said[1], told=told[1])
    os.close(said[1]), os.close(told[1])
    with os.fdopen(said[0], errors="replace") as lines, os.fdopen(told[0]) as counts:
        # The counts are few bytes; the lines may fill their pipe.
        text, counted = lines.read(), counts.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    steps = Counter(json.loads(counted)) if counted else Counter()
    return Ended(status, text.splitlines(), steps)


def _work(
    words: Sequence[str] | Callable[[], None],
    folder: Path,
    fault: Fault | None,
    *,
    said: int,
    told: int,
) -> None:
    """Be the process; never returns."""
    status = 1
    # A fork has no threads but its own, so finalising an object of an earlier test may wait for
    # ever. Freezing keeps these objects; the alarm ends a process that waits for another reason.
    gc.freeze()
    signal.alarm(LONGEST)
    try:
        os.chdir(folder)
        os.dup2(said, 2)
        sys.stderr = io.TextIOWrapper(os.fdopen(2, "wb", 0, closefd=False), write_through=True)
        sys.stdout = open(os.devnull, "w")
        os.dup2(sys.stdout.fileno(), 1)
        logging.getLogger().handlers.clear()
        steps = _meet(fault, folder)
        status = main(list(words)) if not callable(words) else int(bool(words()))
        os.write(told, json.dumps(steps).encode())
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _meet(fault: Fault | None, folder: Path) -> Counter[str]:
    """Count steps from here on, and let one of them be the fault."""
    steps: Counter[str] = Counter()
    if fault is not None and fault.kind == WRITE:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL if fault.kills else signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (fault.number, fault.number))
        return steps
    inside = os.path.realpath(folder)

    def step(kind: str, path: object) -> None:
        if isinstance(path, str | os.PathLike) and not os.path.realpath(path).startswith(inside):
            return
        steps[kind] += 1
        if fault is not None and (kind, steps[kind]) == (fault.kind, fault.number):
            _strike(fault, path)

    def hear(event: str, args: tuple) -> None:
        if event == "open" and args[0] is not None and _writes(args[1], args[2]):
            step("open", args[0])
        elif event in _HEARD:
            kind, place = _HEARD[event]
            step(kind, args[place])

    settle = os.fsync

    def fsync(handle: int) -> None:
        step("fsync", None)
        settle(handle)

    os.fsync = fsync
    sys.addaudithook(hear)
    return steps


def _strike(fault: Fault, path: object) -> None:
    if fault.kills:
        os.kill(os.getpid(), signal.SIGKILL)
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _writes(mode: object, flags: object) -> bool:
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))
