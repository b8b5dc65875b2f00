"""Automatic masks: which factor puts objects before background.

    python benchmarks/automatic_nwpu.py --images NWPU/Images \
        --annotations NWPU_instances_val.json --adapter runs/nwpu

Masks of a 32-point grid are ranked by each factor; a mask is right when it has an IoU above 0.5
with an object that no better-ranked mask took. Precision and recall are those of the best-ranked
masks, as many as there are objects (then they are equal) and twice as many; "found at all" is the
recall of all masks that pass the filters.
"""

import argparse
import os
import platform
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from pointsam import load
from pointsam.data.coco.annotations import read_coco
from pointsam.data.dataset import draw_masks, read_image_of
from pointsam.evaluation.box_scores import average_precision
from pointsam.frames import ModelFrame
from pointsam.masks import threshold
from pointsam.prediction.automatic import AutomaticSettings, automatic_masks, duplicates
from pointsam.prediction.images.automatic import load_prototypes

RANKINGS = {
    "iou": ("iou",),
    "stability": ("stability",),
    "similarity": ("similarity",),
    "iou x stability": ("iou", "stability"),
    "all": ("iou", "stability", "similarity"),
}
RIGHT_IOU = 0.5


def main():
    args = arguments()
    print(f"command: {' '.join(sys.argv)}")
    print(f"machine: {platform.machine()}, {os.cpu_count()} cores; nothing is drawn at random")
    images = [image for image in read_coco(args.annotations).images if image.instances]
    images = images[: args.first]
    objects = sum(len(image.instances) for image in images)
    predictor = load(adapter=args.adapter, side=args.side, precision="float32")
    prototypes = load_prototypes(args.prototypes or args.adapter) if args.adapter else None
    print(f"{objects} objects in {len(images)} images; percent")
    heads = ("AP50", "P = R", "P at 2n", "R at 2n", "found at all")
    print(f"{'model':<10}{'ranked by':<18}" + "".join(f"{head:>14}" for head in heads))
    models = [args.only] if args.only else ["direct", "adapted"] if args.adapter else ["direct"]
    for model in models:
        direct = model == "direct" and predictor.adapter is not None
        with predictor.direct() if direct else nullcontext():
            bar = tqdm(images, desc=model, unit="image")
            found = candidates(predictor.model, bar, args, prototypes)
        for name, ranked in found.items():
            rank, right = (np.concatenate(column) for column in zip(*ranked, strict=True))
            right = right[np.argsort(-rank, kind="stable")]
            hits = np.cumsum(right)
            at = [hits[min(n, len(hits)) - 1] for n in (objects, 2 * objects)]
            values = (
                average_precision(right, ~right, objects=objects),
                at[0] / objects,
                at[1] / (2 * objects),
                at[1] / objects,
                hits[-1] / objects,
            )
            print(f"{model:<10}{name:<18}" + "".join(f"{100 * value:14.1f}" for value in values))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--annotations", type=Path, required=True)
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--prototypes", type=Path, help="another folder with target prototypes")
    parser.add_argument("--side", type=int)
    parser.add_argument("--grid", type=int, default=32)
    parser.add_argument("--only", choices=["direct", "adapted"], help="one half of the table")
    parser.add_argument("--first", type=int, help="this many images only")
    return parser.parse_args()


@torch.no_grad()
def candidates(model, images, args, prototypes):
    """Give, for each ranking, an image's kept masks: their rank and whether they are right."""
    settings = AutomaticSettings(grid=args.grid, max_overlap=1.0)
    max_overlap = AutomaticSettings().max_overlap
    found = {name: [] for name in RANKINGS}
    for image in images:
        frame = ModelFrame(image.size, model.side, model.stride)
        pixels = frame.resize(read_image_of(image, args.images)).copy()
        embedding = model.encode([torch.from_numpy(pixels).permute(2, 0, 1)])
        masks = automatic_masks(model, embedding, frame, settings, prototypes=prototypes)
        iou = overlap(frame, masks.low_res_logits, draw_masks([image])[0])
        coarse = threshold(masks.low_res_logits) & frame.low_res_valid()
        factors = {
            "iou": masks.iou_prediction,
            "stability": masks.stability,
            "similarity": masks.similarity,
        }
        for name, names in RANKINGS.items():
            rank = torch.stack([factors[factor].clamp(min=0) for factor in names]).prod(dim=0)
            order = rank.argsort(descending=True, stable=True)
            order = order[~duplicates(coarse[order], max_overlap=max_overlap)]
            found[name].append((rank[order].numpy(), greedy(iou[order].numpy())))
    return found


def overlap(frame, low_res_logits, truth):
    """IoU of each mask with each object, in the image frame."""
    target = truth.flatten(1).float()
    rows = []
    for part in low_res_logits.split(16):
        mask = threshold(frame.logits_to_image(part)).flatten(1).float()
        both = mask @ target.T
        rows.append(both / (mask.sum(1)[:, None] + target.sum(1)[None] - both).clamp(min=1))
    return torch.cat(rows) if rows else torch.zeros(0, len(truth))


def greedy(iou):
    """Say which masks, the best first, take an object that none before them took."""
    free = np.ones(iou.shape[1], dtype=bool)
    right = np.zeros(len(iou), dtype=bool)
    for index, row in enumerate(iou):
        best = int(np.argmax(np.where(free, row, -1)))
        if free[best] and row[best] > RIGHT_IOU:
            right[index], free[best] = True, False
    return right


if __name__ == "__main__":
    main()
