"""Scores of three point files in one command, and a dense image's decoding.

    python benchmarks/evaluate.py --images NWPU/Images --annotations NWPU_instances_val.json \
        --points NWPU_points_val_1.json NWPU_points_val_2.json NWPU_points_val_3.json \
        --first 40 --output evaluate.json

The first part compares ``pointsam evaluate`` with one point file and with all of them. The second
decodes 50 objects of one image by our forward and by the library's own in one call: seconds, and
the largest difference of a logit.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from plain_step import library_decode

from models import drawn_sample, make_model


def main():
    args = arguments()
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    print(f"command: {' '.join(sys.argv)}")
    found = {"decoding": decoding(args)}
    if args.images:
        found["scoring"] = scoring(args)
    machine = {"machine": platform.machine(), "cores": os.cpu_count(), "torch": torch.__version__}
    if args.output:
        args.output.write_text(
            json.dumps({"command": " ".join(sys.argv), **machine, **found}, indent=1)
        )


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=Path)
    parser.add_argument("--annotations", type=Path)
    parser.add_argument("--points", type=Path, nargs="+", default=[])
    parser.add_argument("--first", type=int, help="this many images with objects only")
    parser.add_argument("--objects", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--output", type=Path, metavar="FILE.json")
    return parser.parse_args()


@torch.no_grad()
def decoding(args):
    """Compare decoders on the embedded model, turn by turn."""
    torch.set_num_threads(args.threads)
    model = make_model("mobile_sam", side=1024)
    sample = drawn_sample(model, objects=args.objects)
    embedding = model.encode([sample.pixels])
    ways = {
        "ours": lambda: model.decode(embedding, sample.prompts).low_res_logits[:, 0],
        "library": lambda: library_decode(model, embedding.image, sample.prompts)[0],
    }
    seconds = {name: [] for name in ways}
    for turn in range(args.repeats + 1):
        for name, way in ways.items():
            start = time.perf_counter()
            logits = way()
            if turn:
                seconds[name].append(time.perf_counter() - start)
            elif name == "ours":
                first = logits
            else:
                difference = float((first - logits).abs().max())
                largest = float(logits.abs().max())
    ours, library = (statistics.median(seconds[name]) for name in ways)
    print(
        f"{args.objects} objects: ours {ours:.2f} s, library {library:.2f} s, ratio "
        f"{library / ours:.2f}; largest difference {difference:.2g} of {largest:.0f}"
    )
    return {"objects": args.objects, "ours": ours, "library": library, "ratio": library / ours,
            "largest difference": difference, "largest logit": largest}  # fmt: skip


def scoring(args):
    """Compare one point file with all of them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        names = first_images(args)
        annotations, *points = (
            keep(path, names, folder / path.name) for path in (args.annotations, *args.points)
        )
        one = score(args, annotations, points[:1], folder / "one")
        every = score(args, annotations, points, folder / "every")
    print(f"{len(names)} images: one point file {one:.1f} s, {len(points)} files {every:.1f} s, "
          f"ratio {every / one:.2f}")  # fmt: skip
    return {"images": len(names), "one": one, "all": every, "files": len(points),
            "ratio": every / one}  # fmt: skip


def first_images(args):
    content = json.loads(args.annotations.read_text())
    filled = {entry["image_id"] for entry in content["annotations"]}
    names = [image["file_name"] for image in content["images"] if image["id"] in filled]
    return set(names[: args.first])


def keep(path, names, target):
    """Write the part of a COCO file that is about some images."""
    content = json.loads(path.read_text())
    content["images"] = [i for i in content["images"] if i["file_name"] in names]
    ids = {image["id"] for image in content["images"]}
    content["annotations"] = [a for a in content["annotations"] if a["image_id"] in ids]
    target.write_text(json.dumps(content))
    return target


def score(args, annotations, points, output):
    words = ["evaluate", "--images", args.images, "--annotations", annotations,
             "--threads", args.threads, "--output", output]  # fmt: skip
    for path in points:
        words += ["--points", path]
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "pointsam", *map(str, words)], check=True, capture_output=True
    )
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
