"""``pointsam models``: lists the models that load by name."""

import argparse

from pointsam.models.loading.hub import cached_weights
from pointsam.models.loading.registry import KNOWN_MODELS


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "models",
        help="list the models that load by name",
        description="List the models that --model takes by name: the size of their weights, "
        "their licence, and whether the weights are on this machine. A folder in the format of "
        "transformers, a released checkpoint (.pth, .pt) and owner/name on the hub load too.",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print a table."""
    rows = [("name", "family", "parameters", "download", "licence", "weights")]
    for model in KNOWN_MODELS.values():
        if model.repo is None:
            place = "with this package"
        elif cached_weights(model.repo):
            place = "cached"
        else:
            place = f"on the hub: {model.repo}"
        rows.append(
            (
                model.name,
                model.family,
                f"{model.parameters / 1e6:.1f} M",
                f"{model.megabytes} MB",
                model.licence,
                place,
            )
        )
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())
    return 0
