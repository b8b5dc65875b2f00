"""Access: only this machine's own pages, and clients that know the secret."""

import base64
import binascii
import json
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY = 64 * 2**20
"""Most bytes of a request."""

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page loads nothing from other sites, and has no inline script or style."""

_HEADERS = [
    (b"content-security-policy", CONTENT_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


@dataclass(frozen=True)
class Access:
    """Rules that a request must meet."""

    secret: str
    """First part of the path, or a token in a header."""
    hosts: frozenset[str]
    """Values of ``Host`` that name this server; empty where it listens on all addresses."""
    origins: frozenset[str] = frozenset()
    """Other sites whose pages may send requests, with the secret."""
    max_body: int = MAX_BODY


def new_secret() -> str:
    """Draw a secret that cannot be guessed."""
    return secrets.token_urlsafe(24)


def own_hosts(port: int) -> frozenset[str]:
    """List the names of this machine in ``Host``."""
    return frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]"))


class Guard:
    """Lets a request through to the application, or refuses it in JSON."""

    def __init__(self, application: Application, access: Access) -> None:
        self._application = application
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        origin = headers.get("origin")
        foreign = origin if origin in self._access.origins else None
        refused = self._refusal(scope, headers)
        if refused is None and scope["method"] == "OPTIONS" and foreign is not None:
            await _answer(send, 204, None, _cross_origin(foreign))
            return
        if refused is None and not self._knows_secret(scope, headers):
            refused = 401, "the secret is missing or wrong: use the address that pointsam printed."
        if refused is not None:
            await _answer(send, refused[0], {"error": refused[1], "detail": refused[1]}, [])
            return
        await self._serve(scope, receive, send, foreign)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, foreign: str | None) -> None:
        """Pass the request on; count its body, and add security headers to its answer."""
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._access.max_body:
                raise HTTPException(413, self._too_large())
            return message

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = _HEADERS if foreign is None else [*_HEADERS[:-1], *_cross_origin(foreign)]
                message["headers"] = [*message.get("headers", []), *extra]
            await send(message)

        await self._application(scope, counted, guarded)

    def _too_large(self) -> str:
        megabytes = self._access.max_body / 2**20
        return f"the request is larger than {megabytes:.3g} MB: send a smaller image."

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        """Say why a request is refused even with the secret; None where it is not."""
        host = headers.get("host", "")
        if self._access.hosts and host not in self._access.hosts:
            return 403, f"this server is not called {host!r}: use the address that it printed."
        origin = headers.get("origin")
        own = {f"http://{host}", f"https://{host}"}
        if origin is not None and origin not in own and origin not in self._access.origins:
            return 403, f"pages of {origin} may not use this server (--allow-origin lets them)."
        if origin is None and headers.get("sec-fetch-site") in ("cross-site", "same-site"):
            opened = headers.get("sec-fetch-mode") == "navigate" and scope["method"] == "GET"
            if not opened:
                return 403, "pages of other sites may not use this server."
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._access.max_body:
            return 413, self._too_large()
        return None

    def _knows_secret(self, scope: Scope, headers: dict[str, str]) -> bool:
        """Look for the secret in the path, from which it is then removed, or in a header."""
        first, _, _ = scope["path"].lstrip("/").partition("/")
        if _same(first, self._access.secret):
            scope["root_path"] = f"/{first}"
            return True
        return any(_same(token, self._access.secret) for token in _tokens(headers))


def _tokens(headers: dict[str, str]) -> list[str]:
    """List the secrets in the headers, in the forms that clients use."""
    found = [headers[name] for name in ("token", "x-api-key", "x-token") if name in headers]
    kind, _, value = headers.get("authorization", "").partition(" ")
    if kind.lower() in ("bearer", "token"):
        found.append(value.strip())
    elif kind.lower() == "basic":
        try:
            found.append(base64.b64decode(value).decode().partition(":")[2])
        except (binascii.Error, UnicodeDecodeError):
            return found
    return found


def _same(given: str, secret: str) -> bool:
    return secrets.compare_digest(given.encode(), secret.encode())


def _cross_origin(origin: str) -> list[tuple[bytes, bytes]]:
    """Allow one other site's pages to read the answer."""
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE"),
        (b"access-control-allow-headers", b"content-type, authorization, token, x-api-key"),
        (b"cross-origin-resource-policy", b"cross-origin"),
        (b"vary", b"Origin"),
    ]


async def _answer(
    send: Send, status: int, content: Any, headers: list[tuple[bytes, bytes]]
) -> None:
    body = b"" if content is None else json.dumps(content).encode()
    kind = [] if content is None else [(b"content-type", b"application/json")]
    length = [(b"content-length", str(len(body)).encode())]
    start = {"type": "http.response.start", "status": status}
    await send(start | {"headers": [*kind, *length, *_HEADERS[:4], *headers]})
    await send({"type": "http.response.body", "body": body})
