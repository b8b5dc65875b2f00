"""The local server that answers clicks: started, asked, started again if it dies, stopped."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from ..command.run import CommandFailedError, end_process, start_process

SECONDS_TO_START = 180
"""That loading a model may take on a slow disk."""
SECONDS_TO_ANSWER = 120


class ServerError(Exception):
    """The server does not run, or refuses; the text is one line."""


class LiveServer:
    """``pointsam serve`` on this machine alone, for one raster and one adapter.

    Its methods block; call them from a worker thread. The server draws its secret itself and
    says it on its stdout, a pipe that ends here: an argument would stand in the list of processes.
    """

    def __init__(self, command: Path, raster: str, project: Path, *, adapter: str = "") -> None:
        self._arguments = [
            str(command), "serve", raster, "--port", "0", "--project", str(project),
            *(["--adapter", adapter] if adapter else []),
        ]  # fmt: skip
        self._process: subprocess.Popen[str] | None = None
        self._address = ""
        self._said: list[str] = []
        self._lock = threading.Lock()
        self.starts = 0
        """How often it was started: more than once where it died."""

    @property
    def process_id(self) -> int | None:
        """Give the id of the running process; None where none runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def ensure(self) -> int:
        """Start the server where it does not run, with no object; give how often it was started.

        Raises:
            ServerError: it does not start.
        """
        with self._lock:
            if self.process_id is None:
                self._start()
                # A server that was here before may have left objects in the project.
                for one in self.ask("GET", "api/images/1")["objects"]:
                    self.ask("DELETE", f"api/images/1/objects/{one['id']}")
            return self.starts

    def has_died(self) -> bool:
        """Say whether the server has ended by itself; one that is just ending is waited for."""
        process = self._process
        if process is None:
            return False
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        return process.poll() is not None

    def stop(self) -> None:
        """End the server and all it has started."""
        process, self._process = self._process, None
        if process is not None:
            end_process(process)

    def _start(self) -> None:
        self._said = []
        try:
            process = start_process(self._arguments)
        except CommandFailedError as error:
            raise ServerError(str(error)) from error
        self._process, self._address = process, ""
        self.starts += 1
        for name in ("stdout", "stderr"):
            threading.Thread(target=self._listen, args=(process, name), daemon=True).start()
        until = time.monotonic() + SECONDS_TO_START
        while not self._address and process.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        if not self._address:
            self.stop()
            last = self._said[-1] if self._said else "it said nothing"
            raise ServerError(f"the pointsam server did not start ({last}).")

    def _listen(self, process: subprocess.Popen[str], name: str) -> None:
        """Read what the server says to its end; the line with its address is kept."""
        stream = getattr(process, name)
        with stream, contextlib.suppress(ValueError):
            for line in stream:
                self._said = [*self._said[-20:], line.strip()]
                _, found, address = line.partition("http://")
                if found and not self._address and process is self._process:
                    self._address = f"http://{address.strip()}"

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Send a request to the running server.

        Raises:
            ServerError: the server does not answer, or says no.
        """
        request = urllib.request.Request(
            self._address + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method,
        )
        # A proxy of the user must not see, nor hinder, what stays on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=SECONDS_TO_ANSWER) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise ServerError(_reason(error)) from error
        except (OSError, ValueError) as error:
            raise ServerError(f"the pointsam server does not answer ({error}).") from error


def _reason(error: urllib.error.HTTPError) -> str:
    """Give the server's own words, or the status."""
    try:
        said = json.load(error)
        return str(said.get("detail", said))
    except (ValueError, AttributeError):
        return f"the pointsam server refuses ({error})."
