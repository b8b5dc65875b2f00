#!/usr/bin/env python
"""Other clicks of the same objects: `python scripts/vary.py CLICKS OUTPUT [options]`.

Reads a COCO file of clicks or of masks, and writes one of fewer images, fewer or displaced clicks,
or other classes. The same seed gives the same file.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from pointsam.data.prepare.splitting import groups_by_look


def main():
    args = arguments()
    content = json.loads(args.clicks.read_text())
    random = np.random.default_rng(args.seed)
    content["images"] = kept_images(content["images"], args, random)
    names = {image["id"] for image in content["images"]}
    content["annotations"] = [a for a in content["annotations"] if a["image_id"] in names]
    keep_objects(content, args, random)
    if args.shift:
        shift(content, args.shift, random)
    args.output.write_text(json.dumps(content))
    print(f"{args.output}: {len(content['images'])} images, {len(content['annotations'])} objects")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("clicks", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--seed", type=int, default=1337)
    parser.add_argument("--first", type=int, help="this many images")
    parser.add_argument("--share", type=float, help="share of the images, drawn")
    parser.add_argument("--fold", help="K/N: images of one fold of N, by look; needs --images")
    parser.add_argument("--without-fold", help="K/N: images of the other folds")
    parser.add_argument("--images", type=Path, help="folder of the images")
    parser.add_argument("--part", type=Path, help="images that this file names, one a line")
    parser.add_argument("--without-part", type=Path, help="images that it does not name")
    parser.add_argument("--missing", type=float, help="share of the objects nobody clicked")
    parser.add_argument("--only", metavar="CLASS")
    parser.add_argument("--no-classes", action="store_true")
    parser.add_argument("--shift", type=float, help="pixels by which a click is off its place")
    return parser.parse_args()


def kept_images(images, args, random):
    if args.first:
        images = images[: args.first]
    if args.share:
        count = max(1, round(args.share * len(images)))
        chosen = sorted(random.permutation(len(images))[:count].tolist())
        images = [images[index] for index in chosen]
    for part, inside in ((args.part, True), (args.without_part, False)):
        if part:
            named = set(part.read_text().split())
            images = [image for image in images if (image["file_name"] in named) == inside]
    for asked, inside in ((args.fold, True), (args.without_fold, False)):
        if asked:
            number, count = map(int, asked.split("/"))
            groups = groups_by_look([args.images / image["file_name"] for image in images])
            own = np.unique(groups, return_inverse=True)[1] % count == number - 1
            images = [image for image, one in zip(images, own, strict=True) if one == inside]
    return images


def keep_objects(content, args, random):
    names = {entry["id"]: entry["name"] for entry in content["categories"]}
    objects = content["annotations"]
    if args.only:
        objects = [entry for entry in objects if names[entry["category_id"]] == args.only]
    if args.missing:
        drawn = random.random(len(objects)) >= args.missing
        objects = [entry for entry, kept in zip(objects, drawn, strict=True) if kept]
    if args.no_classes:
        objects = [{**entry, "category_id": 1} for entry in objects]
        content["categories"] = [{"id": 1, "name": "object"}]
    content["annotations"] = objects


def shift(content, pixels, random):
    """Move each click on an object by so many pixels, whichever way, on the image."""
    sizes = {image["id"]: (image["width"], image["height"]) for image in content["images"]}
    for entry in content["annotations"]:
        last = np.array(sizes[entry["image_id"]]) - 1
        for point in entry["points"]:
            angle = 2 * np.pi * random.random()
            if point[2] == 1:
                moved = np.array(point[:2]) + pixels * np.array([np.cos(angle), np.sin(angle)])
                point[:2] = [round(float(v), 2) for v in moved.clip(0, last)]


if __name__ == "__main__":
    main()
