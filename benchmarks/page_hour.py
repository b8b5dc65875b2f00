"""The way from a folder of images to an adapter and masks by the page alone, timed part by part.

    python benchmarks/page_hour.py --images NWPU/Images --points NWPU_points_train_1.json \
        --annotations NWPU_instances_train.json --folder 12 --work /tmp/hour --output page_hour.json

Images are copied into a new folder, every so many-th of the point file. In Chromium the classes are
named, each object is clicked once at the file's point, Adapt is pressed with the usual effort,
before and after are compared, clicks and masks are saved, and the page is opened again. The clicks
come from a script: a person looks for objects and aims, which takes longer. The annotations are
never on the page: they say afterwards how good the masks of the clicked objects are.
"""

import argparse
import json
import os
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from browsing import (
    MODULE,
    WATCH,
    chromium,
    open_page,
    screen_of,
    serving,
    timed_click,
    zoom_to_pixels,
)
from measuring import show_and_write

from pointsam.data.coco.masks import rasterise
from server import resident

NEAR = 15
"""Pixels of the screen within which a click would choose the object that is there."""


def main():
    args = arguments()
    images = args.work / "Images"
    clicks = lay_out(args, images)
    minutes = {}
    with chromium(args.chromium) as browser:
        with serving(images) as (process, address):
            with timed(minutes, "open the page"):
                page = open_page(browser, address)
            with timed(minutes, "name the classes"):
                name_classes(page, clicks)
            page.evaluate(WATCH)
            with timed(minutes, "click"):
                waits = click_all(page, clicks)
            before = saved(page, "masks.json", args.work / "before.json")
            page.screenshot(path=args.work / "clicked.png")
            with timed(minutes, "adapt"):
                adapt(page)
            with timed(minutes, "compare"):
                page.keyboard.press("b")
                page.wait_for_timeout(1000)
            page.screenshot(path=args.work / "compared.png")
            with timed(minutes, "save clicks and masks"):
                after = saved(page, "masks.json", args.work / "after.json")
                saved(page, "points.json", args.work / "points.json")
                saved(page, "masks.zip", args.work / "masks.zip")
            changes = page.locator("#changes tbody tr").all_inner_texts()
            memory = resident(process.pid)
        with serving(images) as (_, address), timed(minutes, "open it again"):
            again = open_page(browser, address).locator("#model").inner_text()
    found = {
        "images": len(clicks),
        "objects": len(waits),
        "classes": len({name for rows in clicks.values() for _, _, name in rows}),
        "minutes": minutes | {"all": sum(minutes.values())},
        "wait for a mask, s, median": float(np.median(waits)),
        "wait for a mask, s, most": max(waits),
        "IoU before": true_iou(args, before),
        "IoU after": true_iou(args, after),
        "changed by class": changes,
        "the page opened again": again,
        "MiB": memory,
        "load": os.getloadavg()[0],
    }
    show_and_write(args.output, found)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--points", type=Path, required=True, help="where to click")
    parser.add_argument("--annotations", type=Path, required=True, help="true masks, for the score")
    parser.add_argument("--folder", type=int, default=12, help="images of the new folder")
    parser.add_argument("--work", type=Path, required=True, help="new folder")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--output", type=Path, help="JSON file")
    return parser.parse_args()


