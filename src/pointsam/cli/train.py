"""``pointsam train``: images and points in, an adapter folder out."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from pointsam.cli.arguments import (
    add_cache_arguments,
    chosen_device,
    open_cache,
    readable_images,
    set_threads,
)
from pointsam.cli.click_files import POINTS_HELP, add_click_arguments, read_clicks
from pointsam.cli.shrinking import tell_shrunk
from pointsam.cli.train_labels import add_label_arguments, labelled
from pointsam.cli.train_scene import (
    add_scene_arguments,
    on_scenes,
    scene_inputs,
    show_chips,
    show_held_out,
)
from pointsam.data.coco.annotations import pair, read_coco
from pointsam.data.dataset import folder_images, hash_of_images
from pointsam.data.rasters.stretching import FILE_NAME, read_stretch
from pointsam.errors import InputError, in_words
from pointsam.files import refuse_existing, sha256_of
from pointsam.training.collapse_monitor import RunCollapsedError
from pointsam.training.ranks import RankLostError, Ranks, device_of_rank, joined_ranks
from pointsam.training.run import RunInputs, run_training, settle
from pointsam.training.settings import TrainSettings, merged, read_settings, train_settings
from pointsam.training.starting import start_from

SETTING_FLAGS = {
    "regime": "regime",
    "seed": "seed",
    "precision": "precision",
    "model": "model.name",
    "side": "model.side",
    "adapt": "model.adapt",
    "rank": "model.rank",
    "first_block": "model.first_block",
    "checkpointing": "model.checkpointing",
    "chunk_size": "model.chunk_size",
    "batch_size": "data.batch_size",
    "epochs": "schedule.epochs",
    "lr": "schedule.lr",
}
"""Flags that are short for a setting."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "train",
        help="adapt a model to your images from points",
        description=(
            "Adapt a SAM to your images from point labels alone. Masks are made of all clicks "
            "first (OUTPUT-labels), and learned then. The output folder is the adapter: "
            "give it to 'pointsam evaluate' and 'pointsam predict' as --adapter."
        ),
        epilog=(
            "example: pointsam train --images NWPU/Images --points NWPU_points_train_1.json "
            "--output runs/nwpu --epochs 1"
        ),
    )
    _add_files(parser.add_argument_group("files"))
    _add_settings(parser.add_argument_group("settings"))
    add_label_arguments(parser)
    add_scene_arguments(parser)
    _add_machine(parser.add_argument_group("machine"))
    parser.set_defaults(run=run)


def _add_files(files: "argparse._ArgumentGroup") -> None:
    files.add_argument(
        "--images", type=Path, required=True, help="folder the file names are in, or a scene"
    )
    files.add_argument("--points", type=Path, required=True, help=POINTS_HELP)
    add_click_arguments(files)
    files.add_argument(
        "--annotations", type=Path, help="COCO masks; read by --regime supervised alone"
    )
    files.add_argument("--output", type=Path, required=True, help="new adapter folder")
    files.add_argument(
        "--start-from",
        type=Path,
        metavar="DIR",
        help="adapter to train on from; its base, rank and adapted layers stay as they are",
    )
    files.add_argument("--config", type=Path, help="YAML of settings; flags go over it")
    files.add_argument(
        "--skip-broken", action="store_true", help="leave images out that cannot be read"
    )


def _add_settings(settings: "argparse._ArgumentGroup") -> None:
    settings.add_argument(
        "--regime",
        choices=["labels", "pointsam", "self-training", "supervised"],
        help="labels, unless given: masks are made of all clicks first, and learned then; pointsam "
        "and self-training: a teacher makes them in each step; supervised: of --annotations",
    )
    settings.add_argument(
        "--model",
        help="base model: a name ('pointsam models' lists them), a folder or a checkpoint file",
    )
    settings.add_argument("--side", type=int, help="side of the model's input, in pixels")
    settings.add_argument("--epochs", type=float, help="passes over the images, e.g. 0.5")
    settings.add_argument("--lr", type=float, help="learning rate")
    settings.add_argument("--batch-size", type=int, help="images in one step, over all processes")
    settings.add_argument(
        "--adapt",
        nargs="+",
        choices=["query-value", "attention", "mlp", "decoder"],
        help="layers that LoRA changes: in the encoder the queries and values (if not given), all "
        "of attention, or the MLPs; the mask decoder",
    )
    settings.add_argument("--rank", type=int, help="LoRA rank of each adapted layer")
    settings.add_argument("--first-block", type=int, help="first adapted block of the encoder")
    settings.add_argument("--seed", type=int)
    settings.add_argument(
        "--precision",
        choices=["auto", "float32", "bfloat16", "float16"],
        help="auto, if not given: bfloat16 where the machine multiplies it; a resumed run keeps "
        "what it began with",
    )
    settings.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="STAGE.NAME=VALUE",
        help="any other setting, e.g. teacher.max_negatives=0 (repeatable)",
    )


