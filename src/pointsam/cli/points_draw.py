"""``pointsam points draw``: draws fixed points from masks."""

import argparse
from dataclasses import replace
from pathlib import Path

from pointsam.data.clicks.simulated import Annotator, click_image
from pointsam.data.coco.annotations import read_coco, write_points
from pointsam.errors import InputError
from pointsam.files import refuse_existing_file
from pointsam.progress import Bar


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "draw",
        help="draw points from masks, as an annotator would click them",
        description=(
            "Draw fixed points from masks, once: training and evaluation then read the file. "
            "The points of an instance depend on the seed and its annotation id alone, and fewer "
            "points are the first of more. Negatives lie off every object of the image if there "
            "is room, else off their own object."
        ),
        epilog=(
            "example: pointsam points draw --annotations masks.json --output points_1.json "
            "--positives 1 --negatives 1 --seed 1337"
        ),
    )
    parser.add_argument(
        "--annotations", type=Path, required=True, metavar="FILE", help="COCO instance masks"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="new point file")
    parser.add_argument(
        "--positives", type=int, default=1, metavar="N", help="on each object (default: 1)"
    )
    parser.add_argument(
        "--negatives", type=int, default=1, metavar="N", help="off each object (default: 1)"
    )
    parser.add_argument("--seed", type=int, default=1337, help="(default: %(default)s)")
    _add_annotator(parser.add_argument_group("how the simulated annotator clicks"))
    parser.set_defaults(run=run)


def _add_annotator(annotator: "argparse._ArgumentGroup") -> None:
    annotator.add_argument(
        "--placement",
        default="uniform",
        help="of the positives: uniform, centre, near-centre or boundary (default: %(default)s)",
    )
    annotator.add_argument(
        "--missed", type=float, default=0.0, metavar="SHARE", help="objects without points, 0 to 1"
    )
    annotator.add_argument(
        "--misplaced",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="positives that land just off their object, 0 to 1",
    )


def run(args: argparse.Namespace) -> int:
    """Draw."""
    annotator = Annotator(
        args.positives, args.negatives, args.placement, args.missed, args.misplaced
    )
    refuse_existing_file(args.output)
    masks = read_coco(args.annotations)
    if not masks.instance_count:
        raise InputError(f"{args.annotations} holds no masks to click on.")
    images = tuple(
        click_image(image, annotator, seed=args.seed)
        for image in Bar(masks.images, desc="drawing", unit="image", delay=2, leave=False)
    )
    points = replace(masks, images=images)
    write_points(points, args.output)
    for line in masks.dropped:
        print(f"dropped: {line}")
    missed = masks.instance_count - points.instance_count
    print(
        f"{args.output}: points of {points.instance_count} instances in {len(images)} images"
        + (f", {missed} missed on purpose" if missed else "")
    )
    return 0
