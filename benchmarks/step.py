"""Seconds by part and peak memory of one training step, ours beside a plain formulation.

    python benchmarks/step.py --model sam-vit-b --objects 10 --repeats 3 --output step-vit-b.json
    python benchmarks/step.py --model mobile_sam --objects 10,50,200 --rows plain,ours,cached

Every row runs in a process of its own, one after the other, on the same drawn image with one point
an object. So that N objects are N in every row, each pseudo-mask is accepted (random weights earn
no belief). The random ViT-B costs what a trained one costs; nothing is downloaded.
"""

import argparse
import json
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import plain_step as plain
import torch
from measuring import Parts, median, median_parts, peak_gib, run_case, write_report
from PIL import Image

from models import make_model, make_trainer
from pointsam.data.augment import training_sample
from pointsam.data.dataset import folder_images, load_sample
from pointsam.data.records import ImageRecord, InstanceRecord
from pointsam.models import calibration as joint
from pointsam.models.cache import FeatureCache
from pointsam.prompts import POSITIVE
from pointsam.training import pseudo_labels
from pointsam.training import step as step_module
from pointsam.training.backward import ChunkedBackward
from pointsam.training.frozen_features import CachedFrozenFeatures
from pointsam.training.loop import make_optimizer
from pointsam.training.prototypes import PrototypeRegularizer
from pointsam.training.pseudo_labels import Teacher
from pointsam.training.settings import train_settings


@dataclass(frozen=True)
class Row:
    """One way to do a step."""

    plain: bool = False
    cut: bool = False
    cached: bool = False
    checkpointing: bool = False
    precision: str = "float32"


ROWS = {
    "plain": Row(plain=True),
    "plain-cut": Row(plain=True, cut=True),
    "ours": Row(),
    "cached": Row(cached=True),
    "checkpointed": Row(checkpointing=True),
    "bfloat16": Row(precision="bfloat16"),
    "cached-bfloat16": Row(cached=True, precision="bfloat16"),
}
"""``plain-cut`` is ``plain`` without a graph below the first adapted block."""


def main():
    args = arguments()
    if args.case is not None:
        print(json.dumps(measure(json.loads(args.case))))
        return
    found = []
    for model in args.model.split(","):
        for objects in map(int, args.objects.split(",")):
            group = []
            for row in args.rows.split(","):
                case = {"model": model, "objects": objects, "row": row, "side": args.side}
                case |= {"threads": args.threads, "repeats": args.repeats}
                group.append(run_case(__file__, case, limit_gib=args.limit_gib))
                show(group[-1], group[0])
            found += group
            write_report(args.output, found)  # a long run may be cut short


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", default="sam-vit-b,mobile_sam", help="as in models.py")
    parser.add_argument("--objects", default="10,50,200")
    parser.add_argument("--rows", default=",".join(ROWS), help=f"some of {', '.join(ROWS)}")
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit-gib", type=float, default=18.0, help="most memory of a row")
    parser.add_argument("--output", type=Path, help="JSON file")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    return parser.parse_args()


def show(found, first):
    """Print one row, with its ratio to the first of its group."""
    head = f"{found['model']:<12}{found['objects']:>4} objects  {found['row']:<16}"
    if "failed" in found:
        print(f"{head} {found['failed']}", flush=True)
        return
    ratio = first.get("seconds", float("nan")) / found["seconds"]
    parts = ", ".join(f"{name} {took:.2f}" for name, took in found["parts"].items())
    print(
        f"{head}{found['seconds']:8.2f} s  x{ratio:.2f}  {found['peak_gib']:.2f} GiB "
        f"({found['before_gib']:.2f} before)  {found['contested']} contested: {parts}",
        flush=True,
    )


