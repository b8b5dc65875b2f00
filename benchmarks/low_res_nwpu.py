"""How well masks survive the low-res frame that training compares them in.

    python benchmarks/low_res_nwpu.py --annotations NWPU_instances_train.json \
        --part configs/nwpu_dev.txt

Each annotated mask is brought to the low-res frame (a quarter of the model's pixels) and back, as a
student would give it that learned its target to perfection: once as the pixels over half covered,
once as the share of each pixel that the mask covers. The IoU with the mask is what such a student
can reach at most, in percent, the mean over instances. Nothing is drawn at random.
"""

import argparse
from collections import defaultdict
from itertools import chain
from pathlib import Path
from statistics import fmean

import torch

from pointsam.data.augment import low_res_cover
from pointsam.data.coco.annotations import read_coco
from pointsam.data.dataset import draw_masks
from pointsam.frames import ModelFrame
from pointsam.masks import HALF, count_pixels, masks_in_image


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--annotations", type=Path, required=True)
    parser.add_argument("--part", type=Path, help="file names of the images, one a line")
    parser.add_argument("--sides", type=int, nargs="+", default=[1024], help="of the model's input")
    args = parser.parse_args()
    torch.set_num_threads(1)
    wanted = set(args.part.read_text().split()) if args.part else None
    images = [image for image in read_coco(args.annotations).images if image.instances]
    images = [image for image in images if wanted is None or image.file_name in wanted]
    for side in args.sides:
        kept = {"over half": defaultdict(list), "share": defaultdict(list)}
        for image in images:
            [masks] = draw_masks([image])
            frame = ModelFrame(masks.shape[1:], side)
            cover = low_res_cover(masks, frame)
            for name, target in (("over half", (cover > HALF).float()), ("share", cover)):
                back = count_pixels(masks_in_image(target - HALF, frame), masks).iou
                for instance, iou in zip(image.instances, back.tolist(), strict=True):
                    kept[name][instance.category].append(100 * iou)
        print(f"side {side}, {len(images)} images")
        for category in sorted(kept["share"]):
            found = {name: values[category] for name, values in kept.items()}
            print(f"  {category:<22}{row(found)}")
        whole = {name: [*chain(*values.values())] for name, values in kept.items()}
        print(f"  {'all':<22}{row(whole)}")


def row(found):
    """Show the mean of both targets."""
    return "   ".join(f"{name} {fmean(values):.1f}" for name, values in found.items())


if __name__ == "__main__":
    main()
