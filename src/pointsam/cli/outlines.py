"""What ``predict`` asks about polygons, and how it is understood."""

import argparse
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from pointsam.errors import InputError
from pointsam.prediction.images.label_files import LABEL_FILES, labelled_images
from pointsam.prediction.polygons import PolygonRules
from pointsam.progress import Bar

SHAPE_DEFAULTS = {
    "simplify": None,
    "regularise": False,
    "smooth": False,
    "min_area": 0.0,
    "min_hole": 0.0,
}
"""Of the options that shape polygons, by their name when parsed."""


def add_outline_arguments(parser: argparse.ArgumentParser) -> None:
    """Ask how polygons are drawn."""
    outlines = parser.add_argument_group(
        "polygons", "lengths and areas are in metres on a map, in pixels elsewhere"
    )
    outlines.add_argument(
        "--simplify",
        type=_length,
        metavar="LENGTH",
        help="leave out detail below this length; auto: the steps of the pixels",
    )
    outlines.add_argument(
        "--regularise",
        action="store_true",
        help="buildings: edges at right angles, where that keeps the shape",
    )
    outlines.add_argument("--smooth", action="store_true", help="round corners: water, trees")
    outlines.add_argument(
        "--min-area", type=float, default=0.0, metavar="AREA", help="leave out smaller parts"
    )
    outlines.add_argument(
        "--min-hole", type=float, default=0.0, metavar="AREA", help="fill smaller holes"
    )
    outlines.add_argument(
        "--also",
        type=_formats,
        default=(),
        metavar="FORMAT,...",
        help=f"of images: masks as files of label tools, too: {', '.join(LABEL_FILES)}",
    )


def outline_rules(args: argparse.Namespace) -> PolygonRules:
    """Give what was asked for.

    Raises:
        InputError: rules that cannot be.
    """
    return PolygonRules(**{name: getattr(args, name) for name in SHAPE_DEFAULTS})


def write_label_files(args: argparse.Namespace, content: dict[str, Any], folder: Path) -> None:
    """Write the masks of images in the formats of the label tools that were asked for."""
    if not args.also:
        return
    images = list(
        Bar(
            labelled_images(content, outline_rules(args)),
            total=len(content["images"]),
            desc="outlines",
            unit="image",
        )
    )
    for name in args.also:
        LABEL_FILES[name](images, folder / name)


def told_of_all(args: argparse.Namespace, *, base: str) -> dict[str, str]:
    """Give the fields that all polygons of a scene share."""
    return {
        "scene": args.image.name,
        "model": base,
        "adapter": args.adapter.resolve().name if args.adapter else "",
        "version": f"pointsam {version('pointsam')}",
    }


def _length(text: str) -> float | Literal["auto"]:
    """Read a length, or ``auto``."""
    if text == "auto":
        return "auto"
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a length nor auto") from None


def _formats(text: str) -> tuple[str, ...]:
    """Read names of formats, each once."""
    names = tuple(dict.fromkeys(text.split(",")))
    unknown = [name for name in names if name not in LABEL_FILES]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"{unknown[0]!r} is no format of label files: give {', '.join(LABEL_FILES)}"
        )
    return names


def refuse_idle_rules(args: argparse.Namespace) -> None:
    """Refuse rules for polygons where none are written.

    Raises:
        InputError: some were given, and no format with polygons.
    """
    if not args.also and not outline_rules(args).idle:
        raise InputError(
            "--simplify, --regularise, --smooth, --min-area and --min-hole shape polygons: for "
            f"images give --also, too ({', '.join(LABEL_FILES)})."
        )
