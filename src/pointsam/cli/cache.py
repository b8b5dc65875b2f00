"""``pointsam cache``: shows or clears a cache of features."""

import argparse
from pathlib import Path

from pointsam.models.cache import FeatureCache


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "cache",
        help="show or clear a cache of features",
        description=(
            "Show what the folder given to --cache of other commands holds, or delete it. Nothing "
            "in it is needed: what is missing is computed again."
        ),
    )
    parser.add_argument("folder", type=Path, help="the cache folder")
    parser.add_argument("--clear", action="store_true", help="delete all entries")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show or clear."""
    if not args.folder.is_dir():
        raise FileNotFoundError(f"no cache folder {args.folder}.")
    cache = FeatureCache(args.folder, max_bytes=2**63)
    used = cache.clear() if args.clear else cache.use()
    done = "deleted" if args.clear else "held"
    print(f"{args.folder}: {used.entries} entries, {used.size / 1e9:.2f} GB {done}")
    return 0
