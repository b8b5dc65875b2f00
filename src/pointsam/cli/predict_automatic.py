"""``pointsam predict --grid``: automatic masks."""

import argparse
import sys
from pathlib import Path

from pointsam.data.rasters.images import ENDINGS, image_size
from pointsam.data.records import Dataset, ImageRecord
from pointsam.errors import InputError
from pointsam.files import list_files
from pointsam.prediction.automatic import ANYTHING, AutomaticSettings

AUTOMATIC_OPTIONS = ("min_iou", "min_stability", "max_overlap", "rank_by")
"""The options below, by their name among the arguments."""

GRID_ENDINGS = (*ENDINGS, ".gif", ".jfif", ".jpe", ".j2k")
"""Of the images of a folder that ``--grid`` takes: those of other commands, and a few more."""

USUAL = AutomaticSettings()


def add_automatic_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the limits of automatic masks."""
    group = parser.add_argument_group(
        "without clicks", "with --grid; the score of a mask is the product of its ranking factors"
    )
    group.add_argument(
        "--min-iou",
        type=float,
        metavar="SHARE",
        help=f"of SAM's own estimate of a mask's IoU (default: {USUAL.min_iou})",
    )
    group.add_argument(
        "--min-stability",
        type=float,
        metavar="SHARE",
        help=f"IoU of a mask at a higher and a lower threshold (default: {USUAL.min_stability})",
    )
    group.add_argument(
        "--max-overlap",
        type=float,
        metavar="IOU",
        help=f"of two masks above which NMS removes one (default: {USUAL.max_overlap})",
    )
    group.add_argument(
        "--rank-by",
        choices=USUAL.rank_by,
        nargs="+",
        help="similarity is that to the adapter's target prototypes (default: all three)",
    )


def listed_images(
    image: Path | None, images: Path | None, *, skip_broken: bool
) -> tuple[Dataset, Path]:
    """List one image, or those of a folder, with no instances.

    Args:
        image: one; None for a folder.
        images: a folder.
        skip_broken: leave out files that cannot be read, and name them on the error stream.

    Returns:
        The images, and the folder they are in.

    Raises:
        FileNotFoundError: there is no such image or folder.
        InputError: the folder holds no image that can be read.
    """
    folder = images if image is None else image.parent
    assert folder is not None
    if image is None and not folder.is_dir():
        raise FileNotFoundError(f"no image folder {folder}.")
    files = list_files(folder, GRID_ENDINGS) if image is None else [image]
    if not files:
        raise InputError(f"{folder} holds no images.")
    records = []
    for number, path in enumerate(files, start=1):
        try:
            records.append(ImageRecord(number, path.name, image_size(path)))
        except InputError as error:
            if not skip_broken:
                raise
            print(f"pointsam: skipped: {error}", file=sys.stderr)
    return Dataset(tuple(records), (ANYTHING,)), folder


def parse_automatic(args: argparse.Namespace) -> AutomaticSettings:
    """Read the limits of automatic masks.

    Raises:
        InputError: a limit out of range.
    """
    given = {name: getattr(args, name) for name in ("grid", *AUTOMATIC_OPTIONS)}
    if args.rank_by is not None:
        if "similarity" in args.rank_by and args.adapter is None:
            raise InputError("--rank-by similarity: for --adapter DIR alone; leave it out here.")
        given["rank_by"] = tuple(args.rank_by)
    return AutomaticSettings(**{name: value for name, value in given.items() if value is not None})