def measure(case):
    """Take one step that is not counted, then some that are."""
    torch.set_num_threads(case["threads"])
    row, parts = ROWS[case["row"]], Parts()
    model = make_model(case["model"], side=case["side"])
    model.checkpointing = row.checkpointing
    trainer = make_trainer(model, precision=row.precision)
    settings = train_settings({}, source="benchmark")
    teacher = settings.teacher.model_copy(update={"min_iou_prediction": float("-inf")})
    trainer = replace(
        trainer, teacher=Teacher(model, trainer.adapter, teacher, average=trainer.average)
    )
    optimizer = make_optimizer(trainer.adapter.parameters(), settings.schedule)
    trainer.regularizer.push(torch.randn(128, 256))
    trainer.regularizer.refresh()
    found = {"parameters": sum(p.numel() for p in model.parameters()), "before_gib": peak_gib()}
    contested = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as hooks:
        record = draw_image(Path(folder), objects=case["objects"], side=case["side"])
        if row.plain:
            step = plain_step(trainer, teacher, settings.loss, row, parts)
        else:
            step = our_step(trainer, row, parts, hooks, cache=Path(folder) / "cache")
        for module in (joint, plain):
            noting = note_rivals(module.calibrate_negatives, contested)
            hooks.enter_context(patch.object(module, "calibrate_negatives", noting))
        hooks.enter_context(patch.object(pseudo_labels, "agree_with_clicks", everyone))
        runs = []
        for _ in range(1 + case["repeats"]):
            with parts.part("rest"):
                one_step(step, record, Path(folder), trainer, optimizer, parts)
            runs.append(parts.take())
    return found | {
        "seconds": median([sum(run.values()) for run in runs[1:]]),
        "parts": median_parts(runs[1:]),
        "first_seconds": round(sum(runs[0].values()), 4),
        "contested": contested[-1] if contested else 0,
        "peak_gib": peak_gib(),
    }


def one_step(step, record, folder, trainer, optimizer, parts):
    """Load, step, and move the adapter, as the loop does it."""
    with parts.part("load"):
        model = trainer.model
        sample = load_sample(record, folder_images(folder), side=model.side, stride=model.stride)
        view = training_sample(sample, seed=0, view=0)
    step(view)
    with parts.part("optimizer"):
        optimizer.step()
        trainer.average.follow()


def plain_step(trainer, teacher, weights, row, parts):
    """Give the plain formulation over the same model and adapter."""
    built = plain.PlainStep(
        trainer.model,
        trainer.adapter,
        teacher,
        weights,
        trainer.regularizer,
        cut=row.cut,
        timer=parts,
    )
    return built.step


def our_step(trainer, row, parts, hooks, *, cache):
    """Give the library's step, with the functions that make up its parts timed."""
    model, frozen_features = trainer.model, trainer.frozen_features
    if row.cached:
        features = FeatureCache(cache, max_bytes=10**9)
        frozen_features = CachedFrozenFeatures(model, features, "benchmark")
    trainer = replace(
        trainer, frozen_features=parts.timed(frozen_features, lambda views, look: f"encode {look}")
    )

    def pass_of(kind):
        # The teacher's pass has no graph, the student's has one.
        return lambda *_: f"{kind} strong" if torch.is_grad_enabled() else f"{kind} weak"

    timed = [
        (model, "encode_adapted", pass_of("encode")),
        (model, "decode", pass_of("decode")),
        (model, "prepare", pass_of("decode")),
        (model, "decode_chunk", pass_of("decode")),
        (joint, "pairwise_iou", "calibrate"),
        (joint, "calibrate_negatives", "calibrate"),
        (step_module, "weighted_mask_terms", "losses"),
        (PrototypeRegularizer, "loss", "prototypes"),
        (ChunkedBackward, "add", "backward, decoder"),
        (ChunkedBackward, "spend", "backward, encoder"),
    ]
    for owner, name, part in timed:
        wrapped = parts.timed(getattr(owner, name), part)
        hooks.enter_context(patch.object(owner, name, wrapped))
    return lambda view: trainer.step([view], measured=False)


def note_rivals(calibrate, contested):
    """Wrap the calibration rule: it notes how many instances had rivals."""

    def noting(prompts, rivals, *, max_negatives):
        contested.append(int(rivals.any(dim=1).sum()))
        return calibrate(prompts, rivals, max_negatives=max_negatives)

    return noting


def everyone(masks, prompts):
    """Believe every mask."""
    return torch.ones(len(masks), dtype=torch.bool)


def draw_image(folder, *, objects, side):
    """Write a picture of discs on rough ground, one on each place of a grid; a point in each."""
    random = np.random.default_rng(0)
    picture = random.integers(60, 110, (side, side, 3), dtype=np.uint8)
    places = int(np.ceil(np.sqrt(objects)))
    pitch = side / places
    instances = []
    for number in range(objects):
        x, y = (number % places + 0.5) * pitch, (number // places + 0.5) * pitch
        radius = pitch * random.uniform(0.15, 0.4)
        colour = random.integers(130, 256, 3).tolist()
        cv2.circle(picture, (int(x), int(y)), max(2, int(radius)), colour, -1, cv2.LINE_AA)
        instances.append(InstanceRecord(number + 1, "disc", ((x, y, POSITIVE),)))
    Image.fromarray(picture).save(folder / "discs.png")
    return ImageRecord(1, "discs.png", (side, side), tuple(instances))


if __name__ == "__main__":
    main()
