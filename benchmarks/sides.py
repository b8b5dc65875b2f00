"""The embedded model without an adapter at several sides, its positions counted in two ways.

    python benchmarks/sides.py --images NWPU/Images --annotations NWPU_instances_train.json \
        --points NWPU_points_train_1.json --first 40 --sides 512 768 1024 --output sides.json

SAM locates cells and points as shares of its input's side. At another side than the 1024 px it
was trained with, that side can be taken for the whole ("by side", what the package does, as the
library does), or the pixels can keep the place they have at 1024 px ("by 1024"): an input of
512 px is then the upper left quarter. The image is encoded once for both.
"""

import argparse
from contextlib import contextmanager, nullcontext
from pathlib import Path
from unittest.mock import patch

import torch
from measuring import Parts, median, write_report

from pointsam.data.coco.annotations import pair, read_coco, read_points
from pointsam.data.dataset import folder_images, load_sample, model_prompts
from pointsam.evaluation.masks import Scores, paired_records, score_image
from pointsam.models.decoders import sam as decoder
from pointsam.models.loading.checkpoints import load_segmenter

TRAINED_SIDE = 1024
METRICS = ("iou", "f1", "overlap")


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    data = pair(read_coco(args.annotations), read_points(args.points))
    records = [record for [record] in paired_records([data])][: args.first]
    heads = ("side", "positions", "IoU", "F1", "overlap", "encode s", "decode s")
    print("".join(f"{head:>11}" for head in heads), f"   {len(records)} images", flush=True)
    rows = [row for side in args.sides for row in scores_at(side, records, args.images)]
    write_report(args.output, rows)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--annotations", type=Path, required=True)
    parser.add_argument("--points", type=Path, required=True)
    parser.add_argument("--sides", type=int, nargs="+", default=[512, 768, 1024])
    parser.add_argument("--first", type=int, help="this many images with objects only")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", type=Path, metavar="FILE.json")
    return parser.parse_args()


@torch.no_grad()
def scores_at(side, records, folder):
    """Score all images at one side, in both ways."""
    model = load_segmenter("mobile_sam", side=side)
    ways = {"by side": nullcontext, "by 1024": lambda: positions_by(TRAINED_SIDE, model)}
    scores = {way: [] for way in ways}
    encoding, decoding = [], {way: [] for way in ways}
    images, parts = folder_images(folder), Parts()
    with (
        patch.object(model, "encode", parts.timed(model.encode, "encode")),
        patch.object(model, "decode", parts.timed(model.decode, "decode")),
    ):
        for record in records:
            sample = load_sample(record, images, side=side, stride=model.stride, with_masks=True)
            prompts = model_prompts(record, sample.frame)
            embedding = model.encode([sample.pixels])
            encoding.append(parts.take()["encode"])
            for way, counted in ways.items():
                with counted():
                    scores[way].append(score_image(model, embedding, sample, prompts))
                decoding[way].append(parts.take()["decode"])
    return [row_of(side, way, scores[way], median(encoding), median(decoding[way])) for way in ways]


@contextmanager
def positions_by(whole, model):
    """Locate cells and points as shares of `whole` px, not of the model's side."""
    stride = model.stride
    by_side = decoder._cell_position

    def cell_position(position_encoder, *, size):
        # The first cells of a map that covers the whole.
        cells = whole // stride
        encoded = by_side(position_encoder, size=cells).unflatten(0, (cells, cells))
        return encoded[:size, :size].flatten(0, 1)

    with (
        patch.object(decoder, "_cell_position", cell_position),
        patch.object(model.prompt_encoder, "input_image_size", whole),
    ):
        yield


def row_of(side, way, images, encode, decode):
    """Give one line of the table, and print it."""
    scores = Scores(tuple(images))
    row = {
        "side": side,
        "positions": way,
        "images": len(images),
        "objects": len(scores.instances),
        "iou": round(scores.mean("iou"), 4),
        "f1": round(scores.mean("f1"), 4),
        "overlap": round(scores.overlap, 4),
        "encode_s": encode,
        "decode_s": decode,
        "threads": torch.get_num_threads(),
    }
    percent = "".join(f"{100 * row[metric]:11.1f}" for metric in METRICS)
    print(f"{side:>11}{way:>11}{percent}{encode:>11.2f}{decode:>11.2f}", flush=True)
    return row


if __name__ == "__main__":
    main()
