"""``pointsam train`` on labels: masks made of all clicks first, or given."""

import argparse
from pathlib import Path

from pointsam.cli.label import reading
from pointsam.errors import InputError
from pointsam.training.label_stage import on_labels, with_labels
from pointsam.training.run import RunInputs
from pointsam.training.settings import TrainSettings


def add_label_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what the regime ``labels`` takes."""
    labels = parser.add_argument_group("labels", "for --regime labels, the usual one")
    labels.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="labels.json of 'pointsam label' for the same points; made in a folder beside the "
        "output if not given",
    )
    labels.add_argument(
        "--reading",
        action="append",
        default=[],
        type=reading,
        metavar="CLASS=larger|smaller",
        help="say of a class whether the whole or the part is meant (repeatable)",
    )


def labelled(args: argparse.Namespace, inputs: RunInputs, settings: TrainSettings) -> RunInputs:
    """Add the labels that were given, or make them; other regimes need none.

    Raises:
        InputError: labels of other clicks, or an option that would say nothing.
    """
    if settings.regime != "labels":
        if args.labels is not None or args.reading:
            raise InputError("--labels and --reading are for --regime labels alone.")
        return inputs
    if args.labels is not None and args.reading:
        raise InputError("--reading says how to label, and --labels are made: leave one out.")
    with inputs.ranks.agreeing():
        if args.labels is not None:
            return on_labels(inputs, args.labels)
        return with_labels(inputs, settings, readings=dict(args.reading))
