"""Starting and ending the server."""

import signal
import socket
import webbrowser
from collections.abc import Callable
from threading import Timer
from typing import NoReturn

import uvicorn

from pointsam.errors import InputError
from pointsam.server.security import Application

_GRACE = 5
"""Seconds that open requests get to finish when the server ends."""


def listen(host: str, port: int) -> socket.socket:
    """Open the port, before the model is loaded.

    Raises:
        InputError: the port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise InputError(
            f"port {port} of {host} cannot be used ({error.strerror}): stop the program that has "
            "it, or give another --port (0 takes any that is free)."
        ) from error
    listener.listen(128)
    return listener


def serve(
    application: Application,
    listener: socket.socket,
    *,
    address: str | None,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Answer until interrupted.

    Args:
        application: that answers.
        listener: from `listen`.
        address: that is opened in the browser; none if None.
        ready: called before the first request.
    """
    config = uvicorn.Config(
        application,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=_GRACE,
    )
    signal.signal(signal.SIGTERM, _interrupt)  # uvicorn raises it again when it has ended
    if address is not None:
        Timer(0.5, webbrowser.open, [address]).start()
    ready()
    uvicorn.Server(config).run(sockets=[listener])


def _interrupt(*_: object) -> NoReturn:
    """End as after Ctrl+C, so that a training ends, too."""
    raise KeyboardInterrupt
