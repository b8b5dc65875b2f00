"""``pointsam evaluate``: a model, masks and fixed points in, scores out."""

import argparse
import platform
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from pointsam.cli.arguments import (
    add_model_arguments,
    add_skip_broken,
    open_model,
    readable_images,
    refuse_options,
)
from pointsam.cli.click_files import POINTS_HELP, add_click_arguments, open_clicks, say
from pointsam.cli.display import refuse_other_stretch
from pointsam.cli.score_files import print_table, write_scores
from pointsam.data.coco.annotations import pair, read_coco
from pointsam.data.coco.pairing import off_their_masks
from pointsam.data.records import Dataset
from pointsam.errors import InputError
from pointsam.evaluation.masks import Scores, evaluate, paired_records, score_given
from pointsam.files import new_folder, refuse_existing, sha256_of
from pointsam.prediction.predictor import usual_base
from pointsam.progress import Bar


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "evaluate",
        help="score a model or an adapter on fixed points",
        description=(
            "Score a model or an adapter on fixed points and annotated masks. "
            "IoU, F1, precision and recall are means over the instances of an image, then over "
            "images; images without instances are no part of them, and an empty mask scores 0. "
            "The output folder holds scores.json (in percent), scores.csv (a row an image) and "
            "instances.csv (a row an instance). Several point files share one pass over the "
            "images; each then gets a sub-folder of its own name. With --masks, masks of a file "
            "are scored in place of a model's: those of 'pointsam label' or of any other method."
        ),
        epilog=(
            "example: pointsam evaluate --images NWPU/Images --annotations NWPU_instances_val.json "
            "--points NWPU_points_val_1.json --adapter runs/nwpu --output scores"
        ),
    )
    files = parser.add_argument_group("files")
    files.add_argument(
        "--images", type=Path, metavar="DIR", help="folder the file names are in; not for --masks"
    )
    files.add_argument(
        "--annotations", type=Path, required=True, metavar="FILE", help="COCO instance masks"
    )
    files.add_argument(
        "--points",
        type=Path,
        action="append",
        metavar="FILE",
        help=f"{POINTS_HELP}; with the annotation ids, may be given several times",
    )
    add_click_arguments(files)
    files.add_argument(
        "--masks",
        type=Path,
        metavar="FILE",
        help="score these COCO masks, under the same annotation ids; a missing mask scores 0",
    )
    files.add_argument(
        "--with-boxes",
        action="store_true",
        help="prompt with the boxes that the point file carries beside its points",
    )
    files.add_argument(
        "--output",
        "-o",
        type=Path,
        required=True,
        metavar="DIR",
        help="new folder for the scores",
    )
    add_skip_broken(files)
    add_model_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate."""
    refuse_existing(args.output)
    if args.masks is not None:
        return _score_given(args)
    if args.images is None or not args.points:
        raise InputError("a model is scored on images and clicks: give --images and --points.")
    refuse_other_stretch(args.images, args.adapter)
    folders = _folders(args.points)
    datasets = _read_data(args)
    rows = paired_records(datasets)
    model = open_model(args)
    scored = list(
        Bar(
            evaluate(
                model,
                rows,
                args.images,
                precision=args.precision,
                with_boxes=args.with_boxes,
            ),
            total=len(rows),
            desc="evaluating",
            unit="image",
        )
    )
    results = [Scores(tuple(images)) for images in zip(*scored, strict=True)]
    with new_folder(args.output) as output:
        for folder, points, data, scores in zip(
            folders, args.points, datasets, results, strict=True
        ):
            (output / folder).mkdir(exist_ok=True)
            write_scores(scores, output / folder, _origin(args, points, data, scores, model.side))
    print_table([path.name for path in args.points], results)
    dropped = sum(len(data.dropped) for data in datasets)
    listed = f" ({dropped} things were dropped: scores.json names them)" if dropped else ""
    print(f"scores: {args.output}{listed}")
    return 0


def _score_given(args: argparse.Namespace) -> int:
    """Score the masks of a file."""
    for_models = ("images", "points", "model", "adapter", "side", "cache")
    refuse_options(args, dict.fromkeys(for_models), "scores of a model")
    truth, given = read_coco(args.annotations), read_coco(args.masks)
    by_name = {image.file_name: image for image in given.images}
    found = {i.id: by_name[i.file_name] for i in truth.images if i.file_name in by_name}
    scores = Scores(tuple(score_given(truth.images, found)))
    if not scores.images:
        raise InputError("no image has an instance with a mask: there is nothing to score.")
    files = {"annotations": args.annotations, "masks": args.masks}
    with new_folder(args.output) as output:
        write_scores(
            scores,
            output,
            {
                "inputs": {
                    name: {"file": path.name, "sha256": sha256_of(path)}
                    for name, path in files.items()
                },
                "dropped": [*truth.dropped, *given.dropped],
                "versions": {"pointsam": version("pointsam")},
            },
        )
    print_table([args.masks.name], [scores])
    print(f"scores: {args.output}")
    return 0


def _folders(points: list[Path]) -> list[str]:
    """Name the folder of each point file's scores, inside the output folder."""
    if len(points) == 1:
        return ["."]
    names = [path.stem for path in points]
    if len(set(names)) < len(names):
        raise InputError(f"--points: {', '.join(names)} are not all different names.")
    return names


def _read_data(args: argparse.Namespace) -> list[Dataset]:
    """Read masks and points, pair them, and look at every image once."""
    masks = read_coco(args.annotations)
    datasets = [pair(masks, open_clicks(args, path).read(args.images)) for path in args.points]
    for path, data in zip(args.points, datasets, strict=True):
        say((), [f"{path}: {line}" for line in (*data.notes, *_off_their_masks(data))])
    # Images without instances are not scored, so nobody needs to have them.
    scored = replace(masks, images=tuple(i for i in masks.images if i.instances), dropped=())
    readable = readable_images(scored, args.images, skip_broken=args.skip_broken)
    kept = {image.file_name for image in readable.images}
    return [
        replace(
            data,
            images=tuple(image for image in data.images if image.file_name in kept),
            dropped=(*data.dropped, *readable.dropped),
        )
        for data in datasets
    ]


def _off_their_masks(data: Dataset) -> list[str]:
    """Say which share of the positive points are not on the mask that they are paired with."""
    off, whole = off_their_masks(data)
    if not off:
        return []
    share = 100 * off / whole
    return [
        f"{off} of {whole} positive points ({share:.1f} %) lie off the mask of their own id: "
        "are points and masks of one data set?"
    ]


def _origin(
    args: argparse.Namespace, points: Path, data: Dataset, scores: Scores, side: int
) -> dict[str, Any]:
    """Say what the scores were made of, so that the same can be made again."""
    inputs = {"annotations": args.annotations, "points": points}
    if args.adapter is not None:
        inputs["adapter"] = args.adapter / "adapter_model.safetensors"
    return {
        "settings": {
            "model": args.model or usual_base(args.adapter),
            "side": side,
            "precision": args.precision,
            "prompt": "boxes" if args.with_boxes else "points",
            "device": args.device,
            "threads": torch.get_num_threads(),
        },
        "inputs": {
            name: {"file": path.name, "sha256": sha256_of(path)} for name, path in inputs.items()
        },
        "dropped": list(data.dropped),
        "versions": {name: version(name) for name in ("pointsam", "torch", "transformers", "numpy")}
        | {"python": platform.python_version()},
    }
