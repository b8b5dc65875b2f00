"""Runs work of routes on the model, and answers errors."""

import asyncio
import errno
import logging
from collections.abc import Callable
from typing import TypeVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from pointsam.errors import InputError
from pointsam.server.queue import BusyError
from pointsam.server.session import ConflictError, Session

T = TypeVar("T")

LOGGER = logging.getLogger("pointsam.server")
PATIENCE = 0.2
"""Seconds between two checks whether the client is still connected."""
GONE = 499
"""Status of a request whose client has disconnected; nobody reads it."""


class ClientGoneError(Exception):
    """The client disconnected before its turn."""


def session_of(request: Request) -> Session:
    """Give the session that the application serves."""
    session: Session = request.app.state.session
    return session


def client_of(request: Request) -> str:
    """Identify a client: a page by the name it sends, others by their connection."""
    name = request.headers.get("x-pointsam-client", "")[:64]
    if name:
        return name
    return "nobody" if request.client is None else f"{request.client.host}:{request.client.port}"


async def on_model(request: Request, work: Callable[[], T]) -> T:
    """Do work in its client's turn; if the client disconnects, work that waits is cancelled.

    Raises:
        BusyError: too many pieces of work wait.
        ClientGoneError: the client has disconnected.
    """
    waiting = asyncio.wrap_future(session_of(request).submit(client_of(request), work))
    while True:
        done, _ = await asyncio.wait({waiting}, timeout=PATIENCE)
        if done:
            return waiting.result()
        if await request.is_disconnected():
            waiting.cancel()
            raise ClientGoneError


def add_handlers(application: FastAPI) -> None:
    """Answer every error as JSON with one line of text, without a traceback."""

    def said(status: int) -> Callable[[Request, Exception], Response]:
        return lambda _, error: failed(status, str(error))

    application.add_exception_handler(InputError, said(400))
    application.add_exception_handler(FileNotFoundError, said(404))
    application.add_exception_handler(ConflictError, said(409))
    application.add_exception_handler(BusyError, _busy)
    application.add_exception_handler(ClientGoneError, lambda _, __: Response(status_code=GONE))
    application.add_exception_handler(RequestValidationError, _misshapen)
    application.add_exception_handler(HTTPException, _by_status)
    application.add_exception_handler(OSError, _of_the_system)
    application.add_exception_handler(Exception, _our_fault)


def failed(status: int, text: str) -> JSONResponse:
    """Give an error answer, under the two names that clients read."""
    line = " ".join(text.split())
    return JSONResponse({"error": line, "detail": line}, status_code=status)


def _busy(_: Request, error: Exception) -> Response:
    answer = failed(503, str(error))
    answer.headers["Retry-After"] = "1"
    return answer


def _misshapen(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body")
    return failed(422, f"{place or 'the request'}: {first['msg']}.")


def _by_status(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return failed(error.status_code, str(error.detail))


def _of_the_system(request: Request, error: Exception) -> Response:
    assert isinstance(error, OSError)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return failed(
            507,
            "the disk is full: your last change was not saved; free some space, do it again.",
        )
    return _our_fault(request, error)


def _our_fault(_: Request, error: Exception) -> Response:
    LOGGER.error("a request failed", exc_info=error)
    return failed(500, f"the server failed ({type(error).__name__}): its terminal shows the cause.")
