"""Makes the pictures of docs/page.md: `python scripts/screenshots.py --output docs/images`.

Draws scenes, serves them, clicks in Chromium (/usr/bin/chromium) as a user would, and adapts. On
two cores it takes some minutes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image
from playwright.sync_api import sync_playwright

from pointsam.data.synthetic.scenes import write_scenes

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE = 900_000
SCENE = 20_480
"""Side of the large scene, in pixels."""


def main():
    args = arguments()
    args.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as running:
        browser = running.chromium.launch(executable_path=args.chromium, args=FLAGS)
        train, _ = write_scenes(Path(folder) / "drawn", seed=7, train=3, val=1, size=512)
        large = write_large(Path(folder) / "scene.tif", train.images)
        with serving(train.images, args) as address:
            images(browser, address, json.loads(train.points.read_text()), args)
        with serving(large, args) as address:
            scene(browser, address, args)
        browser.close()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=Path("docs/images"))
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--effort", default="30", help="steps of training")
    return parser.parse_args()


@contextmanager
def serving(images, args):
    command = [sys.executable, "-m", "pointsam", "click", str(images), "--no-browser"]
    command += ["--port", "0", "--side", str(args.side)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield next(line.split()[-1] for line in process.stdout if "http://" in line)
    finally:
        process.terminate()
        process.wait(timeout=60)


def open_page(browser, address, **options):
    page = browser.new_context(
        viewport={"width": 1280, "height": 800}, bypass_csp=True, **options
    ).new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.locator("#classes button").first.wait_for()
    rest(page)
    return page


def rest(page):
    page.wait_for_timeout(400)
    page.locator("#busy").wait_for(state="hidden")
    page.wait_for_timeout(600)


def click(page, x, y):
    place = page.evaluate(
        "async ([x, y]) => { const v = await import(new URL('page/viewer.js', location.href));"
        "const p = v.toScreen({x, y}); return [p.x, p.y]; }",
        [x, y],
    )
    box = page.locator("#viewer").bounding_box()
    page.mouse.click(box["x"] + place[0], box["y"] + place[1])
    rest(page)


def images(browser, address, points, args):
    page = open_page(browser, address)
    names = {category["id"]: category["name"] for category in points["categories"]}
    page.locator("#class-name").fill(next(iter(names.values())))
    page.locator("#class-rename").click()
    for name in list(names.values())[1:]:
        page.locator("#class-name").fill(name)
        page.locator("#class-form button").first.click()
        page.wait_for_timeout(500)
    first = points["images"][0]["id"]
    for annotation in points["annotations"]:
        if annotation["image_id"] != first:
            continue
        page.locator(f'#classes button[data-id="{names[annotation["category_id"]]}"]').click()
        page.keyboard.press("Escape")
        click(page, *annotation["points"][0][:2])
    page.screenshot(path=args.output / "page.png")
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(400)
    page.screenshot(path=args.output / "page_dark.png")
    page.emulate_media(color_scheme="light")
    page.evaluate(
        "(steps) => { document.getElementById('effort').options[0].value = steps; }", args.effort
    )
    page.locator("#effort").select_option(args.effort)
    page.locator("#adapt").click()
    page.locator("#adapt-text").filter(has_text="done in").wait_for()
    page.locator("#compare").check()
    page.wait_for_timeout(800)
    page.locator("#adapt-text").scroll_into_view_if_needed()
    page.screenshot(path=args.output / "page_compare.png")


def scene(browser, address, args):
    page = open_page(browser, address)
    page.evaluate(
        "async (middle) => { const v = await import(new URL('page/viewer.js', location.href));"
        "const item = v.viewer.world.getItemAt(0);"
        "v.viewer.viewport.zoomTo(item.imageToViewportZoom(1), null, true);"
        "v.viewer.viewport.panTo(item.imageToViewportCoordinates(middle, middle), true); }",
        SCENE / 2 + 256,
    )
    page.wait_for_timeout(3000)
    box = page.locator("#viewer").bounding_box()
    for across, down in ((0.377, 0.218), (0.598, 0.264), (0.603, 0.655)):
        page.mouse.click(box["x"] + across * box["width"], box["y"] + down * box["height"])
        rest(page)
    page.screenshot(path=args.output / "page_scene.png")


def write_large(path, drawn):
    """Lay the drawn images over the middle of a scene of 20,480 pixels, 0.5 m each."""
    tiles = [np.moveaxis(np.asarray(Image.open(p)), -1, 0) for p in sorted(drawn.glob("*.png"))]
    transform = rasterio.Affine(0.5, 0, 400_000, 0, -0.5, 5_800_000)
    profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "width": SCENE, "height": SCENE}
    profile |= {"tiled": True, "compress": "deflate", "zlevel": 1, "sparse_ok": True, "nodata": 0}
    with rasterio.open(path, "w", crs="EPSG:32633", transform=transform, **profile) as out:
        for number, (row, column) in enumerate(np.ndindex(6, 6)):
            place = (SCENE // 2 + (column - 3) * 512, SCENE // 2 + (row - 3) * 512)
            window = rasterio.windows.Window(*place, 512, 512)
            out.write(tiles[number % len(tiles)], window=window)
    return path


if __name__ == "__main__":
    main()
