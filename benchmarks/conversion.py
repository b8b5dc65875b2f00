"""Label rasters to COCO: tiles a second and peak memory, on drawn tiles of WHU Building's kind.

    python benchmarks/conversion.py --tiles 500 --output conversion.json

Every tile is 512 px and holds some tens of turned rectangles, some with courtyards and one-pixel
bridges. Each number of processes converts the same tiles, several times; medians are printed.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

SIDE = 512


def main():
    args = arguments()
    table = {"command": " ".join(sys.argv), "machine": platform.machine(), "cores": os.cpu_count()}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        draw(root, args.tiles, seed=args.seed)
        for workers in args.workers:
            seconds = [convert(root, workers) for _ in range(args.repeats)]
            table[f"tiles a second, {workers} processes"] = round(
                args.tiles / statistics.median(seconds), 1
            )
        content = json.loads((root / "annotations/WHU_building_train.json").read_text())
        table["objects"] = len(content["annotations"])
    # Of the largest process; a command's own workers are among its children.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    table["peak memory of a process, MiB"] = round(peak / 2**10)
    for key, value in table.items():
        print(f"{key:<34} {value}")
    if args.output:
        args.output.write_text(json.dumps(table, indent=1))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tiles", type=int, default=500)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, metavar="FILE.json")
    return parser.parse_args()


def draw(root, count, *, seed):
    for name in ("image", "label"):
        (root / "images/train" / name).mkdir(parents=True)
    random = np.random.default_rng(seed)
    for number in range(count):
        label = np.zeros((SIDE, SIDE), np.uint8)
        for _ in range(random.integers(0, 60)):
            centre, size = random.uniform(0, SIDE, 2), random.uniform(8, 50, 2)
            box = cv2.boxPoints((centre.tolist(), size.tolist(), random.uniform(0, 90)))
            cv2.fillPoly(label, [box.round().astype(np.int32)], 255)
            if random.random() < 0.2:  # a courtyard
                cv2.circle(label, centre.astype(int).tolist(), 3, 0, -1)
            if random.random() < 0.2:  # a bridge to the next house
                end = (centre + random.uniform(-60, 60, 2)).astype(int).tolist()
                cv2.line(label, centre.astype(int).tolist(), end, 255, 1)
        Image.fromarray(label).save(root / f"images/train/label/{number}.tif")
        shown = np.repeat(label[..., None] // 2, 3, axis=2)
        Image.fromarray(shown).save(root / f"images/train/image/{number}.tif")


def convert(root, workers):
    for file in (root / "annotations").glob("*"):
        file.unlink()
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "pointsam", "data", "convert", "whu", str(root),
         "--workers", str(workers)],
        check=True, capture_output=True,
    )  # fmt: skip
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
