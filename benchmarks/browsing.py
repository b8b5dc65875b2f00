"""The page of `pointsam click` in Chromium, for scripts that measure it as a user meets it."""

import re
import subprocess
import sys
from contextlib import contextmanager

from playwright.sync_api import sync_playwright

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE = 1_800_000
"""Milliseconds that anything may take."""

MODULE = "const load = (name) => import(new URL(`page/${name}.js`, location.href));"

# From the release of the button to the frame that shows the change: our listener runs after the
# overlay's own, which draws; the message comes when that frame was given away.
WATCH = f"""async () => {{
  {MODULE}
  const {{ listen, state }} = await load("state");
  let released = 0, image = state.image, shown = state.objects.size;
  window.drawn = [];
  window.addEventListener("pointerup", (event) => {{ released = event.timeStamp; }}, true);
  listen(() => {{
    const made = state.image === image && state.objects.size !== shown;
    image = state.image;
    shown = state.objects.size;
    if (!made) return;
    const since = released;
    requestAnimationFrame(() => {{
      const channel = new MessageChannel();
      channel.port1.onmessage = () => window.drawn.push((performance.now() - since) / 1000);
      channel.port2.postMessage(0);
    }});
  }});
}}"""


@contextmanager
def serving(images, *options):
    """Start `pointsam click` as a user does; give its process and its address."""
    command = [sys.executable, "-m", "pointsam", "click", str(images), "--no-browser"]
    command += ["--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process, next(line.split()[-1] for line in process.stdout if "http://" in line)
    finally:
        process.terminate()
        process.wait(timeout=60)


@contextmanager
def chromium(path="/usr/bin/chromium"):
    """Start a browser with an empty profile."""
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def open_page(browser, address):
    """Open the page, and wait until its image can be clicked on."""
    # Playwright's own evaluate() needs what the page's content policy forbids.
    context = browser.new_context(viewport={"width": 1280, "height": 800}, bypass_csp=True)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(address)
    page.locator("#classes button").first.wait_for()
    page.locator("#busy").wait_for(state="hidden")
    return page


def screen_of(page, x, y):
    """Say where the middle of an image pixel is on the screen."""
    place = page.evaluate(
        f"async ([x, y]) => {{ {MODULE} const p = (await load('viewer')).toScreen({{x, y}});"
        "return [p.x, p.y]; }",
        [x, y],
    )
    box = page.locator("#viewer").bounding_box()
    return box["x"] + place[0], box["y"] + place[1]


def wait_for_embedding(page, x, y):
    """Wait until the model has seen the window around a place of the open image."""
    number = re.sub(r".*#", "", page.url)
    page.evaluate(
        f"""async ([number, point]) => {{ {MODULE}
        const {{ post }} = await load("server");
        while (!(await post(`api/images/${{number}}/look`, point)).ready)
          await new Promise((resolve) => setTimeout(resolve, 200));
        }}""",
        [number, {"x": x, "y": y}],
    )


def timed_click(page, x, y):
    """Make an object; give the seconds until its mask is seen. Needs `WATCH` once before."""
    count = page.evaluate("window.drawn.length")
    page.mouse.click(*screen_of(page, x, y))
    page.wait_for_function("(count) => window.drawn.length > count", arg=count)
    page.locator("#busy").wait_for(state="hidden")
    return page.evaluate("window.drawn[window.drawn.length - 1]")


def zoom_to_pixels(page, x, y):
    """Show the image with one of its pixels a pixel of the screen, this one in the middle."""
    page.evaluate(
        f"async ([x, y]) => {{ {MODULE} const {{ viewer }} = await load('viewer');"
        "const item = viewer.world.getItemAt(0);"
        "viewer.viewport.zoomTo(item.imageToViewportZoom(1), null, true);"
        "viewer.viewport.panTo(item.imageToViewportCoordinates(x + 0.5, y + 0.5), true); }",
        [x, y],
    )
