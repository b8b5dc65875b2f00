"""``pointsam boxes``: oriented boxes of masks, their scores, and points for their benchmark."""

import argparse
import json
import math
from dataclasses import asdict
from pathlib import Path

from pointsam.cli.arguments import refuse_options
from pointsam.data.clicks.vector_points import looks_like_vector
from pointsam.data.coco.annotations import pair, read_coco, read_points, write_points
from pointsam.data.prepare.oriented_boxes import (
    centres,
    read_boxes,
    read_dota,
    read_scores,
    write_boxes,
)
from pointsam.errors import InputError
from pointsam.evaluation.box_scores import BoxScores, score_boxes
from pointsam.files import new_folder, refuse_existing, refuse_existing_file
from pointsam.prediction.boxes import Trim, boxes_of
from pointsam.prediction.scenes.boxes import write_boxes_of

SCORES_NAME = "box_scores.json"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "boxes",
        help="oriented boxes of masks, and their scores",
        description="Turn masks into oriented boxes and score them. DOTA's text files, COCO and "
        "GeoPackage are read and written.",
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    _add_make(actions)
    _add_evaluate(actions)
    _add_points(actions)


def _add_make(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = actions.add_parser(
        "make",
        help="draw the smallest rectangle around each mask",
        description="Draw the smallest rectangle, at any angle, around each mask. COCO masks give "
        "boxes.json (COCO, the corners as segmentation) and labelTxt/ (DOTA); polygons of a scene "
        "(.gpkg) give one GeoPackage. Corners are counted from pixel edges.",
    )
    parser.add_argument(
        "--masks", type=Path, required=True, help="COCO masks, or a scene's instances.gpkg"
    )
    parser.add_argument("--points", type=Path, help="point file; says which part of a mask counts")
    parser.add_argument(
        "--output", "-o", type=Path, required=True, help="new folder; of a scene, new .gpkg file"
    )
    parser.add_argument(
        "--trim-bridges",
        type=float,
        metavar="PX",
        help="first cut masks where they are thinner than this",
    )
    parser.add_argument(
        "--one-part",
        action="store_true",
        help="keep only the part of a mask that was clicked, or the largest",
    )
    parser.set_defaults(run=run_make)


def _add_evaluate(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = actions.add_parser(
        "evaluate",
        help="score boxes against the truth",
        description="Score boxes: AP50 as DOTA's devkit defines it (eleven points, a mean over "
        "classes), and the mean IoU of each object with the box of its id.",
    )
    for name, what in (("truth", "true"), ("boxes", "found")):
        parser.add_argument(
            f"--{name}",
            type=Path,
            required=True,
            help=f"{what} boxes: a folder of DOTA label files, or boxes.json",
        )
    parser.add_argument("--output", "-o", type=Path, help=f"new folder for {SCORES_NAME}")
    parser.set_defaults(run=run_evaluate)


def _add_points(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = actions.add_parser(
        "points",
        help="make a point file of box centres",
        description="Make a point file of the centres of DOTA's boxes: the input of the "
        "point-to-box benchmark.",
    )
    parser.add_argument("--labels", type=Path, required=True, help="folder of DOTA label files")
    parser.add_argument("--images", type=Path, required=True, help="folder of the images")
    parser.add_argument("--output", "-o", type=Path, required=True, help="new point file")
    parser.set_defaults(run=run_points)


def run_make(args: argparse.Namespace) -> int:
    """Draw boxes."""
    bridge = 0.0 if args.trim_bridges is None else args.trim_bridges
    if not 0 <= bridge < math.inf:
        raise InputError(f"--trim-bridges {bridge}: give a width in pixels, or 0.")
    if looks_like_vector(args.masks):
        refuse_options(args, ("trim_bridges", "one_part", "points"), "COCO masks")
        if args.output.suffix.lower() != ".gpkg":
            raise InputError(f"--output {args.output}: boxes of a scene are a new .gpkg file.")
        print(f"{write_boxes_of(args.masks, args.output)} boxes: {args.output}")
        return 0
    trim = Trim(bridge=bridge, one_part=args.one_part)
    if trim == Trim():
        refuse_options(args, ("points",), "--one-part and --trim-bridges")
    refuse_existing(args.output)
    masks = read_coco(args.masks)
    data = pair(masks, read_points(args.points)) if args.points else masks
    images, empty = boxes_of(data.images, scores=read_scores(args.masks), trim=trim)
    write_boxes(images, args.output)
    for line in data.dropped:
        print(f"dropped: {line}")
    count = sum(len(image.boxes) for image in images)
    print(f"{count} boxes of {len(images)} images, {empty} masks were empty: {args.output}")
    return 0


def run_evaluate(args: argparse.Namespace) -> int:
    """Score boxes."""
    if args.output:
        refuse_existing(args.output)
    scores = score_boxes(read_boxes(args.truth), read_boxes(args.boxes))
    if args.output:
        with new_folder(args.output) as folder:
            (folder / SCORES_NAME).write_text(json.dumps(asdict(scores), indent=1))
    print(_table(scores))
    return 0


def run_points(args: argparse.Namespace) -> int:
    """Make a point file."""
    refuse_existing_file(args.output)
    data = centres(read_dota(args.labels), args.images)
    write_points(data, args.output)
    for line in data.dropped:
        print(f"dropped: {line}")
    print(f"{data.instance_count} points of {len(data.images)} images: {args.output}")
    return 0


def _table(scores: BoxScores) -> str:
    """Lay the scores out, in percent."""
    width = max(len(name) for name in [*scores.ap50, "all classes"])
    lines = [f"{'':<{width}}   AP50    mIoU"]
    lines += [
        f"{name:<{width}}  {100 * ap:5.1f}   {100 * scores.iou[name]:5.1f}"
        for name, ap in scores.ap50.items()
    ]
    mean = f"{100 * scores.mean_ap50:5.1f}   {100 * scores.mean_iou:5.1f}"
    lines.append(f"{'all classes':<{width}}  {mean}")
    lines.append(f"{scores.objects} objects, {scores.missing} without a box of their id")
    return "\n".join(lines)
