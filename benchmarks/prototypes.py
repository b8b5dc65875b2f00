"""What prototypes cost: FINCH, the memory bank, the matching.

    python benchmarks/prototypes.py --features 128 10000 100000 --output prototypes.json

Features are drawn around 50 centres, 256 numbers each. Every size runs in a process of its own,
since a peak never falls.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch

from pointsam.training.finch import coarsest_partition
from pointsam.training.prototypes import PrototypeRegularizer

CHANNELS, CENTRES = 256, 50


def main():
    args = arguments()
    if args.case is not None:
        print(json.dumps(measure(args.case, repeats=args.repeats, threads=args.threads)))
        return
    print(f"command: {' '.join(sys.argv)}")
    rows = [one(count, args) for count in args.features]
    bank = bank_costs(args.repeats)
    print(
        f"bank of 128: push 10 features {1e3 * bank['push']:.2f} ms, cluster and match "
        f"{1e3 * bank['refresh']:.1f} ms, loss {1e3 * bank['loss']:.2f} ms"
    )
    machine = {"machine": platform.machine(), "cores": os.cpu_count(), "torch": torch.__version__}
    if args.output:
        content = {"command": " ".join(sys.argv), **machine, "finch": rows, "bank": bank}
        args.output.write_text(json.dumps(content, indent=1))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--features", type=int, nargs="+", default=[128, 10_000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--output", type=Path, metavar="FILE.json")
    parser.add_argument("--case", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def one(count, args):
    """Cluster one number of features in a process of its own, and say what it took."""
    repeats = 1 if count > 20_000 else args.repeats
    words = ["--case", count, "--repeats", repeats, "--threads", args.threads]
    done = subprocess.run(
        [sys.executable, __file__, *map(str, words)], capture_output=True, text=True, check=True
    )
    row = json.loads(done.stdout)
    print(
        f"FINCH, {count} x {CHANNELS}: {row['seconds']:.3f} s, {row['clusters']} clusters, peak "
        f"{row['peak_gib']:.2f} GiB ({row['before_gib']:.2f} before)",
        flush=True,
    )
    return row


def drawn(count, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(CENTRES, CHANNELS, generator=generator)
    chosen = torch.randint(CENTRES, (count,), generator=generator)
    return centres[chosen] + 0.5 * torch.randn(count, CHANNELS, generator=generator)


def measure(count, *, repeats, threads):
    torch.set_num_threads(threads)
    features = drawn(count)
    before = peak()
    seconds, clusters = [], 0
    for _ in range(repeats):
        start = time.perf_counter()
        labels = coarsest_partition(features, least_clusters=8)
        seconds.append(time.perf_counter() - start)
        clusters = int(labels.max()) + 1
    return {"features": count, "seconds": statistics.median(seconds), "clusters": clusters,
            "peak_gib": peak(), "before_gib": before}  # fmt: skip


def bank_costs(repeats):
    """Seconds to push into a full bank, to cluster and match it, and to compute the loss."""
    regularizer = PrototypeRegularizer(drawn(10, seed=1), capacity=128, least_clusters=8)
    regularizer.push(drawn(128, seed=2))
    live = drawn(10, seed=3)
    regularizer.refresh()
    actions = {
        "push": lambda: regularizer.push(live),
        "refresh": regularizer.refresh,
        "loss": lambda: regularizer.loss(live),
    }
    found = {}
    for name, action in actions.items():
        seconds = []
        for _ in range(10 * repeats):
            start = time.perf_counter()
            action()
            seconds.append(time.perf_counter() - start)
        found[name] = statistics.median(seconds)
    return found


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    main()
