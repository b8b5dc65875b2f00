"""``pointsam evaluate``: scores a model on masks and fixed points."""

import argparse
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from pointsam.cli.arguments import (
    MODEL_OPTIONS,
    ModelChoice,
    add_model_arguments,
    refuse_options,
)
from pointsam.cli.click_files import POINTS_HELP, add_click_arguments, parse_clicks, say
from pointsam.cli.image_files import add_skip_broken, readable_images
from pointsam.cli.score_files import print_table, write_scores
from pointsam.data.clicks.formats import ClickFile
from pointsam.data.clicks.transparent import without_transparent
from pointsam.data.coco.annotations import pair, read_coco
from pointsam.data.coco.pairing import given_masks, note_of_clicks_off
from pointsam.data.records import Dataset, ImageRecord
from pointsam.errors import InputError
from pointsam.evaluation.masks import Scores, evaluate, paired_records, score_given
from pointsam.files import new_folder, refuse_existing, sha256_of
from pointsam.models.adapters.listing import WEIGHTS_NAME
from pointsam.prediction.predictor import Predictor
from pointsam.progress import Bar

PREDICTION_OPTIONS = (
    "images",
    "points",
    "negative",
    "layer",
    "with_boxes",
    "skip_broken",
    *MODEL_OPTIONS,
)
"""Options without effect on masks that are given."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "evaluate",
        help="score a model or an adapter on fixed points",
        description=(
            "Score a model or an adapter on fixed points and annotated masks. "
            "IoU, F1, precision and recall are means over the instances of an image, then over "
            "images; images without instances do not count, and an empty mask scores 0. "
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
    _add_files(parser.add_argument_group("files"))
    add_model_arguments(parser)
    parser.set_defaults(run=run)


def _add_files(files: "argparse._ArgumentGroup") -> None:
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


@dataclass(frozen=True)
class Scoring:
    """The model to score, its images and clicks, and the output folder."""

    model: ModelChoice
    images: Path
    annotations: Path
    points: Mapping[str, ClickFile]
    """By the folder of their scores, inside the output folder."""
    with_boxes: bool
    skip_broken: bool
    output: Path

    @classmethod
    def parse(cls, args: argparse.Namespace) -> "Scoring":
        """Read the arguments.

        Raises:
            FileNotFoundError: no such file of clicks.
            InputError: an option is missing, or its value is out of range.
        """
        if args.images is None or not args.points:
            raise InputError("a model is scored on images and clicks: give --images and --points.")
        model = ModelChoice.parse(args)
        refuse_existing(args.output)
        folders = _folders(args.points)
        clicks = [parse_clicks(args, path) for path in args.points]
        return cls(
            model=model,
            images=args.images,
            annotations=args.annotations,
            points=dict(zip(folders, clicks, strict=True)),
            with_boxes=args.with_boxes,
            skip_broken=args.skip_broken,
            output=args.output,
        )


def run(args: argparse.Namespace) -> int:
    """Evaluate."""
    if args.masks is not None:
        refuse_options(args, PREDICTION_OPTIONS, "scores of a model")
        refuse_existing(args.output)
        return _score_given(args.annotations, args.masks, args.output)
    asked = Scoring.parse(args)
    datasets = _read_data(asked)
    predictor = asked.model.open(images=asked.images)
    results = _score(asked, datasets, predictor)
    _write(asked, datasets, results, predictor)
    print_table([one.path.name for one in asked.points.values()], results)
    dropped = sum(len(data.dropped) for data in datasets)
    listed = f" ({dropped} things were dropped: scores.json names them)" if dropped else ""
    print(f"scores: {asked.output}{listed}")
    return 0


def _score(asked: Scoring, datasets: Sequence[Dataset], predictor: Predictor) -> list[Scores]:
    """Score the model on every file of clicks, in one pass over the images."""
    rows = paired_records(datasets)
    scored = evaluate(
        predictor.model,
        rows,
        asked.images,
        precision=predictor.precision,
        with_boxes=asked.with_boxes,
    )
    images = list(Bar(scored, total=len(rows), desc="evaluating", unit="image"))
    return [Scores(tuple(of_one)) for of_one in zip(*images, strict=True)]


def _write(
    asked: Scoring, datasets: Sequence[Dataset], results: Sequence[Scores], predictor: Predictor
) -> None:
    """Write the scores of every file of clicks, with their settings and input files."""
    files = {"annotations": asked.annotations}
    if asked.model.adapter is not None:
        files["adapter"] = asked.model.adapter / WEIGHTS_NAME
    with new_folder(asked.output) as output:
        for (folder, clicks), data, scores in zip(
            asked.points.items(), datasets, results, strict=True
        ):
            (output / folder).mkdir(exist_ok=True)
            origin = {
                "settings": _settings(asked.model, predictor, with_boxes=asked.with_boxes),
                "inputs": _inputs(files | {"points": clicks.path}),
                "dropped": list(data.dropped),
                "versions": _versions(),
            }
            write_scores(scores, output / folder, origin)


def _score_given(annotations: Path, masks: Path, output: Path) -> int:
    """Score the masks of a file."""
    truth, given = read_coco(annotations), read_coco(masks)
    found, notes = given_masks(truth, given, file=masks.name)
    say(given.dropped, notes)
    scores = Scores(tuple(score_given(truth.images, found)))
    if not scores.images:
        raise InputError("no image has an instance with a mask: there is nothing to score.")
    origin = {
        "inputs": _inputs({"annotations": annotations, "masks": masks}),
        "dropped": [*truth.dropped, *given.dropped],
        "versions": {"pointsam": version("pointsam")},
    }
    with new_folder(output) as folder:
        write_scores(scores, folder, origin)
    print_table([masks.name], [scores])
    print(f"scores: {output}")
    return 0


def _folders(points: list[Path]) -> list[str]:
    """Give the folder of each point file's scores, inside the output folder."""
    if len(points) == 1:
        return ["."]
    names = [path.stem for path in points]
    if len(set(names)) < len(names):
        raise InputError(f"--points: {', '.join(names)} are not all different names.")
    return names


