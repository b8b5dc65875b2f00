"""``pointsam click``: a page to click objects, adapt the model and save the map."""

import argparse

from pointsam.cli.serving import add_serving_arguments, run_server


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "click",
        help="click objects in the browser, adapt, save",
        description=(
            "Click objects on a page in the browser, adapt the model to them, save the map. "
            "Masks are there at once; before and after can be compared. The page is served on "
            "this machine alone, and nothing is sent anywhere."
        ),
        epilog="example: pointsam click scene.tif",
    )
    add_serving_arguments(parser)
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve the page."""
    return run_server(args, page=True)
