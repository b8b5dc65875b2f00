"""``pointsam data``: what a data set holds, and what is wrong with it."""

import argparse

from pointsam.cli import data_check, data_convert, data_images, data_layout, data_split


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the commands of this group."""
    parser = subparsers.add_parser(
        "data",
        help="find and check data sets",
        description="Find, convert, check and split data sets.",
    )
    group = parser.add_subparsers(required=True, metavar="COMMAND")
    data_check.add_parser(group)
    data_convert.add_parser(group)
    data_images.add_parser(group)
    data_layout.add_parser(group)
    data_split.add_parser(group)
