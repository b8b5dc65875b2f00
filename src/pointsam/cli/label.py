"""``pointsam label``: images and clicks in, masks that agree with each other out."""

import argparse
from pathlib import Path

from pointsam.cli.arguments import (
    ModelChoice,
    add_model_arguments,
    add_skip_broken,
    readable_images,
)
from pointsam.cli.click_files import POINTS_HELP, add_click_arguments, parse_clicks, read_clicks
from pointsam.cli.display import refuse_other_stretch
from pointsam.data.dataset import folder_images
from pointsam.files import refuse_existing, sha256_of
from pointsam.labelling.consensus import Reading
from pointsam.labelling.output import LABELS_NAME, SHEET_NAME
from pointsam.labelling.run import label_clicks
from pointsam.models.adapters.lora import adapter_hash
from pointsam.models.loading.checkpoints import base_hash


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
    _add_files(parser.add_argument_group("files"))
    _add_choice(parser.add_argument_group("choice"))
    add_model_arguments(parser)
    parser.set_defaults(run=run)


def _add_files(files: "argparse._ArgumentGroup") -> None:
    files.add_argument(
        "--images", type=Path, required=True, metavar="DIR", help="folder the file names are in"
    )
    files.add_argument("--points", type=Path, required=True, metavar="FILE", help=POINTS_HELP)
    add_click_arguments(files)
    files.add_argument(
        "--output", "-o", type=Path, required=True, metavar="DIR", help="new folder for the labels"
    )
    files.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    add_skip_broken(files)


def _add_choice(choice: "argparse._ArgumentGroup") -> None:
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


def reading(text: str) -> tuple[str, Reading]:
    """Read ``CLASS=larger`` or ``CLASS=smaller``."""
    name, _, value = text.rpartition("=")
    if not name or value not in ("larger", "smaller"):
        raise argparse.ArgumentTypeError(f"{text!r}: give CLASS=larger or CLASS=smaller")
    return name, "larger" if value == "larger" else "smaller"


def run(args: argparse.Namespace) -> int:
    """Label."""
    if not args.resume:
        refuse_existing(args.output)
    choice = ModelChoice.parse(args)
    refuse_other_stretch(args.images, choice)
    data = read_clicks(parse_clicks(args), args.images)
    data = readable_images(data, args.images, skip_broken=args.skip_broken)
    predictor = choice.open()
    model = predictor.model
    accepted = label_clicks(
        model,
        data,
        folder_images(args.images),
        args.output,
        key={
            "sources": {args.points.name: sha256_of(args.points)},
            "base": base_hash(model) if choice.adapter is None else None,
            "adapter": adapter_hash(model),
        },
        readings=dict(args.reading),
        closer=args.closer,
        precision=predictor.precision,
    )
    print(
        f"labels: {args.output / LABELS_NAME}: {accepted} of {data.instance_count} accepted; "
        f"look at {args.output / SHEET_NAME} for the others"
    )
    return 0
