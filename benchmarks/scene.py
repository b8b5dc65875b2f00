"""A drawn or a real scene of any size: time, memory, windows, and what must not change a mask.

    python benchmarks/scene.py --size 20000 --points 2000 --work /tmp/scene
    python benchmarks/scene.py --mosaic NWPU/Images --annotations NWPU_instances_val.json \
        --size 10000 --work /tmp/mosaic

One run is measured; then the scene is padded left and above by an odd number of pixels, a run is
killed and resumed, and two shards are joined. Prints a table and writes it to WORK/scene.json.
"""

import argparse
import json
import os
import platform
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pyogrio
import rasterio
import shapely
from affine import Affine
from scene_sources import draw_objects, mosaic, write_padded, write_scene

PAD = (37, 101)
"""Columns on the left and rows above: odd, and no multiple of anything."""
CORNER = (500000.0, 5400000.0)
PIXEL = 0.5


def main():
    args = arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    print(f"command: {' '.join(sys.argv)}")
    print(f"machine: {platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
          f"{args.threads} threads, load {os.getloadavg()[0]:.1f}; seed {args.seed}")  # fmt: skip
    scene, padded = args.work / "scene.tif", args.work / "padded.tif"
    clicks = args.work / "clicks.gpkg"
    objects = (
        mosaic(args.mosaic, args.annotations, size=args.size)
        if args.mosaic
        else draw_objects(args.size, args.points, seed=args.seed)
    )
    if not scene.exists():
        write_scene(scene, objects, size=args.size, transform=place(0, 0), seed=args.seed)
        write_padded(scene, padded, pad=PAD, transform=place(*PAD))
        write_clicks(clicks, objects)
    table = {"objects": len(objects.points), "scene bytes": scene.stat().st_size}

    once = run(args, scene, clicks, "once")
    table |= once
    other = run(args, padded, clicks, "padded")
    table["seconds, padded"] = other["seconds"]
    table |= agreement(args.work / "once", args.work / "padded")
    kill_and_resume(args, scene, clicks, after=once["windows with points"] // 2)
    table["killed and resumed: equal"] = equal(args.work / "once", args.work / "killed")
    for number in (1, 2):
        run(args, scene, clicks, "sharded", more=["--shard", f"{number}/2"])
    table["two shards: equal"] = equal(args.work / "once", args.work / "sharded")
    for name, value in table.items():
        print(f"{name:<36} {value}")
    (args.work / "scene.json").write_text(json.dumps(table, indent=1))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=3000, help="side of the scene, in pixels")
    parser.add_argument("--points", type=int, default=40)
    parser.add_argument("--mosaic", type=Path, help="folder of real images in place of drawn ones")
    parser.add_argument("--annotations", type=Path, help="COCO masks of those images")
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--side", type=int, help="of the model's input, and so of a window")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--precision", default="float32", help="of the encoder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    if bool(args.mosaic) != bool(args.annotations):
        parser.error("--mosaic and --annotations go together")
    return args


def place(columns, rows):
    return Affine(PIXEL, 0, CORNER[0] - columns * PIXEL, 0, -PIXEL, CORNER[1] + rows * PIXEL)


def write_clicks(path, objects):
    places = [
        shapely.Point(CORNER[0] + x * PIXEL, CORNER[1] - y * PIXEL) for x, y in objects.points
    ]
    pyogrio.raw.write(
        path,
        np.array([shapely.to_wkb(p) for p in places], dtype=object),
        [np.array(objects.categories, dtype=object)],
        ["class"],
        geometry_type="Point",
        crs="EPSG:32631",
        layer="clicks",
    )


COUNTING = """
import sys
from pointsam.models.segmenter import Segmenter
encode, count = Segmenter.encode, [0]
def counted(self, images):
    count[0] += len(images)
    return encode(self, images)
Segmenter.encode = counted
from pointsam.cli.main import main
status = main(sys.argv[1:])
print(f"encoded={count[0]}")
sys.exit(status)
"""


def command(args, scene, clicks, name, more=()):
    model = ["--adapter", str(args.adapter)] if args.adapter else []
    model += ["--side", str(args.side)] if args.side else []
    return [
        sys.executable, "-c", COUNTING, "predict", str(scene), "--points", str(clicks),
        "--threads", str(args.threads), "--precision", args.precision,
        "-o", str(args.work / name), *model, *more,
    ]  # fmt: skip


def run(args, scene, clicks, name, more=()):
    """Run to the end; the peak is of all children so far, so the first run's is its own."""
    start = time.monotonic()
    done = subprocess.run(
        command(args, scene, clicks, name, more), capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    return {
        "seconds": round(time.monotonic() - start, 1),
        "peak memory, GiB": round(peak, 2),
        "windows with points": len(list((args.work / name / "parts").glob("*.npz"))),
        "encodings": int(done.stdout.rpartition("encoded=")[2]),
    }


def kill_and_resume(args, scene, clicks, *, after):
    process = subprocess.Popen(
        command(args, scene, clicks, "killed"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    parts = args.work / "killed" / "parts"
    while len(list(parts.glob("x*.npz"))) < after and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    print(f"killed with {len(list(parts.glob('x*.npz')))} windows done")
    run(args, scene, clicks, "killed", more=["--resume"])


def rows(folder):
    """Polygons and fields of one output."""
    _, _, geometry, columns = pyogrio.raw.read(folder / "instances.gpkg")
    return geometry, [column.tolist() for column in columns]


def equal(one, other):
    """Whether two outputs say the same: every polygon, field and pixel."""
    (shapes, fields), (shapes_again, fields_again) = rows(one), rows(other)
    with (
        rasterio.open(one / "instances.tif") as first,
        rasterio.open(other / "instances.tif") as second,
    ):
        pixels = all(
            np.array_equal(first.read(1, window=w), second.read(1, window=w))
            for _, w in first.block_windows(1)
        )
    return pixels and shapes.tolist() == shapes_again.tolist() and fields == fields_again


def agreement(one, other):
    """Share of the objects whose polygons agree, on the ground."""
    shapes, again = (shapely.from_wkb(rows(folder)[0]) for folder in (one, other))
    both = shapely.area(shapely.intersection(shapes, again))
    either = shapely.area(shapely.union(shapes, again))
    iou = np.where(shapely.is_missing(shapes) & shapely.is_missing(again), 1, both / either)
    return {
        "padded: share with IoU > 0.95, %": round(
            100 * float(np.mean(np.nan_to_num(iou) > 0.95)), 2
        ),
        "padded: lowest IoU": round(float(np.nan_to_num(iou).min()), 4),
    }


if __name__ == "__main__":
    cv2.setNumThreads(1)
    main()
