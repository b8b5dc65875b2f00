"""``pointsam train``: adapts a model to images with points."""

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pointsam.cli.arguments import (
    CacheChoice,
    add_cache_arguments,
    chosen_device,
    refuse_threads,
    set_threads,
)
from pointsam.cli.click_files import POINTS_HELP, add_click_arguments, parse_clicks, read_clicks
from pointsam.cli.image_files import readable_images
from pointsam.cli.shrinking import tell_shrunk
from pointsam.cli.sources import ADDRESS_HELP, add_source_arguments, parse_given
from pointsam.cli.train_labels import LabelChoice, add_label_arguments, check_masks, train
from pointsam.cli.train_scene import (
    SceneTraining,
    add_scene_arguments,
    scene_inputs,
    show_chips,
    show_held_out,
)
from pointsam.cli.train_settings import add_settings, parse_settings, refuse_fixed
from pointsam.data.clicks.formats import ClickFile
from pointsam.data.coco.annotations import pair, read_coco
from pointsam.data.dataset import folder_images, hash_of_images
from pointsam.data.rasters.stretching import FILE_NAME, read_stretch
from pointsam.errors import InputError
from pointsam.files import hashes_of, refuse_existing
from pointsam.training.collapse_monitor import RunCollapsedError
from pointsam.training.ranks import RankLostError, Ranks, device_of_rank, joined_ranks
from pointsam.training.run import RunInputs, settle
from pointsam.training.settings import TrainSettings, merged, read_settings, train_settings
from pointsam.training.starting import start_from


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
    add_settings(parser.add_argument_group("settings"))
    add_label_arguments(parser)
    add_scene_arguments(parser)
    add_source_arguments(parser)
    _add_machine(parser.add_argument_group("machine"))
    parser.set_defaults(run=run)


def _add_files(files: "argparse._ArgumentGroup") -> None:
    files.add_argument(
        "--images",
        required=True,
        help=f"folder the file names are in, or a scene: a file, {ADDRESS_HELP}",
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
        help="adapter to start from; its base, rank and adapted layers stay as they are",
    )
    files.add_argument("--config", type=Path, help="YAML of settings; flags override it")
    files.add_argument(
        "--skip-broken", action="store_true", help="leave images out that cannot be read"
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
    machine.add_argument("--resume", action="store_true", help="continue a run that was stopped")
    machine.add_argument(
        "--save-every", type=int, default=50, metavar="STEPS", help="steps between saved states"
    )
    machine.add_argument(
        "--patience",
        type=float,
        default=1800.0,
        metavar="SECONDS",
        help="that processes of torchrun wait for each other before they end",
    )


@dataclass(frozen=True)
class Training:
    """Images and points to train on, settings, and the adapter folder."""

    images: Path
    points: ClickFile
    annotations: Path | None
    scenes: SceneTraining | None
    """How scenes are cut; None where the images are a folder of pictures."""
    labels: LabelChoice
    start_from: Path | None
    """Adapter to start from."""
    config: Path | None
    flags: dict[str, Any]
    """Settings of the command line, which override those of `config`."""
    output: Path
    skip_broken: bool
    threads: int | None
    cache: CacheChoice | None
    resume: bool
    save_every: int

    @classmethod
    def parse(cls, args: argparse.Namespace) -> "Training":
        """Read the arguments.

        Raises:
            InputError: a number out of range, or an option without effect.
        """
        if args.save_every < 1:
            raise InputError(f"--save-every {args.save_every}: give at least 1 step.")
        refuse_threads(args.threads)
        images, points = parse_given(args, args.images), parse_clicks(args)
        return cls(
            images=images,
            points=points,
            annotations=args.annotations,
            scenes=SceneTraining.parse(args, images, on_map=points.on_map),
            labels=LabelChoice.parse(args),
            start_from=args.start_from,
            config=args.config,
            flags=parse_settings(args),
            output=args.output,
            skip_broken=args.skip_broken,
            threads=args.threads,
            cache=CacheChoice.parse(args, precision="float16"),
            resume=args.resume,
            save_every=args.save_every,
        )

    def settings(self, usual: dict[str, Any]) -> TrainSettings:
        """Merge the defaults, the file and the command line; later ones override.

        Raises:
            InputError: an unknown setting, a value out of range, or one that the regime fixes.
        """
        read = read_settings(self.config) if self.config else {}
        values = merged(merged(usual, {"regime": "labels"} | read), self.flags)
        settings = train_settings(values, source=str(self.config or "settings"))
        refuse_fixed(self.flags, settings.regime)
        return settings


def run(args: argparse.Namespace) -> int:
    """Train, alone or with the other processes that torchrun started."""
    if not args.patience > 0:
        raise InputError(f"--patience {args.patience:g}: give a number of seconds.")
    device = device_of_rank(chosen_device(args.device))
    try:
        with joined_ranks(device, timeout=args.patience) as ranks:
            with ranks.agreeing():
                asked = Training.parse(args)
            return _train(asked, device, ranks)
    except RankLostError as error:
        print(f"pointsam: stopped: {error}.", file=sys.stderr)
        return 1


def _train(asked: Training, device: str, ranks: Ranks) -> int:
    set_threads(asked.threads)
    with ranks.agreeing():
        if not asked.resume:
            refuse_existing(asked.output)  # before every image is looked at
        start = start_from(asked.start_from) if asked.start_from else None
        settings = asked.settings(
            {} if start is None else start.settings(named=asked.flags.get("model", {}).get("name"))
        )
        given = _inputs(asked, settings)
    cache = None if asked.cache is None else asked.cache.open()
    inputs = replace(given, device=device, cache=cache, ranks=ranks, start=start)
    if ranks.first and asked.scenes is not None:
        show_chips(inputs)
    settings = settle(inputs, settings, resume=asked.resume)
    try:
        verdict = train(
            asked.labels, inputs, settings, resume=asked.resume, save_every=asked.save_every
        )
    except RunCollapsedError as error:
        if ranks.first:
            print(f"pointsam: stopped: {error}", file=sys.stderr)
        return 1
    if verdict is not None:
        if verdict.held_out:
            show_held_out(verdict.found)
        if not verdict.worse:  # else it was warned of
            print(verdict)
    if ranks.first:
        print(f"adapter: {asked.output}")
    return 0


def _inputs(asked: Training, settings: TrainSettings) -> RunInputs:
    """Read what is trained on."""
    if asked.scenes is None:
        return _folder_inputs(asked, settings)
    return scene_inputs(asked.images, asked.points, asked.scenes, settings, output=asked.output)


def _folder_inputs(asked: Training, settings: TrainSettings) -> RunInputs:
    """Read the points, and the masks where the regime learns from them; check every image."""
    data = read_clicks(asked.points, asked.images, skip_broken=asked.skip_broken)
    files = [asked.points.path]
    if settings.regime == "supervised":
        if asked.annotations is None:
            raise InputError("--regime supervised learns from masks: give --annotations FILE.")
        paired = pair(read_coco(asked.annotations), data)
        check_masks(asked.annotations, data, paired)
        data, files = paired, [*files, asked.annotations]
    elif asked.annotations is not None:
        raise InputError("--annotations: for --regime supervised alone; leave it out here.")
    stretch = asked.images / FILE_NAME
    data = readable_images(data, asked.images, skip_broken=asked.skip_broken)
    tell_shrunk(data.images, side=settings.model.side)
    return RunInputs(
        data=data,
        images=folder_images(asked.images),
        sources=hashes_of(files) | {"images": hash_of_images(data, asked.images)},
        output=asked.output,
        stretch=read_stretch(stretch) if stretch.is_file() else None,
    )
