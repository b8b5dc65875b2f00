"""Options for files of clicks, with the same formats and messages in every command."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pointsam.data.clicks.formats import ClickFile
from pointsam.data.records import Dataset

POINTS_HELP = (
    "clicks: a point file, CSV, GeoJSON, GeoPackage or other vector file, or an export of a label "
    "tool (docs/data.md lists them)"
)


CLICK_FILE_OPTIONS = ("negative", "layer")
"""The options below, by their name among the arguments."""

USUAL_NEGATIVE = "background"

MAX_LINES = 20
"""Most left-out entries that are named one by one."""


def add_click_arguments(parser: "argparse._ActionsContainer") -> None:
    """Ask how a file of clicks is to be read."""
    parser.add_argument(
        "--negative",
        metavar="CLASS",
        help="class of clicks off the objects, where clicks have no label "
        f"(default: {USUAL_NEGATIVE})",
    )
    parser.add_argument(
        "--layer", metavar="NAME", help="of a vector file that has several layers of points"
    )


def parse_clicks(args: argparse.Namespace, path: Path | None = None) -> ClickFile:
    """Recognise the format of the given clicks.

    Raises:
        FileNotFoundError: no such file.
        InputError: an unknown format.
    """
    negative = USUAL_NEGATIVE if args.negative is None else args.negative
    return ClickFile(path or args.points, negative=negative, layer=args.layer)


def read_clicks(clicks: ClickFile, images: Path | None, *, skip_broken: bool = False) -> Dataset:
    """Read clicks, and list on the error stream what was left out.

    Args:
        clicks: the file.
        images: their folder, or the one image.
        skip_broken: leave clicks on missing or damaged images out.

    Raises:
        FileNotFoundError: a file is missing.
        InputError: a file that cannot be read.
    """
    data = clicks.read(images, skip_broken=skip_broken)
    say(data.dropped, data.notes)
    return data


def say(dropped: Sequence[str], notes: Sequence[str]) -> None:
    """Print left-out entries and notes on the error stream."""
    for line in dropped[:MAX_LINES]:
        print(f"pointsam: left out: {line}", file=sys.stderr)
    if len(dropped) > MAX_LINES:
        more = len(dropped) - MAX_LINES
        print(f"pointsam: left out: {more} more; 'pointsam data check' lists all", file=sys.stderr)
    for line in dict.fromkeys(notes):
        print(f"pointsam: note: {line}", file=sys.stderr)
