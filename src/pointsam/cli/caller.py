"""A command that another program has started ends with that program."""

import os
import signal
import sys
import threading
import time

END_WITH_STDIN = "POINTSAM_END_WITH_STDIN"
"""Variable by which a program asks for it: it keeps the command's stdin open while it lives."""

_SECONDS_TO_END = 5.0
"""Seconds that a command has to save its state after its caller ended."""


def end_with_caller() -> None:
    """Watch stdin where the caller asks for it: its end ends this process as SIGTERM does.

    A caller that crashes or is killed ends nothing itself; its pipes close all the same.
    """
    # What this process starts has another stdin: the wish is not handed on.
    wished = os.environ.pop(END_WITH_STDIN, "")
    if wished and sys.stdin is not None:
        threading.Thread(target=_wait_for_end, args=(sys.stdin.fileno(),), daemon=True).start()


def _wait_for_end(descriptor: int) -> None:
    try:
        while os.read(descriptor, 4096):
            pass
    except OSError:
        return
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_SECONDS_TO_END)
    os._exit(128 + signal.SIGTERM)
