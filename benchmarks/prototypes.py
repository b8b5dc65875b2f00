"""FINCH at three sizes, the memory bank, and the matching: seconds, and peak memory of each.

    python benchmarks/prototypes.py --output prototypes.json

Features are drawn around centres, as those of objects lie; 256 channels. Each case runs in a
process of its own; its peak stands beside what the process held before (libraries, features).
"""

import argparse
import json
from functools import partial
from pathlib import Path

import torch
from measuring import median, peak_gib, run_case, seconds, write_report

from pointsam.labelling.finch import finch
from pointsam.training.prototypes import (
    MemoryBank,
    PrototypeRegularizer,
    match_prototypes,
    target_prototypes,
)

CHANNELS = 256
LARGE = 50_000
"""Features from which on a case takes minutes."""


def main():
    args = arguments()
    if args.case is not None:
        print(json.dumps(measure(json.loads(args.case))))
        return
    cases = [{"what": "finch", "features": int(size)} for size in args.features.split(",")]
    cases += [{"what": "bank", "features": 512}, {"what": "refresh", "features": 512}]
    cases += [{"what": "matching", "features": size} for size in (8, 64, 512)]
    found = []
    for case in cases:
        case |= {"threads": args.threads, "repeats": args.repeats}
        found.append(run_case(__file__, case, limit_gib=args.limit_gib))
        show(found[-1])
    write_report(args.output, found)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--features", default="128,10000,100000", help="sizes for FINCH")
    parser.add_argument("--repeats", type=int, default=3, help=f"one from {LARGE} features on")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit-gib", type=float, default=8.0, help="most memory of a case")
    parser.add_argument("--output", type=Path, help="JSON file")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    return parser.parse_args()


def show(found):
    head = f"{found['what']:<10}{found['features']:>8} features"
    if "failed" in found:
        print(head, found["failed"], flush=True)
        return
    clusters = f"  clusters {found['clusters']}" if "clusters" in found else ""
    print(
        f"{head}{found['seconds']:12.4f} s{found['peak_gib']:8.2f} GiB "
        f"({found['before_gib']:.2f} before){clusters}",
        flush=True,
    )


def measure(case):
    """Time one case; a long one once, without a call that is not counted."""
    torch.set_num_threads(case["threads"])
    features = drawn_features(case["features"])
    before = peak_gib()
    found = {}
    if case["what"] == "finch":
        action = partitioner(features, found)
    elif case["what"] == "bank":
        bank = MemoryBank(capacity=len(features), like=features)
        bank.push(features)
        action = partial(bank.push, features[:10])  # the objects of one image
    elif case["what"] == "refresh":
        regularizer = PrototypeRegularizer(target_prototypes(features), capacity=len(features))
        regularizer.push(features.roll(1, dims=0))
        action = regularizer.refresh
    else:
        action = partial(match_prototypes, features, drawn_features(len(features), seed=1))
    large = case["features"] >= LARGE
    taken = seconds(action, times=1 if large else case["repeats"], warm=not large)
    found |= {"seconds": median(taken), "calls": len(taken)}
    return found | {"peak_gib": peak_gib(), "before_gib": before}


def partitioner(features, found):
    """Cluster, and note how many clusters each partition has."""

    def partition():
        found["clusters"] = [int(labels.max()) + 1 for labels in finch(features)]

    return partition


def drawn_features(count, *, seed=0):
    """Features around one centre in fifty, with half as much noise as centre."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(max(1, count // 50), CHANNELS, generator=generator)
    owner = torch.randint(len(centres), (count,), generator=generator)
    return centres[owner] + 0.5 * torch.randn(count, CHANNELS, generator=generator)


if __name__ == "__main__":
    main()
