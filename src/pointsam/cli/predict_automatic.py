"""``pointsam predict --grid``: masks of images that nobody has clicked on."""

import argparse
import sys
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

from PIL import Image

from pointsam.cli.arguments import readable_images
from pointsam.data.rasters.images import image_size
from pointsam.data.records import Dataset, ImageRecord
from pointsam.errors import InputError
from pointsam.models.segmenter import Segmenter
from pointsam.prediction.automatic import ANYTHING, AutomaticSettings
from pointsam.prediction.images.automatic import load_prototypes, predict_automatic
from pointsam.prediction.images.clicked import ImagePrediction

FACTORS = ("iou", "stability", "similarity")
EVERYTHING_DEFAULTS = {
    "min_iou": 0.7,
    "min_stability": 0.85,
    "max_overlap": 0.7,
    "rank_by": FACTORS,
}
"""Of the options below, by their name among the arguments."""


def add_automatic_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe which masks of a grid are kept."""
    group = parser.add_argument_group(
        "without clicks", "with --grid; the score of a mask is the product of what ranks it"
    )
    group.add_argument(
        "--min-iou",
        type=float,
        default=EVERYTHING_DEFAULTS["min_iou"],
        metavar="SHARE",
        help="of SAM's own estimate of a mask's IoU (default: %(default)s)",
    )
    group.add_argument(
        "--min-stability",
        type=float,
        default=EVERYTHING_DEFAULTS["min_stability"],
        metavar="SHARE",
        help="IoU of a mask at a higher and a lower threshold (default: %(default)s)",
    )
    group.add_argument(
        "--max-overlap",
        type=float,
        default=EVERYTHING_DEFAULTS["max_overlap"],
        metavar="IOU",
        help="of two masks above which one is a duplicate (default: %(default)s)",
    )
    group.add_argument(
        "--rank-by",
        choices=FACTORS,
        nargs="+",
        default=FACTORS,
        help="similarity is that to the adapter's target prototypes (default: all three)",
    )


def read_images(args: argparse.Namespace) -> tuple[Dataset, Path]:
    """List one image, or those of a folder, with no instances.

    Raises:
        FileNotFoundError: there is no such image or folder.
        InputError: the folder holds no image that can be read.
    """
    folder: Path = args.images if args.image is None else args.image.parent
    if args.image is None and not folder.is_dir():
        raise FileNotFoundError(f"no image folder {folder}.")
    endings = Image.registered_extensions()
    listed = sorted(path for path in folder.iterdir() if path.suffix.lower() in endings)
    files = listed if args.image is None else [args.image]
    if not files:
        raise InputError(f"{folder} holds no images.")
    records = []
    for number, path in enumerate(files, start=1):
        try:
            records.append(ImageRecord(number, path.name, image_size(path)))
        except InputError as error:
            if not args.skip_broken:
                raise
            print(f"pointsam: skipped: {error}", file=sys.stderr)
    data = Dataset(tuple(records), (ANYTHING,))
    return readable_images(data, folder, skip_broken=args.skip_broken), folder


def everything(
    args: argparse.Namespace, model: Segmenter
) -> Callable[[ImageRecord, Path], ImagePrediction]:
    """Give what segments one image as the arguments say."""
    if args.joint:
        raise InputError("--joint goes with clicks, not with --grid.")
    return partial(
        predict_automatic,
        model,
        settings=automatic_settings(args),
        ids=count(1),
        prototypes=load_prototypes(args.adapter) if args.adapter else None,
        precision=args.precision,
    )


def automatic_settings(args: argparse.Namespace) -> AutomaticSettings:
    """Read which masks are kept.

    Raises:
        InputError: a limit that cannot be.
    """
    return AutomaticSettings(
        grid=args.grid,
        min_iou=args.min_iou,
        min_stability=args.min_stability,
        max_overlap=args.max_overlap,
        rank_by=tuple(args.rank_by),
    )
