"""How near encoder and decoder come to what the machine can do at all.

    python benchmarks/limits.py --output limits.json

The machine's own rate is that of one large matrix product, in float32 and bfloat16. Operations of a
pass are counted by torch's flop counter (a multiply-add is two); the share is their rate over the
machine's. ``--compile`` also measures ``torch.compile`` of the encoder, with the time it takes to
compile.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from models import drawn_sample, make_model

MATRIX = 2048


def main():
    args = arguments()
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    print(f"command: {' '.join(sys.argv)}")
    rows = []
    for threads in args.threads:
        torch.set_num_threads(threads)
        for precision in args.precisions:
            rate = matrix_rate(getattr(torch, precision), repeats=args.repeats)
            rows.append({"what": f"matrix product of {MATRIX}", "threads": threads,
                         "precision": precision, "gflops": rate})  # fmt: skip
            show(rows[-1])
            for name in args.models:
                for row in passes(name, args, precision=precision):
                    row |= {"threads": threads, "precision": precision}
                    rows.append(row | {"share": row["gflops"] / rate})
                    show(rows[-1])
    machine = {"machine": platform.machine(), "cores": os.cpu_count(), "torch": torch.__version__}
    if args.output:
        args.output.write_text(
            json.dumps({"command": " ".join(sys.argv), **machine, "rows": rows}, indent=1)
        )


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", nargs="+", default=["mobile_sam"])
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--objects", type=int, default=50)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--precisions", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--output", type=Path, metavar="FILE.json")
    return parser.parse_args()


def matrix_rate(dtype, *, repeats):
    """Billions of operations a second of one large product."""
    left, right = (torch.randn(MATRIX, MATRIX).to(dtype) for _ in range(2))
    return 2e-9 * MATRIX**3 / median(lambda: left @ right, repeats=repeats)


@torch.no_grad()
def passes(name, args, *, precision):
    """Measure the parts of one image's way, and count what they compute."""
    model = make_model(name, side=args.side)
    sample = drawn_sample(model, objects=args.objects)
    pixels = model.normalise([sample.pixels])
    half = precision != "float32"
    with torch.autocast("cpu", torch.bfloat16) if half else nullcontext():
        stem = model.encode_frozen(pixels)
        embedding = model.encode_adapted(stem)
        parts = {
            "encoder, frozen part": lambda: model.encode_frozen(pixels),
            "encoder, adapted part": lambda: model.encode_adapted(stem),
            f"decoder, {args.objects} objects": lambda: model.decode(embedding, sample.prompts),
        }
        for part, action in parts.items():
            yield measured(f"{name}: {part}", action, repeats=args.repeats)
        if args.compile:
            compiled = torch.compile(model.encode_adapted)
            start = time.perf_counter()
            compiled(stem)
            row = measured(
                f"{name}: encoder, adapted part, compiled",
                lambda: compiled(stem),
                repeats=args.repeats,
                operations=counted(parts["encoder, adapted part"]),
            )
            yield row | {"seconds to compile": time.perf_counter() - start}


def measured(what, action, *, repeats, operations=None):
    operations = operations or counted(action)
    seconds = median(action, repeats=repeats)
    return {
        "what": what,
        "seconds": seconds,
        "gflop": operations * 1e-9,
        "gflops": operations * 1e-9 / seconds,
    }


def counted(action):
    with FlopCounterMode(display=False) as counter:
        action()
    return counter.get_total_flops()


def median(action, *, repeats):
    action()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def show(row):
    seconds = f"{row['seconds']:7.3f} s" if "seconds" in row else " " * 9
    share = f"{100 * row['share']:5.0f} %" if "share" in row else ""
    print(f"{row['what']:<46}{row['threads']} threads {row['precision']:<9}{seconds}"
          f"{row['gflops']:8.0f} GFLOP/s{share}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