def lay_out(args, images):
    """Copy the images; list ``(x, y, class)`` of each one's objects by its name."""
    content = json.loads(args.points.read_text())
    names = {category["id"]: category["name"] for category in content["categories"]}
    listed = sorted(content["images"], key=lambda image: image["file_name"])
    chosen = listed[:: len(listed) // args.folder][: args.folder]
    images.mkdir(parents=True)
    clicks = {}
    for image in chosen:
        shutil.copy(args.images / image["file_name"], images)
        rows = [a for a in content["annotations"] if a["image_id"] == image["id"]]
        clicks[image["file_name"]] = [
            (*next((x, y) for x, y, on in row["points"] if on), names[row["category_id"]])
            for row in rows
        ]
    return clicks


@contextmanager
def timed(minutes, part):
    since = time.perf_counter()
    yield
    minutes[part] = (time.perf_counter() - since) / 60
    print(f"{part}: {minutes[part]:.2f} min", flush=True)


def name_classes(page, clicks):
    names = list(dict.fromkeys(name for rows in clicks.values() for _, _, name in rows))
    page.locator("#class-name").fill(names[0])
    page.locator("#class-rename").click()
    for count, name in enumerate(names[1:], start=2):
        page.locator("#classes button").filter(has_text=names[count - 2]).wait_for()
        page.locator("#class-name").fill(name)
        page.locator("#class-form button").first.click()
        page.locator("#classes button").nth(count - 1).wait_for()


def click_all(page, clicks):
    """Click each object of each image; give the seconds until each mask was seen."""
    waits, category = [], None
    for number, rows in enumerate(clicks.values(), start=1):
        if number > 1:
            page.keyboard.press("PageDown")
            page.wait_for_function("(n) => location.hash === `#${n}`", arg=number)
            page.locator("#busy").wait_for(state="hidden")
        for x, y, name in rows:
            if name != category:
                page.locator(f'#classes button[data-id="{name}"]').click()
                category = name
            if taken(page, x, y):
                zoom_to_pixels(page, x, y)
                page.wait_for_timeout(300)
            waits.append(timed_click(page, x, y))
    return waits


def taken(page, x, y):
    """Say whether a mark is so near on the screen that a click would choose it."""
    marks = page.evaluate(
        f"async () => {{ {MODULE} const {{ state }} = await load('state');"
        "return [...state.objects.values()].map((one) => one.points[0]); }"
    )
    here = np.array(screen_of(page, x, y))
    return any(np.hypot(*(screen_of(page, *mark[:2]) - here)) < NEAR for mark in marks)


def adapt(page):
    page.locator("#adapt").click()
    page.locator("#adapt-stop").wait_for()
    page.locator("#adapt-text").filter(has_text="done in").wait_for()
    page.locator("#changes tbody tr").first.wait_for()


def saved(page, name, path):
    """Save by the page's button, and fetch the file by its link."""
    page.locator("#save-name").select_option(name)
    page.locator("#save").click()
    link = page.locator(f'#save-text a[download="{name}"]')
    link.wait_for()
    with page.expect_download() as waiting:
        link.click()
    waiting.value.save_as(path)
    return path


def true_iou(args, path):
    """Give the mean IoU of the saved masks with the annotations, by the points that made them."""
    truth = json.loads(args.annotations.read_text())
    points = json.loads(args.points.read_text())
    masks = json.loads(path.read_text())
    sizes = {i["file_name"]: (i["height"], i["width"]) for i in truth["images"]}
    names = {i["id"]: i["file_name"] for i in truth["images"]}
    shapes = {(names[a["image_id"]], a["id"]): a["segmentation"] for a in truth["annotations"]}
    named = {i["id"]: i["file_name"] for i in points["images"]}
    owners = {
        (named[a["image_id"]], tuple(point[:2])): a["id"]
        for a in points["annotations"]
        for point in a["points"]
        if point[2]
    }
    files = {i["id"]: i["file_name"] for i in masks["images"]}
    found = []
    for one in masks["annotations"]:
        name = files[one["image_id"]]
        x, y, _ = one["points"][0]
        own = [key for key in owners if key[0] == name]
        key = min(own, key=lambda key: np.hypot(key[1][0] - x, key[1][1] - y))
        mine = rasterise(one["segmentation"], sizes[name])
        true = rasterise(shapes[name, owners[key]], sizes[name])
        found.append((mine & true).sum() / max(1, (mine | true).sum()))
    return float(np.mean(found))


if __name__ == "__main__":
    main()
