"""A click in the browser: from the mouse to the mask that is seen, on a real image.

    python benchmarks/page.py --image NWPU/Images/021.jpg --points NWPU_points_train_1.json \
        --clicks 20 --output page.json

The image is copied into a folder of its own and clicked on in Chromium with the point file's
points. The first click waits for nothing: it comes as soon as the page is open. The others are
"warm". The clock starts when the button is released and stops when the frame with the mask was
given to the screen.
"""

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from browsing import WATCH, chromium, open_page, serving, timed_click
from measuring import show_and_write

from server import cpu_seconds, resident


def main():
    args = arguments()
    clicks = positive_points(args.points, args.image.name)[: args.clicks + 1]
    with tempfile.TemporaryDirectory() as folder, chromium(args.chromium) as browser:
        images = Path(folder) / "Images"
        images.mkdir()
        shutil.copy(args.image, images)
        with serving(images) as (process, address):
            page = open_page(browser, address)
            page.evaluate(WATCH)
            first = timed_click(page, *clicks[0])
            spent = cpu_seconds(process.pid)
            warm = [timed_click(page, *click) for click in clicks[1:]]
            spent = cpu_seconds(process.pid) - spent
            memory = resident(process.pid)
            if args.picture is not None:
                page.screenshot(path=args.picture)
    found = {
        "image": args.image.name,
        "clicks": len(warm),
        "first": first,
        "warm median": float(np.median(warm)),
        "warm p95": float(np.percentile(warm, 95)),
        "warm most": max(warm),
        "CPU s a warm click": spent / len(warm),
        "MiB": memory,
        "load": os.getloadavg()[0],
    }
    show_and_write(args.output, found)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--points", type=Path, required=True, help="point file that names it")
    parser.add_argument("--clicks", type=int, default=20, help="warm ones")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--picture", type=Path, help="PNG of the page after all clicks")
    parser.add_argument("--output", type=Path, help="JSON file")
    return parser.parse_args()


def positive_points(path, name):
    """List the first positive point of each object of an image."""
    content = json.loads(path.read_text())
    [number] = [image["id"] for image in content["images"] if image["file_name"] == name]
    return [
        next((x, y) for x, y, label in annotation["points"] if label == 1)
        for annotation in content["annotations"]
        if annotation["image_id"] == number
    ]


if __name__ == "__main__":
    main()
