"""Checks the images of a data set before the long work, and the option for damaged ones."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from pointsam.cli.click_files import say
from pointsam.data.clicks.transparent import without_transparent
from pointsam.data.dataset import read_image_of
from pointsam.data.rasters.doubts import doubts_of_pages
from pointsam.data.rasters.images import image_path
from pointsam.data.records import Dataset
from pointsam.errors import InputError
from pointsam.progress import Bar


def add_skip_broken(parser: argparse._ArgumentGroup) -> None:
    """Ask whether one bad image ends the run."""
    parser.add_argument(
        "--skip-broken",
        action="store_true",
        help="go on without images that are missing or cannot be read, and list them",
    )


def readable_images(data: Dataset, folder: Path, *, skip_broken: bool) -> Dataset:
    """Keep the images that can be read; a bad one is found here, not after hours of work.

    Clicks on transparent pixels are left out, and named on the error stream. Of a file with several
    pictures the first is read, and the file is named there, too.

    Args:
        data: records of images in `folder`.
        folder: that the file names are in.
        skip_broken: leave the others out and name them on the error stream, and in ``dropped``.

    Raises:
        FileNotFoundError: an image is missing.
        InputError: an image is damaged or of another size, or no image, or no object, is left.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no image folder {folder}.")
    kept, broken, unseen = [], [], []
    for record in Bar(data.images, desc="checking images", unit="image", delay=2, leave=False):
        try:
            read_image_of(record, folder)
            seen, lines = without_transparent(record, folder)
        except (InputError, FileNotFoundError) as error:
            if not skip_broken:
                advice = (
                    " (--skip-broken goes on without such images.)" if len(data.images) > 1 else ""
                )
                raise type(error)(f"{error}{advice}") from error
            broken.append(str(error))
        else:
            unseen += lines
            if seen.instances or not record.instances:
                kept.append(seen)
    say(unseen, doubts_of_pages([image_path(folder, record.file_name) for record in kept]))
    for line in broken:
        print(f"pointsam: skipped: {line}", file=sys.stderr)
    if broken and not kept:
        raise InputError(f"none of the {len(broken)} images in {folder} can be used.")
    if unseen and not any(record.instances for record in kept):
        raise InputError(f"all objects in {folder} are clicked where their image is transparent.")
    return replace(data, images=tuple(kept), dropped=(*data.dropped, *broken, *unseen))
