"""Options of ``predict`` for polygons, and their parsing."""

import argparse
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pointsam.cli.arguments import refuse_options
from pointsam.prediction.images.label_files import (
    LABEL_FILES,
    PAIRED_BY_NAME,
    alike,
    labelled_images,
)
from pointsam.prediction.polygons import PolygonRules
from pointsam.progress import Bar

_LOG = logging.getLogger(__name__)

SHAPE_OPTIONS = ("simplify", "regularise", "smooth", "min_area", "min_hole")
"""The options that shape polygons, by their name among the arguments."""


@dataclass(frozen=True)
class OutlineChoice:
    """Rules for polygons, and further files to write."""

    rules: PolygonRules
    also: tuple[str, ...]
    """Formats of label tools, for images alone."""

    @classmethod
    def parse(cls, args: argparse.Namespace, *, on_map: bool) -> "OutlineChoice":
        """Read the arguments of `add_outline_arguments`.

        Args:
            args: parsed.
            on_map: the image is a scene, whose polygons are written in any case.

        Raises:
            InputError: values out of range, or options without effect.
        """
        if on_map:
            refuse_options(args, ("also",), "images without a place on a map")
        elif args.also is None:
            refuse_options(args, SHAPE_OPTIONS, "scenes and the formats of --also")
        given = {name: getattr(args, name) for name in SHAPE_OPTIONS}
        rules = {name: value for name, value in given.items() if value is not None}
        return cls(PolygonRules(**rules), args.also or ())


def add_outline_arguments(parser: argparse.ArgumentParser) -> None:
    """Ask how polygons are drawn."""
    outlines = parser.add_argument_group(
        "polygons", "lengths and areas are in metres on a map, in pixels elsewhere"
    )
    outlines.add_argument(
        "--simplify",
        type=_length,
        metavar="LENGTH",
        help="remove detail below this length; auto: the steps of the pixels",
    )
    outlines.add_argument(
        "--regularise",
        action="store_true",
        help="buildings: edges at right angles, where that keeps the shape",
    )
    outlines.add_argument("--smooth", action="store_true", help="round corners: water, trees")
    outlines.add_argument("--min-area", type=float, metavar="AREA", help="remove smaller parts")
    outlines.add_argument("--min-hole", type=float, metavar="AREA", help="fill smaller holes")
    outlines.add_argument(
        "--also",
        type=_formats,
        metavar="FORMAT,...",
        help=f"of images: masks as files of label tools, too: {', '.join(LABEL_FILES)}",
    )


def write_label_files(choice: OutlineChoice, content: dict[str, Any], folder: Path) -> None:
    """Write the masks of images in the formats of the label tools that were asked for."""
    if not choice.also:
        return
    images = list(
        Bar(
            labelled_images(content, choice.rules),
            total=len(content["images"]),
            desc="outlines",
            unit="image",
        )
    )
    paired = [name for name in choice.also if name in PAIRED_BY_NAME]
    same = alike(images)
    if paired and same:
        _LOG.warning(
            "%s have one name but for their endings, and %s pairs files by name: their label files "
            "have the image's id in their name, too; rename the images to match.",
            " and ".join(same[:2]),
            " and ".join(paired),
        )
    for name in choice.also:
        LABEL_FILES[name](images, folder / name)


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