def _read_data(asked: Scoring) -> list[Dataset]:
    """Read masks and points, pair them, and check every image once."""
    masks = read_coco(asked.annotations)
    datasets = [_paired(masks, one, asked) for one in asked.points.values()]
    for one, data in zip(asked.points.values(), datasets, strict=True):
        say((), [f"{one.path}: {line}" for line in (*data.notes, *note_of_clicks_off(data))])
    # Images without instances are not scored, so they may be missing.
    scored = replace(masks, images=tuple(i for i in masks.images if i.instances), dropped=())
    readable = readable_images(scored, asked.images, skip_broken=asked.skip_broken)
    kept = {image.file_name for image in readable.images}
    for data in datasets:
        _refuse_transparent([image for image in data.images if image.file_name in kept], asked)
    return [
        replace(
            data,
            images=tuple(image for image in data.images if image.file_name in kept),
            dropped=tuple(dict.fromkeys((*data.dropped, *readable.dropped))),
        )
        for data in datasets
    ]


def _paired(masks: Dataset, clicks: ClickFile, asked: Scoring) -> Dataset:
    """Give the masks their points, but for images that are skipped."""
    points = clicks.read(asked.images, skip_broken=asked.skip_broken)
    kept = tuple(image for image in masks.images if image.file_name not in clicks.broken)
    return pair(replace(masks, images=kept), points)


def _refuse_transparent(records: Iterable[ImageRecord], asked: Scoring) -> None:
    """Refuse points on transparent pixels: no model sees what is clicked there."""
    for record in records:
        _, lines = without_transparent(record, asked.images)
        if lines:
            raise InputError(f"{lines[0]}: take it out of points and masks.")


def _settings(choice: ModelChoice, predictor: Predictor, *, with_boxes: bool) -> dict[str, Any]:
    """Give the settings of the model, with which the run can be repeated."""
    return {
        "model": choice.base,
        "side": predictor.model.side,
        "precision": predictor.precision,
        "prompt": "boxes" if with_boxes else "points",
        "device": choice.device,
        "threads": torch.get_num_threads(),
    }


def _inputs(files: Mapping[str, Path]) -> dict[str, Any]:
    """Give the input files of the scores with their hashes."""
    return {name: {"file": path.name, "sha256": sha256_of(path)} for name, path in files.items()}


def _versions() -> dict[str, str]:
    libraries = ("pointsam", "torch", "transformers", "numpy")
    return {name: version(name) for name in libraries} | {"python": platform.python_version()}
