"""``pointsam label``: images and clicks in, masks that agree with each other out."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pointsam.cli.arguments import add_model_arguments, add_skip_broken

if TYPE_CHECKING:
    from pointsam.data.records import Dataset
    from pointsam.labelling.consensus import Reading

CANDIDATES_NAME = "candidates"
KEY_NAME = "inputs.json"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "label",
        help="turn clicks into masks that agree with each other",
        description=(
            "Turn clicks into instance masks, without training. Each click has several candidate "
            "masks, from the whole image and from closer looks; of them that is chosen with which "
            "the masks of a class agree in size and shape, and which no other click contradicts. "
            "The output folder holds labels.json (COCO masks under the ids of the clicks, each "
            "with its trust and what speaks against it) and sheet.png (the most doubtful labels, "
            "worst first)."
        ),
        epilog=(
            "example: pointsam label --images Images --points clicks.json --output labels "
            "--reading ground_track_field=larger"
        ),
    )
    files = parser.add_argument_group("files")
    files.add_argument(
        "--images", type=Path, required=True, metavar="DIR", help="folder the file names are in"
    )
    files.add_argument("--points", type=Path, required=True, metavar="FILE", help="point file")
    files.add_argument(
        "--output", "-o", type=Path, required=True, metavar="DIR", help="new folder for the labels"
    )
    files.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    add_skip_broken(files)
    choice = parser.add_argument_group("choice")
    choice.add_argument(
        "--reading",
        action="append",
        default=[],
        type=reading,
        metavar="CLASS=larger|smaller",
        help="say of a class whether the whole or the part is meant (repeatable)",
    )
    choice.add_argument(
        "--no-closer-looks",
        dest="closer",
        action="store_false",
        help="decode in the whole image alone: a third of the time, worse for small objects",
    )
    add_model_arguments(parser)
    parser.set_defaults(run=run)


def reading(text: str) -> "tuple[str, Reading]":
    """Read ``CLASS=larger`` or ``CLASS=smaller``."""
    name, _, value = text.rpartition("=")
    if not name or value not in ("larger", "smaller"):
        raise argparse.ArgumentTypeError(f"{text!r}: give CLASS=larger or CLASS=smaller")
    return name, "larger" if value == "larger" else "smaller"


def run(args: argparse.Namespace) -> int:
    """Label."""
    from pointsam.cli.arguments import open_model, readable_images
    from pointsam.cli.display import refuse_other_stretch
    from pointsam.data.coco.annotations import read_points
    from pointsam.data.dataset import folder_images
    from pointsam.files import refuse_existing
    from pointsam.labelling.labels import choose_labels, gather_candidates
    from pointsam.labelling.output import LABELS_NAME, SHEET_NAME, draw_doubtful, write_labels
    from pointsam.progress import Bar

    readings = dict(args.reading)
    if not args.resume:
        refuse_existing(args.output)
    refuse_other_stretch(args.images, args.adapter)
    data = readable_images(_clicked(read_points(args.points)), args.images,
                           skip_broken=args.skip_broken)  # fmt: skip
    _refuse_unknown(readings, data)
    model = open_model(args)
    _keep_key(args, model.side)
    images = folder_images(args.images)
    folder = args.output / CANDIDATES_NAME
    found = gather_candidates(
        model, data.images, images, folder, closer=args.closer, precision=args.precision
    )
    for _ in Bar(found, total=len(data.images), desc="labelling", unit="image"):
        pass
    labelling = choose_labels(data.images, folder, readings=readings)
    accepted = write_labels(labelling, data.categories, args.output / LABELS_NAME)
    draw_doubtful(labelling, images, args.output / SHEET_NAME)
    print(
        f"labels: {args.output / LABELS_NAME}: {accepted} of {data.instance_count} accepted; "
        f"look at {args.output / SHEET_NAME} for the others"
    )
    return 0


def _clicked(data: "Dataset") -> "Dataset":
    """Leave out images without clicks."""
    from dataclasses import replace

    from pointsam.errors import InputError

    clicked = tuple(image for image in data.images if image.instances)
    if not clicked:
        raise InputError("no image has an instance with a click: there is nothing to label.")
    return replace(data, images=clicked)


def _refuse_unknown(readings: "Mapping[str, Reading]", data: "Dataset") -> None:
    """Refuse a reading of a class that nobody clicked, before an hour is spent."""
    from pointsam.errors import InputError

    clicked = sorted({i.category for image in data.images for i in image.instances})
    for name in readings:
        if name not in clicked:
            raise InputError(
                f"--reading {name}: no click is of that class; there is {', '.join(clicked)}."
            )


def _keep_key(args: argparse.Namespace, side: int) -> None:
    """Write down what the candidates hang on; refuse to go on with those of other inputs.

    Raises:
        InputError: the folder's candidates were made from other clicks, or by another model.
    """
    import json

    from pointsam.errors import InputError
    from pointsam.files import replacing, sha256_of
    from pointsam.prediction.predictor import usual_base

    key = {
        "points": sha256_of(args.points),
        "model": str(args.model or usual_base(args.adapter)),
        "adapter": args.adapter and sha256_of(args.adapter / "adapter_model.safetensors"),
        "side": side,
        "precision": args.precision,
        "closer": args.closer,
    }
    path = args.output / KEY_NAME
    if path.is_file() and json.loads(path.read_text()) != key:
        raise InputError(
            f"{args.output} holds candidates of other clicks, model or settings: go on with those "
            "it began with, or name another --output."
        )
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(key, indent=1))
