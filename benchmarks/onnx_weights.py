"""What smaller ONNX weights cost: masks of float16 and int8 beside those of float32.

    python benchmarks/onnx_weights.py --images NWPU/Images --annotations NWPU_instances_train.json \
        --points NWPU_points_train_1.json --adapter nwpu-1 --every 13

Every N-th image of the list, all its objects, with the clicks of the points file. Images are
shrunk as segment-anything's predictor shrinks them; what counts is the graphs alone.
"""

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path
from time import process_time

import numpy as np
import onnxruntime
from PIL import Image

from pointsam.cli.main import main as pointsam
from pointsam.data.coco.annotations import pair, read_coco, read_points
from pointsam.data.coco.masks import rasterise
from pointsam.data.dataset import read_image_of
from pointsam.export.graphs import TOOL_SIDE

KINDS = ("float32", "float16", "int8")


class Exported:
    """Encoder and decoder in onnxruntime, on one core, and what they took."""

    def __init__(self, folder, adapter, kind):
        target = folder / kind
        given = [] if adapter is None else ["--adapter", adapter]
        asked = ["export", "--to", "anylabeling", *given, "--weights", kind, "--output", target]
        if pointsam([str(word) for word in asked]):
            sys.exit(1)
        files = [target / f"{kind}.{part}.onnx" for part in ("encoder", "decoder")]
        self.megabytes = [path.stat().st_size / 1e6 for path in files]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.encoder, self.decoder = (onnxruntime.InferenceSession(f, options) for f in files)
        self.encoding, self.decoding = [], []

    def masks(self, image, rows):
        """Give the mask of each row of clicks in the image's pixels."""
        scale = TOOL_SIDE / max(image.shape[:2])
        height, width = (round(length * scale) for length in image.shape[:2])
        shown = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
        since = process_time()
        [embedding] = self.encoder.run(None, {"image": np.asarray(shown, np.float32)})
        self.encoding.append(process_time() - since)
        factors = (width / image.shape[1], height / image.shape[0])
        found = []
        for row in rows:
            points = [(x * factors[0], y * factors[1]) for x, y, _ in row]
            since = process_time()
            found.append(self._decode(embedding, points, [label for *_, label in row], image))
            self.decoding.append(process_time() - since)
        return np.stack(found)

    def _decode(self, embedding, points, labels, image):
        given = {
            "image_embeddings": embedding,
            "point_coords": np.array([[*points, (0, 0)]], np.float32),
            "point_labels": np.array([[*labels, -1]], np.float32),
            "mask_input": np.zeros((1, 1, 256, 256), np.float32),
            "has_mask_input": np.zeros(1, np.float32),
            "orig_im_size": np.array(image.shape[:2], np.float32),
        }
        return self.decoder.run(None, given)[0][0, 0] > 0


def main():
    args = arguments()
    print(f"command: {' '.join(sys.argv)}")
    print(f"machine: {platform.machine()}, {os.cpu_count()} cores, one thread; "
          f"onnxruntime {onnxruntime.__version__}")  # fmt: skip
    data = pair(read_coco(args.annotations), read_points(args.points))
    images = data.images[:: args.every]
    same, right, unlike = ({kind: [] for kind in KINDS} for _ in range(3))
    with tempfile.TemporaryDirectory() as folder:
        exported = {kind: Exported(Path(folder), args.adapter, kind) for kind in KINDS}
        for number, record in enumerate(images, start=1):
            image = read_image_of(record, args.images)
            rows = [instance.points for instance in record.instances]
            true = [rasterise(one.segmentation, record.size) for one in record.instances]
            masks = {kind: model.masks(image, rows) for kind, model in exported.items()}
            for kind, found in masks.items():
                for mask, plain, truth in zip(found, masks["float32"], true, strict=True):
                    same[kind].append(overlap(mask, plain))
                    right[kind].append(overlap(mask, truth))
                    unlike[kind].append(np.mean(mask != plain))
            if number % 10 == 0 or number == len(images):
                print_table(exported, same, right, unlike)


def print_table(exported, same, right, unlike):
    """Print a row for each kind of weights."""
    images = len(exported["float32"].encoding)
    print(f"{images} images, {len(same['float32'])} objects; seconds of one core, medians")
    print("| weights | files | IoU with float32: mean, median, 5th of 100 | pixels unlike "
          "| IoU with annotated masks | encode, decode |")  # fmt: skip
    for kind, model in exported.items():
        iou = np.array(same[kind])
        print(
            f"| {kind} | {' + '.join(f'{size:.0f}' for size in model.megabytes)} MB "
            f"| {iou.mean():.4f}, {np.median(iou):.4f}, {np.quantile(iou, 0.05):.4f} "
            f"| {100 * np.mean(unlike[kind]):.3f} % | {100 * np.mean(right[kind]):.2f} "
            f"| {np.median(model.encoding):.2f} s, {np.median(model.decoding):.3f} s |",
            flush=True,
        )


def overlap(one, other):
    """IoU of two masks; 1 where both are empty."""
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 1.0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--annotations", type=Path, required=True)
    parser.add_argument("--points", type=Path, required=True)
    parser.add_argument("--adapter")
    parser.add_argument("--every", type=int, default=13)
    return parser.parse_args()


if __name__ == "__main__":
    main()
