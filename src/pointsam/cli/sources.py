"""A raster on the command line: the path of a file, or an address that the user types."""

import argparse
from pathlib import Path

from pointsam.cli.arguments import refuse_options
from pointsam.data.rasters.sources import Asked, is_address, source_of
from pointsam.errors import InputError

SOURCE_OPTIONS = ("zoom", "area", "asset", "allow_host")
"""The options below, by their name among the arguments."""

ADDRESS_HELP = (
    "or an address (https://...): a GeoTIFF, a STAC item (.json), or a template of map tiles with "
    "{z}, {x} and {y}"
)


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe what is said beside an address."""
    group = parser.add_argument_group("addresses", "for an image that is on a server")
    group.add_argument("--zoom", type=int, metavar="LEVEL", help="of map tiles")
    group.add_argument(
        "--area",
        type=_area,
        metavar="W,S,E,N",
        help="of map tiles, in degrees: --area=-3.2,51.4,-3.1,51.5",
    )
    group.add_argument("--asset", metavar="NAME", help="of a STAC item; 'visual' if not given")
    group.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="HOST",
        help="on which a STAC item's assets may lie beside its own (repeatable)",
    )


def parse_source(args: argparse.Namespace, text: str | None) -> Path | None:
    """Parse an optional image argument as `parse_given` does; None where it is not given.

    Raises:
        InputError: a folder, or as `parse_given`.
    """
    if text is not None:
        if Path(text).is_dir():
            raise InputError(f"{text} is a folder, expected one image: give it to --images.")
        return parse_given(args, text)
    refuse_options(args, SOURCE_OPTIONS, "an image at an address")
    return None


def parse_given(args: argparse.Namespace, text: str) -> Path:
    """Parse an image argument: give a source for an address, a path for anything else.

    Raises:
        InputError: an address that is not read, or options that would say nothing.
    """
    if not is_address(text):
        refuse_options(args, SOURCE_OPTIONS, "an image at an address")
        return Path(text)
    return source_of(text, Asked(args.zoom, args.area, args.asset, args.allow_host))


def _area(text: str) -> tuple[float, float, float, float]:
    """Read four numbers parted by commas."""
    try:
        west, south, east, north = map(float, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r}: give WEST,SOUTH,EAST,NORTH in degrees"
        ) from None
    return west, south, east, north
