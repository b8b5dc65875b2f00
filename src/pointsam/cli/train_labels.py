"""``pointsam train`` on labels: masks made of all clicks first, or given."""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

from pointsam.cli.click_files import say
from pointsam.cli.label import one_each, reading
from pointsam.data.coco.pairing import note_of_clicks_off, refuse_masks_of_others
from pointsam.data.records import Dataset
from pointsam.errors import InputError
from pointsam.labelling.consensus import Reading
from pointsam.labelling.former import with_masks
from pointsam.training.label_stage import make_labels
from pointsam.training.rounds import refuse_rounds_there, train_in_rounds
from pointsam.training.run import RunInputs, run_training
from pointsam.training.settings import TrainSettings
from pointsam.training.verdict import Verdict


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
        "--rounds",
        type=int,
        metavar="N",
        help="label this often (1, if not given): from the second time on with masks of the model "
        "that was just trained; 'rounds.start=last' trains its adapter on",
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
        return cls(args.labels, one_each(args.reading))


def train(
    choice: LabelChoice,
    inputs: RunInputs,
    settings: TrainSettings,
    *,
    resume: bool,
    save_every: int,
) -> Verdict | None:
    """Train; on labels, in rounds, where the regime is so: on those that were given, or made now.

    Raises:
        InputError: labels of other clicks, or an option without effect.
    """
    if settings.regime != "labels":
        if choice != LabelChoice(None, {}):
            raise InputError("--labels and --reading are for --regime labels alone.")
        if settings.rounds.count > 1:
            raise InputError("--rounds is for --regime labels alone: other regimes label in steps.")
        return run_training(inputs, settings, resume=resume, save_every=save_every)
    with inputs.ranks.agreeing():
        if not resume:
            refuse_rounds_there(inputs.output, settings)
        if choice.file is not None:
            _check_given(choice.file, inputs)
        labels = choice.file or make_labels(inputs, settings, readings=choice.readings)
    return train_in_rounds(
        inputs,
        labels,
        settings,
        readings=choice.readings,
        resume=resume,
        save_every=save_every,
        tell=print if inputs.ranks.first and settings.rounds.count > 1 else lambda report: None,
    )


def _check_given(labels: Path, inputs: RunInputs) -> None:
    """Say what is dropped of given labels, and refuse those of other objects."""
    found = with_masks(labels, inputs.data, inputs.images)
    accepted = tuple(
        replace(image, instances=tuple(one for one in image.instances if one.weight > 0))
        for image in found.images
    )
    check_masks(labels, inputs.data, replace(found, images=accepted))


def check_masks(file: Path, clicks: Dataset, paired: Dataset) -> None:
    """Say what was dropped and noted when clicks met the masks of a file.

    Raises:
        InputError: most clicks lie off the masks of their ids.
    """
    known = {*clicks.dropped, *clicks.notes}
    say(
        [line for line in paired.dropped if line not in known],
        [line for line in (*paired.notes, *note_of_clicks_off(paired)) if line not in known],
    )
    refuse_masks_of_others(paired, file=file.name)
