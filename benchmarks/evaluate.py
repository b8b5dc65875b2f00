"""One command that scores three point files beside one that scores one: seconds and their ratio.

    python benchmarks/evaluate.py --images NWPU/Images --annotations NWPU_instances_val.json \
        --points NWPU_points_val_1.json --points NWPU_points_val_2.json \
        --points NWPU_points_val_3.json --output evaluate.json

Both are ``pointsam evaluate`` with the embedded model, from start to end of the process.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from measuring import median, write_report


def main():
    args = arguments()
    with tempfile.TemporaryDirectory() as folder:
        files = [args.annotations, *args.points]
        if args.first is not None:
            files = [first_images(path, args.first, Path(folder)) for path in files]
        annotations, *points = files
        found = []
        for given in (points[:1], points):
            taken = []
            for number in range(args.repeats):
                output = Path(folder) / f"scores-{len(given)}-{number}"
                taken.append(score(args, annotations, given, output))
            found.append({"point_files": len(given), "seconds": median(taken), "all": taken})
            print(f"{len(given)} point files: {found[-1]['seconds']:.1f} s", flush=True)
    one, many = found
    many["ratio"] = round(many["seconds"] / one["seconds"], 3)
    images, instances = scored(annotations_of=args.annotations, first=args.first)
    for row in found:
        row |= {"images": images, "instances": instances, "threads": args.threads}
    print(f"{images} images, {instances} instances: ratio {many['ratio']:.2f}")
    write_report(args.output, found)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--annotations", type=Path, required=True)
    parser.add_argument("--points", type=Path, required=True, action="append")
    parser.add_argument("--first", type=int, help="images; all if not given")
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", type=Path, help="JSON file")
    return parser.parse_args()


def score(args, annotations, points, output):
    """Run the command; give its seconds."""
    command = [sys.executable, "-m", "pointsam", "evaluate", "--images", args.images]
    command += ["--annotations", annotations, "--side", args.side, "--threads", args.threads]
    for path in points:
        command += ["--points", path]
    command += ["--output", output]
    start = perf_counter()
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
    return round(perf_counter() - start, 2)


def first_images(path, count, folder):
    """Write a COCO file with the first images that have annotations, and nothing else."""
    data = json.loads(path.read_text())
    kept = with_annotations(data)[:count]
    data["images"] = [image for image in data["images"] if image["id"] in kept]
    data["annotations"] = [a for a in data["annotations"] if a["image_id"] in kept]
    cut = folder / path.name
    cut.write_text(json.dumps(data))
    return cut


def with_annotations(data):
    """Name the images with annotations, in the file's order."""
    annotated = {annotation["image_id"] for annotation in data["annotations"]}
    return [image["id"] for image in data["images"] if image["id"] in annotated]


def scored(*, annotations_of, first):
    """Count the images and instances that were scored."""
    data = json.loads(annotations_of.read_text())
    kept = set(with_annotations(data)[:first])
    return len(kept), sum(annotation["image_id"] in kept for annotation in data["annotations"])


if __name__ == "__main__":
    main()
