"""One training step: seconds by part and peak memory, against a step as one would first write it.

    python benchmarks/step.py --model sam-vit-b --first-block 6 --objects 10 --output step.json
    python benchmarks/step.py --model mobile_sam --objects 10 50 200 --rows ours cached

Rows: plain (``plain_step.py``), ours, cached (frozen features read from disk), checkpointing
(adapted blocks computed twice). Every case runs in a process of its own, since a peak never falls;
the ratios are of one run of this script. Random weights cost what trained ones do.
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
from functools import partial
from pathlib import Path

import torch
from plain_step import PlainStep

from models import drawn_sample, make_model
from pointsam.config import train_settings
from pointsam.data.augment import training_sample
from pointsam.models.cache import FeatureCache
from pointsam.models.lora import AdapterAverage, attach_adapter
from pointsam.training.loop import make_optimizer
from pointsam.training.prototypes import PrototypeRegularizer
from pointsam.training.pseudo_labels import Teacher
from pointsam.training.stems import CachedStems, encoded_stems
from pointsam.training.step import Learner

ROWS = ("plain", "ours", "cached", "checkpointing")
SETTINGS = {"teacher": {"least_iou_prediction": 0.0, "weights": "live"}}
"""Every mask is learned from, so that a drawn image costs what it says."""


def main():
    args = arguments()
    if args.case:
        print(json.dumps(measure(argparse.Namespace(**json.loads(args.case)))))
        return
    found = []
    print(f"command: {' '.join(sys.argv)}")
    for objects in args.objects:
        for row in args.rows:
            case = {"model": args.model, "side": args.side, "objects": objects, "row": row,
                    "repeats": args.repeats, "threads": args.threads,
                    "first_block": args.first_block, "precision": args.precision}  # fmt: skip
            found.append(run(case))
            show(found[-1], found)
    machine = {"machine": platform.machine(), "cores": os.cpu_count(), "torch": torch.__version__}
    if args.output:
        args.output.write_text(
            json.dumps({"command": " ".join(sys.argv), **machine, "cases": found}, indent=1)
        )


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="mobile_sam", help="as benchmarks/models.py names them")
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--objects", type=int, nargs="+", default=[10])
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--first-block", type=int, help="first adapted block of the encoder")
    parser.add_argument("--precision", default="float32", help="of the encoder and the decoder")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--output", type=Path, metavar="FILE.json")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    return parser.parse_args()


def run(case):
    """Measure one case in a process of its own, with large pages as commands have them."""
    done = subprocess.run(
        [sys.executable, __file__, "--case", json.dumps(case)],
        capture_output=True, text=True, check=False,
        env=os.environ | {"THP_MEM_ALLOC_ENABLE": "1"},
    )  # fmt: skip
    if done.returncode:
        return case | {"failed": done.stderr.strip().splitlines()[-1:] or [str(done.returncode)]}
    return case | json.loads(done.stdout)


def measure(case):
    """Make steps of one kind; the first is not counted."""
    torch.set_num_threads(case.threads)
    model = make_model(case.model, side=case.side)
    if case.first_block is not None:
        model.first_block = case.first_block
    model.checkpointing = case.row == "checkpointing"
    adapter = attach_adapter(model, rank=4, first_block=model.first_block, seed=0)
    sample = drawn_sample(model, objects=case.objects)
    settings = train_settings(SETTINGS, source="benchmark")
    before = peak()
    with tempfile.TemporaryDirectory() as folder:
        step = make_step(case, model, adapter, settings, Path(folder))
        optimizer = make_optimizer(adapter.parameters(), settings)
        seconds, parts = [], []
        for _ in range(case.repeats + 1):
            start = time.perf_counter()
            view = training_sample(sample, seed=0, view=0)
            loaded = time.perf_counter()
            inner = step(view)
            stepped = time.perf_counter()
            optimizer.step()
            end = time.perf_counter()
            seconds.append(end - start)
            parts.append({"load": loaded - start, **inner, "optimizer": end - stepped})
    return {
        "seconds": round(statistics.median(seconds[1:]), 3),
        "all": [round(value, 3) for value in seconds],
        "parts": {
            name: round(statistics.median(part.get(name, 0.0) for part in parts[1:]), 3)
            for name in parts[-1]
        },
        "peak_gib": round(peak(), 2),
        "before_gib": round(before, 2),
    }


def make_step(case, model, adapter, settings, folder):
    """Give what makes one step of a view, and says where its seconds went."""
    if case.row == "plain":
        plain = PlainStep(model, adapter, settings.teacher, settings.loss)

        def plainly(view):
            start = time.perf_counter()
            plain.step(view)
            return {"whole step": time.perf_counter() - start}

        return plainly
    average = AdapterAverage(adapter, decay=settings.schedule.average_decay)
    stems = partial(encoded_stems, model)
    if case.row == "cached":
        stems = CachedStems(model, FeatureCache(folder, most_bytes=int(2e9)), "benchmark")
    learner = Learner(
        model=model,
        adapter=adapter,
        average=average,
        stems=stems,
        teacher=Teacher(model, adapter, settings.teacher, average=average),
        regularizer=PrototypeRegularizer(torch.randn(8, 256), capacity=128, least_clusters=8),
        weights=settings.loss,
        precision=case.precision,
    )

    def ours(view):
        learner.step([view], measured=False)
        average.follow()
        return learner.timer.take()

    return ours


def peak():
    """Most memory this process has held so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def show(case, found):
    """Print a case, and its ratio to the plain one of the same run."""
    name = f"{case['model']} {case['objects']:>4} objects {case['row']:<14}"
    if "failed" in case:
        print(f"{name} failed: {case['failed']}", flush=True)
        return
    plain = next(
        (c for c in found if c["row"] == "plain" and c["objects"] == case["objects"]), None
    )
    ratio = f"{plain['seconds'] / case['seconds']:5.2f}x" if plain and "seconds" in plain else ""
    print(f"{name} {case['seconds']:8.2f} s  peak {case['peak_gib']:5.2f} GiB "
          f"(before {case['before_gib']:.2f})  {ratio}", flush=True)  # fmt: skip
    print("    " + ", ".join(f"{part} {value:.2f}" for part, value in case["parts"].items()))


if __name__ == "__main__":
    main()
