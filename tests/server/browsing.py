"""A server in a thread and Debian's Chromium, for tests of the page."""

import socket
import threading
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from tests.server.served import SECRET

from pointsam.prediction.predictor import load
from pointsam.server.adapting import Adapting, RunOptions
from pointsam.server.application import make_application
from pointsam.server.running import listen
from pointsam.server.security import Access, own_hosts

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE = 400_000
"""Milliseconds that a page may take on a machine that does much else."""


@contextmanager
def serving(session, *, page=True):
    """Give the address of a session that is served from a thread."""
    listener: socket.socket = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    images = next(iter(session.project.pictures.values())).path.parent
    adapting = Adapting(
        session, RunOptions(images, "mobile_sam", threads=1), lambda folder: load(adapter=folder)
    )
    application = make_application(adapting, Access(SECRET, own_hosts(port)), page=page)
    server = uvicorn.Server(uvicorn.Config(application, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}/{SECRET}/"
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        listener.close()
        adapting.close()


@contextmanager
def opened(chromium, address, *, bypass_csp=True, **options):
    """Open a page; a fault of a script, or one that is said on the console, fails the test."""
    # Playwright's own evaluate() needs what the page's content policy forbids.
    context = chromium.new_context(
        viewport={"width": 1100, "height": 760}, bypass_csp=bypass_csp, **options
    )
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(address)
    page.locator("#classes button").first.wait_for()
    rest(page)
    yield page
    context.close()
    assert faults == []


def rest(page):
    """Wait until the page does nothing."""
    page.wait_for_timeout(250)
    page.locator("#busy").wait_for(state="hidden")
    page.wait_for_timeout(350)


def screen_of(page, x, y):
    """Say where the middle of an image pixel is on the screen."""
    place = page.evaluate(
        "async ([x, y]) => { const v = await import(new URL('page/viewer.js', location.href));"
        "const p = v.toScreen({x, y}); return [p.x, p.y]; }",
        [x, y],
    )
    box = page.locator("#viewer").bounding_box()
    return box["x"] + place[0], box["y"] + place[1]


def click_pixel(page, x, y, *, key=None):
    """Click the middle of an image pixel, a key held down or none."""
    if key:
        page.keyboard.down(key)
    page.mouse.click(*screen_of(page, x, y))
    if key:
        page.keyboard.up(key)
    rest(page)
