"""``pointsam points``: point files made from masks or from other files."""

import argparse

from pointsam.cli import points_convert, points_draw


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the commands of this group."""
    parser = subparsers.add_parser(
        "points",
        help="make point files",
        description="Make point files, from masks or from what other tools write.",
    )
    group = parser.add_subparsers(required=True, metavar="COMMAND")
    points_convert.add_parser(group)
    points_draw.add_parser(group)
