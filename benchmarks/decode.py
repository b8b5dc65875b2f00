"""Masks of the objects of one image: ours beside the library's own forward in one call.

    python benchmarks/decode.py --model mobile_sam --objects 10,50 --output decode.json

Without a graph, one point an object. "relative error" is the distance between the two, over the
spread of the library's logits; a share of the mask pixels that differ stands beside it. Each row
runs in a process of its own.
"""

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path

import torch
from measuring import median, peak_gib, run_case, seconds, write_report
from plain_step import library_decode
from step import draw_image

from models import make_model
from pointsam.data.dataset import folder_images, load_sample
from pointsam.masks import threshold

ROWS = ("library", "ours")


def main():
    args = arguments()
    if args.case is not None:
        print(json.dumps(measure(json.loads(args.case))))
        return
    found = []
    for model in args.model.split(","):
        for objects in map(int, args.objects.split(",")):
            for row in ROWS:
                case = {"model": model, "objects": objects, "row": row, "side": args.side}
                case |= {"threads": args.threads, "repeats": args.repeats}
                found.append(run_case(__file__, case, limit_gib=args.limit_gib))
                show(found[-1], found[-2] if row == "ours" else found[-1])
    write_report(args.output, found)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="mobile_sam", help="as in models.py")
    parser.add_argument("--objects", default="10,50")
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit-gib", type=float, default=16.0, help="most memory of a row")
    parser.add_argument("--output", type=Path, help="JSON file")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    return parser.parse_args()


def show(found, library):
    head = f"{found['model']:<12}{found['objects']:>4} objects  {found['row']:<10}"
    if "failed" in found:
        print(f"{head} {found['failed']}", flush=True)
        return
    ratio = library.get("seconds", float("nan")) / found["seconds"]
    error = f"  relative error {found['relative_error']:.1e}" if "relative_error" in found else ""
    print(
        f"{head}{found['seconds']:8.3f} s  x{ratio:.2f}  {found['peak_gib']:.2f} GiB{error}",
        flush=True,
    )


@torch.no_grad()
def measure(case):
    """Time one of the two; after ours, compare the masks of both."""
    torch.set_num_threads(case["threads"])
    model = make_model(case["model"], side=case["side"])
    with tempfile.TemporaryDirectory() as folder:
        record = draw_image(Path(folder), objects=case["objects"], side=case["side"])
        images = folder_images(Path(folder))
        sample = load_sample(record, images, side=model.side, stride=model.stride)
    embedding = model.encode([sample.pixels])
    library = partial(library_decode, model, embedding.image, sample.prompts)
    ours = partial(model.decode, embedding, sample.prompts)
    action = library if case["row"] == "library" else ours
    found = {"seconds": median(seconds(action, times=case["repeats"])), "peak_gib": peak_gib()}
    if case["row"] == "ours":
        logits = ours().low_res_logits[:, 0]
        expected, _ = library()
        spread = (expected - expected.mean()).norm()
        found["relative_error"] = float((logits - expected).norm() / spread)
        found["differing_pixels"] = int((threshold(logits) != threshold(expected)).sum())
        found["pixels"] = logits.numel()
    return found


if __name__ == "__main__":
    main()
