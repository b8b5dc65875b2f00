"""``pointsam label``: turns clicks into masks that agree with each other."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pointsam.cli.arguments import (
    ModelChoice,
    add_model_arguments,
)
from pointsam.cli.click_files import POINTS_HELP, add_click_arguments, parse_clicks, read_clicks
from pointsam.cli.image_files import add_skip_broken, readable_images
from pointsam.cli.label_scene import (
    SceneLabelling,
    add_scene_arguments,
    clicked_chips,
    write_layers,
)
from pointsam.cli.sources import ADDRESS_HELP, add_source_arguments, parse_given
from pointsam.data.clicks.formats import ClickFile
from pointsam.data.dataset import ImageSource, folder_images, hash_of_images
from pointsam.data.rasters.stretching import key_entry
from pointsam.data.records import Dataset
from pointsam.data.scene_chips import SceneChips
from pointsam.errors import InputError
from pointsam.files import refuse_existing, sha256_of
from pointsam.labelling.consensus import Reading
from pointsam.labelling.labels import Labelling
from pointsam.labelling.looks import Looks
from pointsam.labelling.output import LABELS_NAME, SHEET_NAME
from pointsam.labelling.run import label_clicks
from pointsam.models.adapters.lora import adapter_hash
from pointsam.models.loading.checkpoints import base_hash
from pointsam.prediction.predictor import Predictor


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "label",
        help="turn clicks into masks that agree with each other",
        description=(
            "Turn clicks into instance masks, without training. Each click has several candidate "
            "masks, from the whole image and from closer looks. The choice among them makes the "
            "masks of a class agree in size and shape, and contradicts no other click. "
            "The output folder holds labels.json (COCO masks under the ids of the clicks, each "
            "with its trust and the reasons against it) and sheet.png (the most doubtful labels, "
            "worst first); of scenes, polygons on the map, too."
        ),
        epilog=(
            "example: pointsam label --images Images --points clicks.json --output labels "
            "--reading ground_track_field=larger"
        ),
    )
    _add_files(parser.add_argument_group("files"))
    _add_choice(parser.add_argument_group("choice"))
    add_scene_arguments(parser)
    add_source_arguments(parser)
    add_model_arguments(parser)
    parser.set_defaults(run=run)


def _add_files(files: "argparse._ArgumentGroup") -> None:
    files.add_argument(
        "--images",
        required=True,
        metavar="DIR",
        help=f"folder the file names are in, or a scene: a file, {ADDRESS_HELP}",
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
    choice.add_argument(
        "--no-turn",
        dest="turned",
        action="store_false",
        help="decode the image as it is alone, not rotated by 90 degrees as well: half the time, "
        "slightly worse masks",
    )


def reading(text: str) -> tuple[str, Reading]:
    """Read ``CLASS=larger`` or ``CLASS=smaller``."""
    name, _, value = text.rpartition("=")
    if not name or value not in ("larger", "smaller"):
        raise argparse.ArgumentTypeError(f"{text!r}: give CLASS=larger or CLASS=smaller")
    return name, "larger" if value == "larger" else "smaller"


def one_each(given: Sequence[tuple[str, Reading]]) -> dict[str, Reading]:
    """Give the reading of each class that was named.

    Raises:
        InputError: one class has two.
    """
    readings: dict[str, Reading] = dict(given)
    for name, value in given:
        if readings[name] != value:
            raise InputError(f"--reading {name}: given as larger and as smaller; give one of them.")
    return readings


def run(args: argparse.Namespace) -> int:
    """Label."""
    if not args.resume:
        refuse_existing(args.output)
    choice = ModelChoice.parse(args)
    images, points = parse_given(args, args.images), parse_clicks(args)
    scenes = SceneLabelling.parse(args, images, on_map=points.on_map)
    asked = Asked(
        images, points, args.output, one_each(args.reading), Looks(args.closer, args.turned)
    )
    if scenes is not None:
        return _label_scenes(asked, scenes, choice)
    data = read_clicks(points, images, skip_broken=args.skip_broken)
    data = readable_images(data, images, skip_broken=args.skip_broken)
    sources = {
        points.path.name: sha256_of(points.path),
        "images": hash_of_images(data, images),
    }
    _label(asked, choice.open(images=images), choice, data, folder_images(images), sources)
    return 0


@dataclass(frozen=True)
class Asked:
    """What is labelled, how, and where the labels go."""

    images: Path
    points: ClickFile
    output: Path
    readings: dict[str, Reading]
    looks: Looks


def _label_scenes(asked: Asked, scenes: SceneLabelling, choice: ModelChoice) -> int:
    """Label the clicks on scenes, chip by chip, and write them as layers of a map, too."""
    predictor = choice.open(images=None)
    clicked = clicked_chips(asked.images, asked.points, scenes, choice, side=predictor.model.side)
    labelling = _label(asked, predictor, choice, clicked.data, clicked.chips, clicked.sources)
    for path in write_layers(labelling, clicked, scenes, choice, asked.output):
        print(f"layer: {path}")
    return 0


def _label(
    asked: Asked,
    predictor: Predictor,
    choice: ModelChoice,
    data: Dataset,
    images: ImageSource,
    sources: Mapping[str, str],
) -> Labelling:
    """Label, and say where the labels are."""
    model = predictor.model
    # Images of a folder are named by their bytes, which hold their stretch.
    stretch = images.stretch if isinstance(images, SceneChips) else None
    labelling = label_clicks(
        model,
        data,
        images,
        asked.output,
        key={
            "sources": dict(sources),
            "base": base_hash(model) if choice.adapter is None else None,
            "adapter": adapter_hash(model),
            **key_entry(stretch),
        },
        readings=asked.readings,
        looks=asked.looks,
        precision=predictor.precision,
    )
    accepted = labelling.choice.accepted
    print(
        f"labels: {asked.output / LABELS_NAME}: {accepted.sum()} of {len(accepted)} accepted; "
        f"look at {asked.output / SHEET_NAME} for the others"
    )
    return labelling
