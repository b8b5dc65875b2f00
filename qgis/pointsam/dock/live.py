"""Live masks: the objects of the point layer, sent to the server as they change."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from qgis.PyQt.QtCore import QObject, pyqtSignal

from .server import LiveServer, ServerError

MAX_ATTEMPTS = 3
"""Starts of a server for one change."""


Points = tuple
"""An object's clicks, each ``(x, y, label)`` in pixels of the raster."""


class LiveMasks(QObject):
    """Keeps the server's objects equal to the layer's, one change after the other.

    Signals come in the main thread, whatever thread the server was asked from.
    """

    changed = pyqtSignal(object)
    """``{instance: rings or None}`` of the objects that have changed; None: it is gone."""
    failed = pyqtSignal(str)
    asked = pyqtSignal(bool)
    """Whether the server is at work."""

    def __init__(self, server: LiveServer) -> None:
        super().__init__()
        self._server = server
        self._worker = ThreadPoolExecutor(1)
        self._wanted: dict[int, Points] = {}
        self._ids: dict[int, int] = {}
        self._sent: dict[int, Points] = {}
        self._starts = 0
        self._pending: Future[None] | None = None

    def follow(self, wanted: dict[int, Points]) -> None:
        """Bring the server to these objects; calls that come while it works are joined."""
        self._wanted = dict(wanted)
        if self._pending is None or self._pending.done():
            self._pending = self._worker.submit(self._work)

    @property
    def busy(self) -> bool:
        """Whether the server's objects are not yet those of the layer."""
        return self._wanted != self._sent

    def stop(self) -> None:
        """End the server; what it was asked is given up."""
        self._worker.shutdown(wait=False, cancel_futures=True)
        self._server.stop()

    def _work(self) -> None:
        self.asked.emit(True)
        try:
            for attempt in range(MAX_ATTEMPTS):
                try:
                    while self._wanted != self._sent:
                        self._send_one()
                    break
                except ServerError as error:
                    # A server that has died is started again, and is told everything anew.
                    if attempt + 1 == MAX_ATTEMPTS or not self._server.has_died():
                        self.failed.emit(str(error))
                        break
        finally:
            self.asked.emit(False)

    def _send_one(self) -> None:
        """Send one difference."""
        starts = self._server.ensure()
        if starts != self._starts:
            self._starts, self._ids, self._sent = starts, {}, {}
        wanted = self._wanted
        if wanted == self._sent:
            return
        gone = next((number for number in self._sent if number not in wanted), None)
        if gone is not None:
            self._ask("DELETE", f"/{self._ids.pop(gone)}")
            del self._sent[gone]
            self.changed.emit({gone: None})
            return
        number = next(n for n in wanted if self._sent.get(n) != wanted[n])
        if number in self._ids:
            answer = self._ask("PATCH", f"/{self._ids[number]}", _body(wanted[number]))
        else:
            answer = self._ask("POST", "", _body(wanted[number]))
        self._keep(number, wanted[number], answer)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return self._server.ask(method, f"api/images/1/objects{path}", body)

    def _keep(self, number: int, sent: Points, answer: dict[str, Any]) -> None:
        if number not in self._ids:
            known = set(self._ids.values())
            self._ids[number] = next(
                one["id"] for one in answer["objects"] if one["id"] not in known
            )
        self._sent[number] = sent
        numbers = {server_id: instance for instance, server_id in self._ids.items()}
        self.changed.emit(
            {numbers[one["id"]]: one["rings"] for one in answer["objects"] if one["id"] in numbers}
        )


def _body(points: Points) -> dict[str, Any]:
    """Give what the server takes; classes are the layer's business."""
    return {"points": [list(point) for point in points], "class": "object"}
