"""``pointsam serve``: the interface of ``pointsam click`` for label tools, without the page."""

import argparse

from pointsam.cli.serving import add_serving_arguments, run_server


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "serve",
        help="answer label tools over HTTP",
        description=(
            "Answer label tools over HTTP, with an adapted or a plain model. "
            "X-AnyLabeling, Label Studio and clients of samgeo's interface can use it; "
            "docs/page.md says how. The page of 'pointsam click' is left out."
        ),
        epilog="example: pointsam serve Images --adapter adapter",
    )
    add_serving_arguments(parser)
    parser.set_defaults(run=run, no_browser=True)


def run(args: argparse.Namespace) -> int:
    """Serve the interface."""
    return run_server(args, page=False)
