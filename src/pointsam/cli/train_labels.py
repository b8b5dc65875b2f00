"""``pointsam train`` on labels: masks made of all clicks first, or given."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from pointsam.cli.label import reading
from pointsam.errors import InputError
from pointsam.labelling.consensus import Reading
from pointsam.training.label_stage import on_labels, with_labels
from pointsam.training.run import RunInputs
from pointsam.training.settings import TrainSettings


def add_label_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of the regime ``labels``."""
    labels = parser.add_argument_group("labels", "for --regime labels, the default")
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


@dataclass(frozen=True)
class LabelChoice:
    """Given labels, or the options for making them."""

    file: Path | None
    readings: dict[str, Reading]
    """By class."""

    @classmethod
    def parse(cls, args: argparse.Namespace) -> "LabelChoice":
        """Read the arguments of `add_label_arguments`.

        Raises:
            InputError: given labels together with options for making them.
        """
        if args.labels is not None and args.reading:
            raise InputError(
                "--reading says how to make labels, --labels gives finished ones: leave one out."
            )
        return cls(args.labels, dict(args.reading))


def labelled(choice: LabelChoice, inputs: RunInputs, settings: TrainSettings) -> RunInputs:
    """Add the labels that were given, or make them; other regimes need none.

    Raises:
        InputError: labels of other clicks, or an option without effect.
    """
    if settings.regime != "labels":
        if choice != LabelChoice(None, {}):
            raise InputError("--labels and --reading are for --regime labels alone.")
        return inputs
    with inputs.ranks.agreeing():
        if choice.file is not None:
            return on_labels(inputs, choice.file)
        return with_labels(inputs, settings, readings=choice.readings)
