"""What several commands ask for in the same words, and how it is understood."""

import argparse
import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch

from pointsam.data.dataset import read_image_of
from pointsam.data.records import Dataset
from pointsam.errors import InputError
from pointsam.models.adapters.by_name import find_adapter, shipped_adapters
from pointsam.models.cache import FeatureCache, KeptEmbeddings
from pointsam.models.loading.checkpoints import base_hash
from pointsam.models.segmenter import Segmenter
from pointsam.prediction.predictor import Predictor, load
from pointsam.progress import Bar


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Ask for a model, an adapter on it and the machine it runs on."""
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model",
        metavar="NAME",
        help="a known name ('pointsam models'), a checkpoint file or folder; "
        "the adapter's base, or mobile_sam, if not given",
    )
    model.add_argument(
        "--adapter",
        type=find_adapter,
        metavar="DIR",
        help="folder that 'pointsam train' wrote, or the name of a shipped adapter: "
        + ", ".join(shipped_adapters()),
    )
    model.add_argument(
        "--side",
        type=int,
        metavar="PX",
        help="side of the model's input; the adapter's own, or 1024, if not given",
    )
    add_machine_arguments(parser)
    cache = parser.add_argument_group("cache")
    add_cache_arguments(cache, keeps="image embeddings for the next command", precision="float32")


def add_cache_arguments(parser: "argparse._ArgumentGroup", *, keeps: str, precision: str) -> None:
    """Ask where to keep what the encoder gave."""
    parser.add_argument("--cache", type=Path, metavar="DIR", help=f"keep {keeps} here")
    parser.add_argument(
        "--cache-size",
        type=float,
        default=20.0,
        metavar="GB",
        help="most that the cache may hold (default: %(default)g)",
    )
    parser.add_argument(
        "--cache-precision",
        choices=["float16", "float32"],
        default=precision,
        help="of what is kept; float32 changes no digit (default: %(default)s)",
    )


def open_cache(args: argparse.Namespace) -> FeatureCache | None:
    """Open the cache that was asked for.

    Raises:
        InputError: a size that cannot be, or a file in the folder's place.
    """
    if args.cache is None:
        return None
    if not 0 < args.cache_size < math.inf:
        raise InputError(f"--cache-size {args.cache_size}: give a size in gigabytes.")
    return FeatureCache(
        args.cache,
        max_bytes=int(args.cache_size * 1e9),
        dtype=getattr(torch, args.cache_precision),
    )


def add_machine_arguments(parser: argparse.ArgumentParser) -> None:
    """Ask where to compute, and how exactly."""
    machine = parser.add_argument_group("machine")
    machine.add_argument(
        "--device", default="auto", help="auto, cpu, cuda, cuda:1, ... (default: %(default)s)"
    )
    machine.add_argument(
        "--precision",
        choices=["auto", "float32", "bfloat16"],
        default="auto",
        help="of the encoder; auto is bfloat16 where the machine multiplies it "
        "(default: %(default)s)",
    )
    machine.add_argument("--threads", type=int, help="CPU threads; all cores if not given")


def add_skip_broken(parser: argparse._ArgumentGroup) -> None:
    """Ask whether one bad image ends the run."""
    parser.add_argument(
        "--skip-broken",
        action="store_true",
        help="go on without images that are missing or cannot be read, and list them",
    )


def set_threads(count: int | None) -> None:
    """Use this many CPU threads; None leaves the choice to torch.

    Raises:
        InputError: less than one.
    """
    if count is None:
        return
    if count < 1:
        raise InputError(f"--threads {count}: give at least 1.")
    torch.set_num_threads(count)


def chosen_device(name: str) -> str:
    """Give the device to compute on; ``auto`` is a GPU where there is one.

    Raises:
        InputError: no such device here.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"--device {name}: expected auto, cpu, cuda or cuda:NUMBER.") from error
    if device.type not in ("cpu", "cuda"):
        raise InputError(f"--device {name}: expected auto, cpu, cuda or cuda:NUMBER.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"--device {name}: this machine shows {torch.cuda.device_count()} CUDA devices; "
            "use --device cpu or auto."
        )
    return name


def open_predictor(args: argparse.Namespace) -> Predictor:
    """Load the model that was asked for, with its adapter, on its device.

    ``args.precision`` is the precision that was taken from here on.

    Raises:
        FileNotFoundError: no such model or adapter.
        InputError: damaged files, an adapter of another base, a side the model cannot take.
    """
    set_threads(args.threads)
    cache = open_cache(args)
    predictor = load(
        args.model,
        adapter=args.adapter,
        side=args.side,
        device=chosen_device(args.device),
        precision=args.precision,
    )
    args.precision = predictor.precision
    if cache is not None:
        predictor.model.kept = KeptEmbeddings(cache, base_hash(predictor.model))
    return predictor


def open_model(args: argparse.Namespace) -> Segmenter:
    """Load as `open_predictor` does, for those who decode by themselves."""
    return open_predictor(args).model


def readable_images(data: Dataset, folder: Path, *, skip_broken: bool) -> Dataset:
    """Keep the images that can be read, before hours are spent on some of them.

    Args:
        data: records of images in `folder`.
        folder: that the file names are in.
        skip_broken: leave the others out and name them on the error stream, and in ``dropped``.

    Raises:
        FileNotFoundError: an image is missing.
        InputError: an image is damaged or of another size, or none is left.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no image folder {folder}.")
    kept, broken = [], []
    for record in Bar(data.images, desc="checking images", unit="image", delay=2, leave=False):
        try:
            read_image_of(record, folder)
        except (InputError, FileNotFoundError) as error:
            if not skip_broken:
                raise
            broken.append(str(error))
        else:
            kept.append(record)
    for line in broken:
        print(f"pointsam: skipped: {line}", file=sys.stderr)
    if broken and not kept:
        raise InputError(f"none of the {len(broken)} images in {folder} can be used.")
    return replace(data, images=tuple(kept), dropped=(*data.dropped, *broken))


def refuse_options(args: argparse.Namespace, defaults: Mapping[str, object], what: str) -> None:
    """Refuse options that would say nothing here.

    Args:
        args: parsed.
        defaults: of the options that are for `what` alone, by their name in `args`.
        what: they are for.

    Raises:
        InputError: one of them was given.
    """
    given = [name for name, default in defaults.items() if getattr(args, name) != default]
    if given:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise InputError(f"{flags}: for {what} alone; leave it out here.")
