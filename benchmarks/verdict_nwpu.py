"""Whether a verdict without masks foretells the gain that annotated masks show.

Takes an adapter and worse versions of it: its update scaled, and with noise. For each it gives the
numbers of `pointsam.training.verdict` on some images, and the true gain on the same ones.

Use: python benchmarks/verdict_nwpu.py --images DIR --annotations TRUE --points CLICKS
     --part configs/nwpu_dev.txt --adapter DIR --every 5
"""

import argparse
import os
import platform
import sys
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from pointsam.data.coco.annotations import pair, read_coco, read_points
from pointsam.data.dataset import draw_masks, folder_images, load_sample
from pointsam.evaluation.held_out import Looked, answer, compare, compare_masks
from pointsam.masks import count_pixels, threshold
from pointsam.models.loading.checkpoints import load_adapter, load_segmenter
from pointsam.training.verdict import Verdict, energies, weigh

VERSIONS = ("1", "0.5", "2", "3", "-1", "noise 0.5", "noise 1", "noise 2")
"""A factor on the update, or noise of so many deviations of each layer's own weights."""


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    print(f"command: {' '.join(sys.argv)}")
    print(f"machine: {platform.machine()}, {os.cpu_count()} cores; noise of seed 0")
    data = pair(read_coco(args.annotations), read_points(args.points))
    names = set(args.part.read_text().split())
    records = [r for r in data.images if r.file_name in names and r.instances][:: args.every]
    images = folder_images(args.images)
    models = {"frozen": load_segmenter("mobile_sam")}
    for folder in args.adapter:
        model = load_segmenter("mobile_sam")
        models[folder.name] = (model, load_adapter(model, folder))
    print(f"{len(records)} images, {sum(len(r.instances) for r in records)} objects", flush=True)
    direct = seen(models.pop("frozen"), records, images, args, "direct")
    for number, (name, (model, adapter)) in enumerate(models.items()):
        state = {key: value.clone() for key, value in adapter.state().items()}
        for version in args.versions if number == 0 else ("1",):
            adapter.load_state(changed(state, version))
            found = seen(model, records, images, args, f"{name} {version}")
            tell(f"{name} x {version}", records, images, direct, found)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--annotations", type=Path, required=True)
    parser.add_argument("--points", type=Path, required=True)
    parser.add_argument("--part", type=Path, required=True, help="names of the images, one a line")
    parser.add_argument("--adapter", type=Path, action="append", required=True)
    parser.add_argument("--every", type=int, default=1, help="take every n-th image of the part")
    parser.add_argument(
        "--versions", nargs="+", default=VERSIONS, help="of the first adapter; others are as saved"
    )
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def seen(model, records, images, args, what):
    """Give sample and answer of each image."""
    rows = []
    for record in tqdm(records, desc=what, unit="image"):
        sample = load_sample(record, images, side=model.side, stride=model.stride)
        rows.append((sample, answer(model, sample, precision=args.precision)))
    return rows


def changed(state, version):
    """Scale the update (B alone), or add noise to both factors of it."""
    kind, _, amount = version.rpartition(" ")
    generator = torch.Generator().manual_seed(0)
    made = {}
    for name, value in state.items():
        if kind == "noise":
            noise = torch.randn(value.shape, generator=generator)
            made[name] = value + float(amount) * value.std() * noise
        else:
            made[name] = value * float(amount) if "lora_B" in name else value
    return made


def tell(name, records, images, direct, adapted):
    """Print the verdict's numbers beside the true IoU of both models."""
    rows = [
        Looked(record, sample, before, after)
        for record, (sample, before), (_, after) in zip(records, direct, adapted, strict=True)
    ]
    found = compare(
        [compare_masks(row) for row in rows],
        energies=energies([weigh(row, images) for row in rows]),
    )
    truth = [draw_masks([record])[0] for record in records]
    before, after = (
        100
        * np.mean(
            [
                float(count_pixels(in_image(answered, row), mask).iou.mean())
                for row, answered, mask in zip(rows, answers, truth, strict=True)
            ]
        )
        for answers in ([row.direct for row in rows], [row.adapted for row in rows])
    )
    print(
        f"{name:<24} true IoU {before:5.1f} -> {after:5.1f} ({after - before:+5.1f})  "
        f"agreeing {100 * (found.adapted_agreeing - found.direct_agreeing):+5.1f}  "
        f"energy {found.adapted_energy - found.direct_energy:+5.2f}  "
        f"mirrored {100 * (found.adapted_steadiness - found.direct_steadiness):+5.1f}  "
        f"own estimate {100 * (found.adapted_iou_prediction - found.direct_iou_prediction):+5.1f}  "
        f"overlap {100 * (found.adapted_overlap - found.direct_overlap):+5.1f}\n"
        f"    {Verdict(found, held_out=False)}",
        flush=True,
    )


def in_image(answered, row):
    return threshold(row.sample.frame.logits_to_image(answered.logits))


if __name__ == "__main__":
    main()
