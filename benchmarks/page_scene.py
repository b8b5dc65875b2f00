"""A scene of 20,000 x 20,000 px on the page: to open it, to go to an object, to click it.

    python benchmarks/page_scene.py --mosaic NWPU/Images --annotations NWPU_instances_train.json \
        --size 20000 --work /tmp/mosaic --output page_scene.json

The scene is a mosaic of real images, without overviews unless --overviews is given. The page is
opened in Chromium; some objects are gone to at full zoom, one pixel of the scene a pixel of the
screen, and clicked. "sharp" is the mean difference between the screen and the file there, in grey
levels: what JPEG changes, and no more, where each pixel is in its place. "longest frame" is the
longest time that the page did not draw while it was dragged and zoomed.
"""

import argparse
import io
import os
import time
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from browsing import (
    MODULE,
    WATCH,
    chromium,
    open_page,
    serving,
    timed_click,
    wait_for_embedding,
    zoom_to_pixels,
)
from measuring import show_and_write
from PIL import Image
from scene_sources import mosaic, write_scene

from server import cpu_seconds, resident

FRAMES = """() => {
  window.frames_seen = [];
  let last = performance.now();
  const next = (now) => {
    window.frames_seen.push(now - last);
    last = now;
    requestAnimationFrame(next);
  };
  requestAnimationFrame(next);
}"""
LOADED = f"""async () => {{ {MODULE}
  const {{ viewer }} = await load("viewer");
  // Not before the viewer has asked for the tiles of where it is now.
  await new Promise((resolve) => setTimeout(resolve, 300));
  while (!viewer.world.getItemAt(0).getFullyLoaded())
    await new Promise((resolve) => setTimeout(resolve, 20));
}}"""
SIDE = 400
"""Side of the part of the screen that is compared with the file, in pixels."""


def main():
    args = arguments()
    scene, clicks = make_scene(args)
    with (
        serving(scene, "--project", str(args.work / "project")) as (process, address),
        chromium(args.chromium) as browser,
    ):
        memory = {"start": resident(process.pid)}
        since = time.perf_counter()
        page = open_page(browser, address)
        wait_for_tiles(page)
        found = {"open": time.perf_counter() - since}
        memory["open"] = resident(process.pid)
        page.evaluate(WATCH)
        page.screenshot(path=args.work / "whole.png")
        rows = [visit(page, scene, click, args.work, n) for n, click in enumerate(clicks, 1)]
        memory["clicked"] = resident(process.pid)
        page.evaluate(FRAMES)
        move(page)
        gaps = page.evaluate("window.frames_seen")
        found |= {
            "size": args.size,
            "scene MiB": scene.stat().st_size // 2**20,
            "overviews": args.overviews,
            "frames, ms, median": float(np.median(gaps)),
            "frames, ms, p95": float(np.percentile(gaps, 95)),
            "longest frame, ms": max(gaps),
            "CPU s, all": cpu_seconds(process.pid),
            "MiB": memory | {"moved": resident(process.pid)},
            "load": os.getloadavg()[0],
            "objects": rows,
        }
    show_and_write(args.output, found)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mosaic", type=Path, required=True, help="folder of images")
    parser.add_argument("--annotations", type=Path, required=True, help="COCO masks of them")
    parser.add_argument("--size", type=int, default=20_000, help="side of the scene, in pixels")
    parser.add_argument("--overviews", action="store_true", help="put overviews into the file")
    parser.add_argument("--objects", type=int, default=6, help="how many are gone to")
    parser.add_argument("--work", type=Path, required=True, help="folder of scene and pictures")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--output", type=Path, help="JSON file")
    return parser.parse_args()


def make_scene(args):
    """Write the scene unless it is there; choose objects all over it, as ``(x, y)`` of pixels."""
    args.work.mkdir(parents=True, exist_ok=True)
    path = args.work / "scene.tif"
    objects = mosaic(args.mosaic, args.annotations, size=args.size)
    if not path.exists():
        transform = Affine(0.5, 0, 500_000, 0, -0.5, 5_400_000)
        write_scene(path, objects, size=args.size, transform=transform, seed=0)
    if args.overviews:
        with rasterio.open(path, "r+") as scene:
            scene.build_overviews([2, 4, 8, 16, 32], rasterio.enums.Resampling.average)
    chosen = np.linspace(0, len(objects.points) - 1, args.objects).round().astype(int)
    return path, [(objects.points[n][0] - 0.5, objects.points[n][1] - 0.5) for n in chosen]


def visit(page, scene, click, work, number):
    """Go to an object at full zoom, compare what is seen, and click it."""
    since = time.perf_counter()
    zoom_to_pixels(page, *click)
    wait_for_tiles(page)
    shown = time.perf_counter() - since
    difference = sharp(page, scene, click)
    wait_for_embedding(page, *click)
    seen = time.perf_counter() - since
    seconds = timed_click(page, *click)
    page.screenshot(path=work / f"object{number}.png")
    return {
        "at": [round(side) for side in click],
        "shown": shown,
        "embedding": seen,
        "click": seconds,
        "sharp": difference,
    }


def wait_for_tiles(page):
    page.evaluate(LOADED)


def sharp(page, scene, click):
    """Compare the middle of the screen with the same pixels of the file."""
    box = page.locator("#viewer").bounding_box()
    place = page.evaluate(
        f"async () => {{ {MODULE} const v = await load('viewer');"
        "const p = v.toImage({x: 0, y: 0}); return [p.x + 0.5, p.y + 0.5]; }"
    )
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    left, top = (round(side / 2 - SIDE / 2) for side in (box["width"], box["height"]))
    x0, y0 = round(box["x"]) + left, round(box["y"]) + top
    # The scene lies between the pixels of the screen: of the nearest places, the best.
    screen = np.asarray(shot.crop((x0, y0, x0 + SIDE, y0 + SIDE)), dtype=int)
    column, row = round(place[0]) + left, round(place[1]) + top
    with rasterio.open(scene) as source:
        window = rasterio.windows.Window(column - 1, row - 1, SIDE + 2, SIDE + 2)
        values = source.read(window=window, boundless=True).transpose(1, 2, 0).astype(int)
    moved = [values[y : y + SIDE, x : x + SIDE] for x in range(3) for y in range(3)]
    return min(float(np.abs(screen - part).mean()) for part in moved)


def move(page):
    """Drag the scene about, zoom far out and in again, as a hand does."""
    box = page.locator("#viewer").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for _ in range(3):
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x - 300, y - 200, steps=20)
        page.mouse.up()
        page.wait_for_timeout(300)
    for turn in (1, -1):
        for _ in range(12):
            page.mouse.wheel(0, 120 * turn)
            page.wait_for_timeout(120)
    wait_for_tiles(page)


if __name__ == "__main__":
    main()
