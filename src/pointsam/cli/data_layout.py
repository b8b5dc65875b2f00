"""``pointsam data layout``: finds the files of a known data set."""

import argparse
from pathlib import Path

from pointsam.data.prepare.layouts import LAYOUTS, find_all


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "layout",
        help="say which files of NWPU VHR-10, WHU or HRSID are in a folder",
        description=(
            "Say which files of a known data set are in a folder and which are missing. "
            "Exit status 1 if something is missing."
        ),
        epilog="example: pointsam data layout nwpu data/NWPU",
    )
    parser.add_argument("name", choices=LAYOUTS)
    parser.add_argument("root", type=Path, help="folder of the data set")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print one line for each file."""
    row = LAYOUTS[args.name]
    places = find_all(args.name, args.root)
    width = max(len(place.split) for place in places)
    for place in places:
        where = place.found or f"MISSING {place.looked_for[0]}"
        print(f"{place.split:<{width}}  {place.what:<11}  {where}")
    if all(place.found for place in places):
        return 0
    print(f"{row.title}: {row.hint}")
    return 1
