"""Options that several commands share, and their parsing."""

import argparse
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

from pointsam.cli.click_files import say
from pointsam.data.rasters.doubts import doubts_of_ground
from pointsam.data.rasters.stretching import FILE_NAME, read_stretch, stretch_from
from pointsam.errors import InputError
from pointsam.models.adapters.by_name import find_adapter, shipped_adapters
from pointsam.models.adapters.card import AdapterCard, read_card
from pointsam.models.cache import FeatureCache, KeptEmbeddings
from pointsam.models.encoding import PrecisionChoice
from pointsam.models.loading.checkpoints import base_hash
from pointsam.prediction.predictor import Predictor, load, usual_base

MAX_THREADS = 1024
"""More than this takes the memory of the machine before anything is computed."""

USUAL_CACHE_SIZE = 20.0
"""Gigabytes."""

MODEL_OPTIONS = (
    *("model", "adapter", "side", "device", "precision", "threads"),
    *("cache", "cache_size", "cache_precision"),
)
"""The options of `add_model_arguments`, by their name among the arguments."""


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
    """Ask where to keep what the encoder computes."""
    parser.add_argument("--cache", type=Path, metavar="DIR", help=f"keep {keeps} here")
    parser.add_argument(
        "--cache-size",
        type=float,
        metavar="GB",
        help=f"most that the cache may hold (default: {USUAL_CACHE_SIZE:g})",
    )
    parser.add_argument(
        "--cache-precision",
        choices=["float16", "float32"],
        help=f"of what is kept; float32 changes no digit (default: {precision})",
    )


@dataclass(frozen=True)
class CacheChoice:
    """Where features are kept, and how many."""

    folder: Path
    max_bytes: int
    dtype: torch.dtype

    @classmethod
    def parse(cls, args: argparse.Namespace, *, precision: str) -> "CacheChoice | None":
        """Read the arguments; None without a cache.

        Args:
            args: of `add_cache_arguments`.
            precision: default of the kept features.

        Raises:
            InputError: a size out of range, or options of a cache without --cache.
        """
        if args.cache is None:
            refuse_options(args, ("cache_size", "cache_precision"), "--cache DIR")
            return None
        size = USUAL_CACHE_SIZE if args.cache_size is None else args.cache_size
        if not 0 < size < math.inf:
            raise InputError(f"--cache-size {size}: give a size in gigabytes.")
        dtype = getattr(torch, args.cache_precision or precision)
        return cls(args.cache, int(size * 1e9), dtype)

    def open(self) -> FeatureCache:
        """Open the cache.

        Raises:
            InputError: a file is in the folder's place.
        """
        return FeatureCache(self.folder, max_bytes=self.max_bytes, dtype=self.dtype)


def add_machine_arguments(parser: argparse.ArgumentParser) -> None:
    """Ask for device, precision and threads."""
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


def refuse_threads(count: int | None) -> None:
    """Refuse a number of threads that no machine here has.

    Raises:
        InputError: less than one, or more than `MAX_THREADS`.
    """
    if count is not None and count < 1:
        raise InputError(f"--threads {count}: give at least 1.")
    if count is not None and count > MAX_THREADS:
        raise InputError(f"--threads {count}: give at most {MAX_THREADS}, or as many as cores.")


def set_threads(count: int | None) -> None:
    """Use this many CPU threads; None leaves the choice to torch.

    Raises:
        InputError: less than one.
    """
    refuse_threads(count)
    if count is not None:
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


@dataclass(frozen=True)
class ModelChoice:
    """Which model a command runs, with which adapter, and on which machine."""

    name: str | None
    """As asked for by ``--model``."""
    adapter: Path | None
    card: AdapterCard | None
    """Of the adapter."""
    side: int | None
    device: str
    precision: PrecisionChoice
    threads: int | None
    cache: CacheChoice | None

    @classmethod
    def parse(cls, args: argparse.Namespace) -> "ModelChoice":
        """Read the arguments of `add_model_arguments`.

        Raises:
            FileNotFoundError: no such adapter.
            InputError: a damaged card, an unknown device, or a number out of range.
        """
        refuse_threads(args.threads)
        return cls(
            name=args.model,
            adapter=args.adapter,
            card=read_card(args.adapter) if args.adapter is not None else None,
            side=args.side,
            device=chosen_device(args.device),
            precision=args.precision,
            threads=args.threads,
            cache=CacheChoice.parse(args, precision="float32"),
        )

    @property
    def base(self) -> str:
        """Name the model that is loaded: the one asked for, or the adapter's base."""
        return self.name or usual_base(self.adapter, card=self.card)

    def open(self, *, images: Path | None) -> Predictor:
        """Load the model with its adapter, on its device.

        Where things are of another size on the ground than in training, that is said.

        Args:
            images: folder of the images that it will see whole; None for scenes, which take
                stretch and ground size from the card as they are opened.

        Raises:
            FileNotFoundError: no such model.
            InputError: damaged files, an adapter of another base or of images of another stretch,
                a side the model cannot take.
        """
        if images is not None and self.card is not None:
            self.refuse_other_stretch(images)
            if self.card.ground_size is not None:
                side = self.card.side if self.side is None else self.side
                say((), doubts_of_ground(images, side=side, trained=self.card.ground_size))
        set_threads(self.threads)
        cache = None if self.cache is None else self.cache.open()
        predictor = load(
            self.name,
            adapter=self.adapter,
            side=self.side,
            device=self.device,
            precision=self.precision,
            card=self.card,
        )
        if cache is not None:
            predictor.model.kept = KeptEmbeddings(cache, base_hash(predictor.model))
        return predictor

    def refuse_other_stretch(self, images: Path) -> None:
        """Refuse images made 8-bit by another stretch than the adapter's training images.

        Raises:
            InputError: both stretches are known, and they differ.
        """
        trained = None if self.card is None else self.card.stretch
        if trained is None or not (images / FILE_NAME).is_file():
            return
        if stretch_from(trained) != read_stretch(images / FILE_NAME):
            raise InputError(
                f"the images of {images} were made 8-bit by another stretch than those that "
                f"{self.adapter} was trained on: make them again with 'pointsam data images ... "
                f"--like {self.adapter}'."
            )


def refuse_options(args: argparse.Namespace, names: Iterable[str], what: str) -> None:
    """Refuse options that have no effect for the given input.

    Args:
        args: parsed. An option that was not given is None, False or an empty list; device and
            precision are ``auto``. Defaults are filled in after this check, so that an option is
            refused even with its default value.
        names: in `args`, of the options that are for `what` alone.
        what: the options are for; part of the message.

    Raises:
        InputError: one of them was given.
    """
    given = [name for name in names if _given(name, getattr(args, name))]
    if given:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise InputError(f"{flags}: for {what} alone; leave it out here.")


def _given(name: str, value: object) -> bool:
    """Say whether an option was given; 0 is a value, and so is ``--simplify auto``."""
    usual = "auto" if name in ("device", "precision") else None
    return value is not None and value is not False and value not in ([], (), usual)
