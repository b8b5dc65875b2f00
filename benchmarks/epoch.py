"""A pass over images with points: without a cache, filling one, and reading it.

    python benchmarks/epoch.py --images NWPU/Images --points NWPU_points_train_1.json \
        --first 60 --output epoch.json

Runs ``pointsam train`` as a user does, with one view an image so that the second pass finds all
features, and adds up the seconds of its steps from ``log.csv``. Of fewer images than the file has,
a pass over all is projected in proportion, and said to be so.
"""

import argparse
import csv
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from pointsam.data.annotations import read_points, write_points
from pointsam.data.records import Dataset


def main():
    args = arguments()
    print(f"command: {' '.join(sys.argv)}")
    data = read_points(args.points)
    clicked = [record for record in data.images if record.instances]
    chosen = clicked[: args.first]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_points(Dataset(tuple(chosen), data.categories), folder / "points.json")
        cached = train(folder, args, "cached", ["--epochs", "2", "--cache", str(folder / "cache")])
        plain = train(folder, args, "uncached", ["--epochs", "1"])
        stored = sum(p.stat().st_size for p in (folder / "cache").rglob("*") if p.is_file())
    passes = {"uncached": plain[0], "filling the cache": cached[0], "cached": cached[1]}
    table = {
        name: {
            "seconds": round(sum(parts.values()), 1),
            "seconds an image": round(sum(parts.values()) / len(chosen), 3),
            "minutes for all images": round(
                sum(parts.values()) / len(chosen) * len(clicked) / 60, 1
            ),
            "parts": {part: round(value / len(chosen), 3) for part, value in parts.items()},
        }
        for name, parts in passes.items()
    }
    objects = sum(len(record.instances) for record in chosen)
    projected = "" if len(chosen) == len(clicked) else f", projected to {len(clicked)}"
    print(f"{len(chosen)} images, {objects} objects{projected}; cache {stored / 1e9:.2f} GB")
    for name, row in table.items():
        print(f"{name:<20}{row['seconds an image']:7.2f} s an image"
              f"{row['minutes for all images']:8.1f} minutes for all")  # fmt: skip
    ratio = table["uncached"]["seconds"] / table["cached"]["seconds"]
    print(f"uncached / cached: {ratio:.2f}")
    machine = {"machine": platform.machine(), "cores": os.cpu_count()}
    if args.output:
        content = {"command": " ".join(sys.argv), **machine, "images": len(chosen),
                   "of": len(clicked), "objects": objects, "passes": table,
                   "uncached over cached": round(ratio, 2), "cache bytes": stored}  # fmt: skip
        args.output.write_text(json.dumps(content, indent=1))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--points", type=Path, required=True)
    parser.add_argument("--first", type=int, help="this many images only")
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--output", type=Path, metavar="FILE.json")
    return parser.parse_args()


def train(folder, args, name, more):
    """Run a training; give the seconds of each part of each pass."""
    words = [
        "train", "--images", args.images, "--points", folder / "points.json",
        "--output", folder / name, "--side", args.side, "--threads", args.threads,
        "--precision", args.precision, "--set", "data.views=1", "--set", "watch.interval=1000000",
        "--set", "prototypes.images=8", *more,
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "pointsam", *map(str, words)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.stderr)
    passes = []
    with (folder / name / "log.csv").open() as file:
        for row in csv.DictReader(file):
            epoch = int(row["epoch"])
            while len(passes) <= epoch:
                passes.append(defaultdict(float))
            for column, value in row.items():
                if column.startswith("seconds ") and value:
                    passes[epoch][column.removeprefix("seconds ")] += float(value)
    return passes


if __name__ == "__main__":
    main()
