"""A server on this machine that speaks as much of the hub's protocol as a download needs."""

import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "1" * 40


@dataclass
class Hub:
    """One repository, and what was asked of it."""

    repo: str
    files: dict[str, bytes]
    cuts: dict[str, int] = field(default_factory=dict)
    """How many times the sending of a file breaks off half-way through what is left of it."""
    ranges: list[tuple[str, str | None]] = field(default_factory=list)
    """File and ``Range`` header of every request for content."""
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    """Answers for one repository."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        repo, path = self.hub.repo, self.path.partition("?")[0]
        name = path.rpartition("/")[2]
        if path in (f"/api/models/{repo}", f"/api/models/{repo}/revision/main",
                    f"/api/models/{repo}/revision/{COMMIT}"):  # fmt: skip
            self.answer_json({"id": repo, "sha": COMMIT, "siblings": []})
        elif path.startswith(f"/api/models/{repo}/tree/"):
            files = self.hub.files.items()
            self.answer_json(
                [{"type": "file", "path": n, "size": len(b), "oid": _id(b)} for n, b in files]
            )
        elif path.startswith(f"/{repo}/resolve/") and name in self.hub.files:
            self.answer_file(name)
        else:
            self.answer_json({"error": "Repository not found"}, status=404)

    def log_message(self, *args):
        """Stay silent."""

    def answer_json(self, value, *, status=200):
        body = json.dumps(value).encode()
        self.send_response(status)
        if status == 404:
            self.send_header("X-Error-Code", "RepoNotFound")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer_file(self, name):
        content, wanted = self.hub.files[name], self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        body = content[start:]
        self.send_response(206 if wanted else 200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{_id(content)}"')
        self.send_header("Content-Length", str(len(body)))
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if self.command == "HEAD":
            return
        self.hub.ranges.append((name, wanted))
        if self.hub.cuts.get(name, 0):
            self.hub.cuts[name] -= 1
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        else:
            self.wfile.write(body)


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve until the block ends, on a free port of the loopback address."""
    bound = type("BoundHandler", (Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), bound)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _id(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()
