"""What reading a file may do: give a result or say in one line what is wrong, and nothing else."""

import ctypes
import os
import resource
import socket
import struct
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from pointsam.errors import InputError

MAX_SECONDS = 5.0
"""Of CPU time, for one input."""

MAX_BYTES = 2 * 2**30
"""Of memory, whatever an input claims."""

REFUSALS = (InputError, FileNotFoundError)
"""What says that an input is at fault; the command line makes one line of it."""

_IN_OPEN, _IN_NONBLOCK = 0x20, 0o4000


class BrokenPromiseError(AssertionError):
    """An input made a reader do what no input may."""


class Guard:
    """Sees connections, and files that are opened in a folder where no input may lead."""

    def __init__(self, outside: Path) -> None:
        """Watch from now on; there is one guard in a process, for hooks cannot be taken back."""
        self._asked: list[str] = []
        self._watch = _watch(outside)
        self._listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._answer, daemon=True).start()
        # What GDAL asks of a server, it asks of this one.
        port = self._listening.getsockname()[1]
        os.environ["GDAL_HTTP_PROXY"] = f"127.0.0.1:{port}"
        os.environ["GDAL_HTTP_MAX_RETRY"] = "0"
        sys.addaudithook(self._hear)

    def let_go(self) -> None:
        """Let GDAL reach servers again; what is seen is seen on."""
        for name in ("GDAL_HTTP_PROXY", "GDAL_HTTP_MAX_RETRY"):
            os.environ.pop(name, None)

    def _answer(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            self._asked.append("GDAL")
            connection.close()

    def _hear(self, event: str, args: tuple) -> None:
        if event in ("socket.connect", "socket.getaddrinfo"):
            self._asked.append(f"{event} {args}")
        elif event in ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn"):
            self._asked.append(event)

    def told(self) -> list[str]:
        """Say what was asked for since the last time."""
        found, self._asked[:] = list(self._asked), []
        return found + [f"opened outside/{name}" for name in _opened(self._watch)]


def _watch(folder: Path) -> int | None:
    """Watch what is opened in a folder, by whatever library; None where the system cannot."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    handle = libc.inotify_init1(_IN_NONBLOCK)
    libc.inotify_add_watch(handle, os.fsencode(folder), _IN_OPEN)
    return handle


def _opened(handle: int | None) -> list[str]:
    if handle is None:
        return []
    try:
        data = os.read(handle, 65536)
    except BlockingIOError:
        return []
    names = []
    while data:
        length = struct.unpack_from("iIII", data)[3]
        names.append(data[16 : 16 + length].rstrip(b"\0").decode())
        data = data[16 + length :]
    return [name for name in names if name]


@contextmanager
def promised(guard: Guard, *, what: str):
    """Hold a block to what is promised of a reader.

    Raises:
        BrokenPromiseError: it did something else.
    """
    guard.told()
    before = time.process_time()
    try:
        yield
    except REFUSALS as error:
        if not str(error).strip():
            raise BrokenPromiseError(f"{what}: refused without a word") from error
    except Exception as error:
        raise BrokenPromiseError(f"{what}: {type(error).__name__}: {error}") from error
    took = time.process_time() - before
    if took > MAX_SECONDS:
        raise BrokenPromiseError(f"{what}: took {took:.1f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if peak > MAX_BYTES:
        raise BrokenPromiseError(f"{what}: memory reached {peak >> 20} MiB")
    told = guard.told()
    if told:
        raise BrokenPromiseError(f"{what}: {'; '.join(told[:3])}")
