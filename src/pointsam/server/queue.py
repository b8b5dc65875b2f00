"""A queue of work on one model for many clients, who take turns."""

from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Condition, Thread
from typing import Any, TypeVar

T = TypeVar("T")

MAX_WAITING = 256
"""Most pieces of work that may wait, of all clients together."""
MAX_EACH = 64
"""Most pieces of work of one client that may wait."""


class BusyError(Exception):
    """The queue is full."""


@dataclass(frozen=True, eq=False)
class _Piece:
    work: Callable[[], Any]
    future: "Future[Any]"


class FairQueue:
    """Runs work on one thread; the client that waited longest for a turn is next.

    A client with a hundred clicks waiting delays another client's click by one piece of work,
    not by a hundred. A piece whose future is cancelled before its turn never runs.
    """

    def __init__(
        self, name: str, *, max_waiting: int = MAX_WAITING, max_each: int = MAX_EACH
    ) -> None:
        self._clients: OrderedDict[str, deque[_Piece]] = OrderedDict()
        self._max_waiting, self._max_each = max_waiting, max_each
        self._changed = Condition()
        self._closed = False
        self._thread = Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def submit(self, client: str, work: Callable[[], T]) -> "Future[T]":
        """Put work at the end of a client's line.

        Raises:
            BusyError: too many pieces wait.
        """
        future: Future[T] = Future()
        with self._changed:
            self._drop_cancelled()
            waiting = sum(len(line) for line in self._clients.values())
            if self._closed or waiting >= self._max_waiting:
                raise BusyError(f"{waiting} requests wait already: try again in a moment.")
            line = self._clients.setdefault(client, deque())
            if len(line) >= self._max_each:
                raise BusyError(f"{len(line)} of your requests wait already: try again later.")
            line.append(_Piece(work, future))
            self._changed.notify()
        return future

    def close(self) -> None:
        """Wait for the running piece, and cancel the others."""
        with self._changed:
            self._closed = True
            for line in self._clients.values():
                for piece in line:
                    piece.future.cancel()
            self._clients.clear()
            self._changed.notify()
        self._thread.join(timeout=30)

    def _drop_cancelled(self) -> None:
        for client, line in list(self._clients.items()):
            kept = deque(piece for piece in line if not piece.future.cancelled())
            if kept:
                self._clients[client] = kept
            else:
                del self._clients[client]

    def _next(self) -> _Piece | None:
        """Wait for a piece of the client whose turn it is; None when closed."""
        with self._changed:
            while not self._clients and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            client, line = self._clients.popitem(last=False)
            piece = line.popleft()
            if line:
                self._clients[client] = line  # behind the others
            return piece

    def _serve(self) -> None:
        while (piece := self._next()) is not None:
            if not piece.future.set_running_or_notify_cancel():
                continue
            try:
                piece.future.set_result(piece.work())
            except BaseException as error:  # the future gives it to the one who asked
                piece.future.set_exception(error)
