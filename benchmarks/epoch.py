"""A pass over a folder of images with points: uncached, filling the feature cache, and cached.

    python benchmarks/epoch.py --images NWPU/Images --points NWPU_points_train_1.json \
        --first 40 --output epoch.json

Each pass is ``pointsam train``'s own loop with its usual settings, begun from the same adapter, on
the same views. With --first the time of all images is projected: a line through seconds against
objects of the measured steps, added up over the objects of every image. A run has several views
of each image (data.views): as many passes fill the cache before one reads it alone.
"""

import argparse
import os
import tempfile
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from measuring import peak_gib, write_report

from pointsam.data.coco.annotations import read_points
from pointsam.data.dataset import folder_images
from pointsam.models.adapters.lora import attach_adapter
from pointsam.models.cache import FeatureCache
from pointsam.models.loading.checkpoints import base_hash, load_segmenter
from pointsam.models.segmenter import Segmenter
from pointsam.training.collapse_monitor import CollapseMonitor
from pointsam.training.frozen_features import CachedFrozenFeatures, encoded_frozen_features
from pointsam.training.loop import make_optimizer, train
from pointsam.training.ranks import ALONE
from pointsam.training.result import trainable
from pointsam.training.schedule import Schedule
from pointsam.training.settings import TrainSettings, train_settings
from pointsam.training.setup import find_prototypes, make_trainer, make_views
from pointsam.training.step import Trainer
from pointsam.training.views import Views


@dataclass(frozen=True)
class Run:
    """What every pass begins with."""

    model: Segmenter
    trainer: Trainer
    views: Views
    settings: TrainSettings
    weights: str
    """Hash of the base model."""


def main():
    args = arguments()
    # As the pointsam command does, before torch makes its first tensor.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    torch.set_num_threads(args.threads)
    every = trainable(read_points(args.points))
    run, preparation = prepare(args, every[: args.first])
    counts = [min(len(r.instances), run.settings.data.max_instances) for r in every]
    with tempfile.TemporaryDirectory(dir=args.work) as folder:
        cache = FeatureCache(Path(folder), max_bytes=int(args.cache_size * 1e9))
        cached = CachedFrozenFeatures(run.model, cache, run.weights)
        sources = {
            "fill": cached,
            "cached": cached,
            "uncached": partial(encoded_frozen_features, run.model),
        }
        found = []
        for name in args.passes.split(","):
            found.append({"pass": name} | one_pass(run, sources[name], counts))
            found[-1] |= {"threads": args.threads, "side": args.side, "precision": args.precision}
            found[-1] |= {"cache_gb": round(cache.use().size / 1e9, 3)}
            show(found[-1])
    by_name = {row["pass"]: row for row in found}
    if {"cached", "uncached"} <= by_name.keys():
        slow, fast = by_name["uncached"], by_name["cached"]
        fast["ratio"] = round(slow["seconds"] / fast["seconds"], 3)
        print(f"uncached over cached: {fast['ratio']:.2f}")
    write_report(args.output, [*found, {"pass": "preparation", "seconds": preparation}])


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--points", type=Path, required=True)
    parser.add_argument("--first", type=int, help="images; all if not given")
    parser.add_argument("--passes", default="uncached,fill,cached")
    parser.add_argument("--model", default="mobile_sam")
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache-size", type=float, default=20.0, metavar="GB")
    parser.add_argument("--work", type=Path, help="where the cache may lie; emptied at the end")
    parser.add_argument("--output", type=Path, help="JSON file")
    return parser.parse_args()


def prepare(args, records):
    """Load the model, make the target prototypes without a cache; give the seconds too."""
    start = perf_counter()
    settings = train_settings(
        {
            "model": {"name": args.model, "side": args.side},
            "precision": args.precision,
            "schedule": {"epochs": 1},
        },
        source="benchmark",
    )
    model = load_segmenter(args.model, side=args.side)
    weights = base_hash(model)
    adapter = attach_adapter(
        model, rank=settings.model.rank, first_block=model.first_block, seed=settings.seed
    )
    views = make_views(records, folder_images(args.images), settings, stride=model.stride)
    frozen_features = partial(encoded_frozen_features, model)
    target = find_prototypes(
        model,
        adapter,
        views,
        settings,
        frozen_features=frozen_features,
        saved=None,
        ranks=ALONE,
    )
    trainer = make_trainer(model, adapter, settings, frozen_features=frozen_features, target=target)
    return Run(model, trainer, views, settings, weights), round(perf_counter() - start, 2)


def one_pass(run, frozen_features, counts):
    """Train over all images once; leave adapter and prototypes as they were."""
    trainer, settings = replace(run.trainer, frozen_features=frozen_features), run.settings
    before = trainer.adapter.state(), trainer.regularizer.state_dict()
    optimizer = make_optimizer(trainer.adapter.parameters(), settings.schedule)
    schedule = Schedule(
        len(run.views.records), settings.data.batch_size, settings.schedule, settings.seed
    )
    taken, objects, parts = [], [], []
    start = perf_counter()
    for progress in train(
        trainer,
        optimizer,
        run.views,
        schedule,
        CollapseMonitor(settings.monitor),
        clip_norm=settings.schedule.clip_norm,
    ):
        taken.append(perf_counter() - start)
        objects.append(progress.report.instances)
        parts.append(progress.seconds)
        start = perf_counter()
    trainer.adapter.load_state(before[0])
    trainer.regularizer.load_state_dict(before[1])
    names = sorted({name for part in parts for name in part})
    return {
        "images": len(taken),
        "objects": int(sum(objects)),
        "seconds": round(sum(taken), 2),
        "seconds_an_image": round(sum(taken) / len(taken), 3),
        "parts_an_image": {
            name: round(sum(part.get(name, 0.0) for part in parts) / len(parts), 3)
            for name in names
        },
        "all_images": len(counts),
        "all_objects": int(sum(counts)),
        "projected_minutes": round(projected(taken, objects, counts) / 60, 2),
        "peak_gib": peak_gib(),
    }


def projected(taken, objects, counts):
    """Seconds of all images, by a line through the measured ones."""
    if len(taken) == len(counts):
        return sum(taken)
    terms = np.stack([np.ones(len(objects)), np.asarray(objects, dtype=float)], axis=1)
    (an_image, an_object), *_ = np.linalg.lstsq(terms, np.asarray(taken), rcond=None)
    return an_image * len(counts) + an_object * sum(counts)


def show(found):
    parts = ", ".join(f"{name} {took:.2f}" for name, took in found["parts_an_image"].items())
    whole = "measured" if found["images"] == found["all_images"] else "projected"
    print(
        f"{found['pass']:<10}{found['images']} images, {found['objects']} objects: "
        f"{found['seconds_an_image']:.2f} s an image; all {found['all_images']} in "
        f"{found['projected_minutes']:.1f} min ({whole}): {parts}",
        flush=True,
    )


if __name__ == "__main__":
    main()
