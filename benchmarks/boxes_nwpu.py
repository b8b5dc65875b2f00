"""Points to oriented boxes: boxes of predicted masks against boxes of the true ones.

    python benchmarks/boxes_nwpu.py --images NWPU/Images --annotations NWPU_instances_val.json \
        --points NWPU_points_val_1.json --adapter runs/nwpu
"""

import argparse
import os
import platform
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from pointsam import load
from pointsam.data.coco.annotations import pair, read_coco, read_points
from pointsam.data.dataset import read_image_of
from pointsam.data.prepare.oriented_boxes import ImageBoxes, OrientedBox
from pointsam.evaluation.box_scores import score_boxes
from pointsam.prediction.boxes import Trim, boxes_of, oriented_box

TRIMS = {
    "as decoded": Trim(),
    "one part": Trim(one_part=True),
    "bridges under 4 px": Trim(bridge=4, one_part=True),
    "bridges under 8 px": Trim(bridge=8, one_part=True),
}


def main():
    args = arguments()
    print(f"command: {' '.join(sys.argv)}")
    print(f"machine: {platform.machine()}, {os.cpu_count()} cores; nothing is drawn at random")
    data = pair(read_coco(args.annotations), read_points(args.points))
    images = [image for image in data.images if image.instances][: args.first]
    truth, _ = boxes_of(images, scores={}, trim=Trim())
    predictor = load(adapter=args.adapter, side=args.side, precision="float32")
    print(f"{'model':<10}{'masks':<22}{'AP50':>7}{'mIoU':>7}{'missing':>9}   (percent)")
    for model in ("direct", "adapted") if args.adapter else ("direct",):
        direct = model == "direct" and predictor.adapter is not None
        with predictor.direct() if direct else nullcontext():
            found = predicted_boxes(predictor, images, args.images)
        for name, boxes in found.items():
            scores = score_boxes(truth, boxes)
            print(f"{model:<10}{name:<22}{100 * scores.mean_ap50:7.1f}{100 * scores.mean_iou:7.1f}"
                  f"{scores.missing:>9}")  # fmt: skip


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--annotations", type=Path, required=True)
    parser.add_argument("--points", type=Path, required=True)
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--side", type=int)
    parser.add_argument("--first", type=int, help="this many images only")
    return parser.parse_args()


def predicted_boxes(predictor, images, folder):
    """Segment each image once and draw its boxes with each way of trimming."""
    found = {name: [] for name in TRIMS}
    for image in images:
        rows = [instance.points for instance in image.instances]
        widest = max(map(len, rows))
        points = np.full((len(rows), widest, 2), np.nan)
        labels = np.full((len(rows), widest), -1)
        for index, row in enumerate(rows):
            points[index, : len(row)] = [(x, y) for x, y, _ in row]
            labels[index, : len(row)] = [label for *_, label in row]
        prediction = predictor.predict(read_image_of(image, folder), points, labels)
        stem = Path(image.file_name).stem
        for name, trim in TRIMS.items():
            drawn = [
                oriented_box(mask, points=own[kinds == 1], trim=trim)
                for mask, own, kinds in zip(prediction.masks, points, labels, strict=True)
            ]
            scores = prediction.scores.tolist()
            boxes = [
                OrientedBox(instance.id, instance.category, corners, score)
                for instance, corners, score in zip(image.instances, drawn, scores, strict=True)
                if corners is not None
            ]
            found[name].append(ImageBoxes(stem, tuple(boxes), image.size))
    return found


if __name__ == "__main__":
    main()