def _add_machine(machine: "argparse._ArgumentGroup") -> None:
    machine.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ...")
    machine.add_argument("--threads", type=int, help="CPU threads; all cores if not given")
    machine.add_argument(
        "--checkpointing",
        action="store_const",
        const=True,
        help="compute adapted blocks twice in place of storing them: less memory, more time",
    )
    machine.add_argument(
        "--chunk-size", type=int, metavar="N", help="instances decoded at once (4 if not given)"
    )
    add_cache_arguments(machine, keeps="the frozen features between passes", precision="float16")
    machine.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    machine.add_argument(
        "--save-every", type=int, default=50, metavar="STEPS", help="steps between saved states"
    )
    machine.add_argument(
        "--patience",
        type=float,
        default=1800.0,
        metavar="SECONDS",
        help="that processes started by torchrun wait for each other before they give one up",
    )


def run(args: argparse.Namespace) -> int:
    """Train, alone or with the other processes that torchrun started."""
    if not args.patience > 0:
        raise InputError(f"--patience {args.patience:g}: give a number of seconds.")
    device = device_of_rank(chosen_device(args.device))
    try:
        with joined_ranks(device, timeout=args.patience) as ranks:
            return _train(args, device, ranks)
    except RankLostError as error:
        print(f"pointsam: stopped: {error}.", file=sys.stderr)
        return 1


def _train(args: argparse.Namespace, device: str, ranks: Ranks) -> int:

    if args.save_every < 1:
        raise InputError(f"--save-every {args.save_every}: give at least 1 step.")
    set_threads(args.threads)
    with ranks.agreeing():
        if not args.resume:
            refuse_existing(args.output)  # before every image is looked at
        start = start_from(args.start_from) if args.start_from else None
        values = _settings(args, {} if start is None else start.settings())
        settings = train_settings(values, source=str(args.config or "settings"))
        given = scene_inputs(args, settings) if on_scenes(args) else _folder_inputs(args, settings)
    inputs = replace(given, device=device, cache=open_cache(args), ranks=ranks, start=start)
    if ranks.first and on_scenes(args):
        show_chips(inputs)
    settings = settle(inputs, settings, resume=args.resume)
    inputs = labelled(args, inputs, settings)
    try:
        held_out = run_training(
            inputs,
            settings,
            resume=args.resume,
            save_every=args.save_every,
        )
    except RunCollapsedError as error:
        if ranks.first:
            print(f"pointsam: stopped: {error}", file=sys.stderr)
        return 1
    if held_out is not None:
        show_held_out(held_out)
    if ranks.first:
        print(f"adapter: {args.output}")
    return 0


def _settings(args: argparse.Namespace, usual: dict[str, Any]) -> dict[str, Any]:
    """Lay flags over ``--set`` over the file."""
    written = read_settings(args.config) if args.config else {"regime": "labels"}
    values = merged(usual, written)
    given = [text.partition("=") for text in args.overrides]
    for name, equals, value in given:
        if not equals:
            raise InputError(f"--set {name} has no value: write STAGE.NAME=VALUE.")
        try:
            read = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise InputError(f"--set {name}={value} is not YAML ({in_words(error)}).") from error
        values = merged(values, _nested(name, read))
    for flag, name in SETTING_FLAGS.items():
        value = getattr(args, flag)
        if value is not None:
            values = merged(values, _nested(name, value))
    return values


def _nested(name: str, value: Any) -> dict[str, Any]:
    """Turn ``a.b`` and a value into ``{a: {b: value}}``."""
    for part in reversed(name.split(".")):
        value = {part: value}
    nested: dict[str, Any] = value
    return nested


def _folder_inputs(args: argparse.Namespace, settings: TrainSettings) -> RunInputs:
    """Read the points, and the masks where the regime learns from them; check every image."""
    for option in ("window", "bands", "stretch"):
        if getattr(args, option) is not None:
            raise InputError(f"--{option} is for scenes: give --images SCENE.tif, or leave it out.")
    data, files = read_clicks(args, args.images), [args.points]
    if settings.regime == "supervised":
        if args.annotations is None:
            raise InputError("--regime supervised learns from masks: give --annotations FILE.")
        data, files = pair(read_coco(args.annotations), data), [*files, args.annotations]
    stretch = args.images / FILE_NAME
    data = readable_images(data, args.images, skip_broken=args.skip_broken)
    tell_shrunk(data.images, side=settings.model.side)
    return RunInputs(
        data=data,
        images=folder_images(args.images),
        sources={path.name: sha256_of(path) for path in files}
        | {"images": hash_of_images(data, args.images)},
        output=args.output,
        stretch=read_stretch(stretch) if stretch.is_file() else None,
    )
