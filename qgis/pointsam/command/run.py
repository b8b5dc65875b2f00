"""One run of the pointsam command: its progress comes out, a cancel goes in."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .find import environment_variables, window_flags

SECONDS_TO_END = 0.4
"""That a cancelled command gets to keep its state before it is killed."""
_POLL_SECONDS = 0.1
END_WITH_STDIN = "POINTSAM_END_WITH_STDIN"
"""Tells the command to end where its stdin ends. Source: pointsam/cli/caller.py."""


class CommandFailedError(Exception):
    """The command ended with an error; the text is its own line."""


class CommandCancelledError(Exception):
    """The user cancelled; all processes of the command have ended."""


@dataclass(frozen=True)
class Progress:
    """One line of ``--progress json``."""

    stage: str
    done: float
    total: float | None
    unit: str
    seconds_left: float | None
    message: str

    @property
    def share(self) -> float | None:
        """Give what is done, in [0, 1]; None where the total is not known."""
        return None if not self.total else min(1.0, self.done / self.total)


def parse_progress(line: str) -> Progress | None:
    """Read one line of stderr; None for a line that is no progress."""
    if not line.startswith("{"):
        return None
    try:
        read = json.loads(line)
        return Progress(
            stage=str(read["stage"]),
            done=float(read["done"]),
            total=None if read["total"] is None else float(read["total"]),
            unit=str(read["unit"]),
            seconds_left=None if read["seconds_left"] is None else float(read["seconds_left"]),
            message=str(read["message"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def run_command(
    arguments: Sequence[str],
    *,
    on_progress: Callable[[Progress], None],
    on_line: Callable[[str], None],
    is_cancelled: Callable[[], bool],
    folder: Path | None = None,
    well: Sequence[int] = (0,),
) -> list[str]:
    """Run a command to its end and give the lines of its stdout.

    Args:
        arguments: the program and what it is given.
        on_progress: gets each line of progress.
        on_line: gets each other line, of stdout and of stderr.
        is_cancelled: asked ten times a second.
        folder: in which the command works.
        well: exit statuses that are no error.

    Raises:
        CommandFailedError: it could not start, or ended with an error.
        CommandCancelledError: it was cancelled.
    """
    process = start_process(arguments, folder=folder)
    lines: queue.Queue[tuple[str, str] | None] = queue.Queue()
    for name in ("stdout", "stderr"):
        threading.Thread(target=_forward, args=(name, process, lines), daemon=True).start()
    said: dict[str, list[str]] = {"stdout": [], "stderr": []}
    try:
        open_streams = 2
        while open_streams:
            if is_cancelled():
                raise CommandCancelledError("cancelled: run again with the same inputs to go on.")
            try:
                item = lines.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                continue
            if item is None:
                open_streams -= 1
                continue
            name, line = item
            progress = parse_progress(line) if name == "stderr" else None
            if progress is not None:
                on_progress(progress)
            elif line.strip():
                said[name].append(line)
                on_line(line)
        status = process.wait()
    finally:
        end_process(process)
    if status not in well:
        last = said["stderr"][-1] if said["stderr"] else f"it ended with status {status}."
        raise CommandFailedError(last)
    return said["stdout"]


def start_process(arguments: Sequence[str], *, folder: Path | None = None) -> subprocess.Popen[str]:
    """Start a command as the head of a process tree of its own, with its output as text.

    Its stdin is a pipe that is open as long as this process lives: where QGIS crashes or is
    killed, pointsam sees the pipe's end and ends, too.

    Raises:
        CommandFailedError: it does not start.
    """
    try:
        return subprocess.Popen(
            [str(argument) for argument in arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            env={**environment_variables(), END_WITH_STDIN: "1"},
            cwd=None if folder is None else str(folder),
            creationflags=window_flags(),
            start_new_session=sys.platform != "win32",
        )
    except OSError as error:
        raise CommandFailedError(f"{arguments[0]} does not start ({error}).") from error


def end_process(process: subprocess.Popen[str]) -> None:
    """End a process and all that it has started; nothing happens where all have ended."""
    if sys.platform == "win32":
        if process.poll() is None:
            subprocess.run(
                ["taskkill", "/PID", str(process.pid), "/T", "/F"],
                capture_output=True,
                creationflags=window_flags(),
            )
    else:
        # The group may outlive its head: workers are ended too.
        if process.poll() is None:
            _signal_group(process.pid, signal.SIGTERM)
            until = time.monotonic() + SECONDS_TO_END
            while process.poll() is None and time.monotonic() < until:
                time.sleep(0.02)
        _signal_group(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _forward(
    name: str, process: subprocess.Popen[str], lines: queue.Queue[tuple[str, str] | None]
) -> None:
    """Put the lines of one stream into the queue, then None."""
    stream: IO[str] | None = getattr(process, name)
    assert stream is not None
    with stream, contextlib.suppress(ValueError):
        for line in stream:
            lines.put((name, line.rstrip("\r\n")))
    lines.put(None)
