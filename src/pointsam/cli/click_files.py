"""Files of clicks on the command line: every command reads the same forms, and says the same."""

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


MOST_LINES = 20
"""Things left out that are named one by one."""


def add_click_arguments(parser: "argparse._ActionsContainer") -> None:
    """Ask how a file of clicks is to be read."""
    parser.add_argument(
        "--negative",
        default="background",
        metavar="CLASS",
        help="class of clicks off the objects, where clicks have no label (default: %(default)s)",
    )
    parser.add_argument(
        "--layer", metavar="NAME", help="of a vector file that has several layers of points"
    )


def open_clicks(args: argparse.Namespace, path: Path | None = None) -> ClickFile:
    """Tell the form of the clicks that were given.

    Raises:
        FileNotFoundError: no such file.
        InputError: no form that is known.
    """
    return ClickFile(path or args.points, negative=args.negative, layer=args.layer)


def read_clicks(
    args: argparse.Namespace, images: Path | None, *, path: Path | None = None
) -> Dataset:
    """Read the clicks that were given, and say on the error stream what was left out.

    Args:
        args: parsed, with those of `add_click_arguments`.
        images: their folder, or the one image.
        path: of the clicks; ``--points`` if not given.

    Raises:
        FileNotFoundError: a file is missing.
        InputError: a file that cannot be read.
    """
    data = open_clicks(args, path).read(images)
    say(data.dropped, data.notes)
    return data


def say(dropped: Sequence[str], notes: Sequence[str]) -> None:
    """Print what was left out, and what the user should know, on the error stream."""
    for line in dropped[:MOST_LINES]:
        print(f"pointsam: left out: {line}", file=sys.stderr)
    if len(dropped) > MOST_LINES:
        more = len(dropped) - MOST_LINES
        print(f"pointsam: left out: {more} more; 'pointsam data check' lists all", file=sys.stderr)
    for line in dict.fromkeys(notes):
        print(f"pointsam: note: {line}", file=sys.stderr)
