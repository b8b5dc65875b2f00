"""``pointsam data images``: converts rasters of any depth to 8-bit RGB, by one stretch."""

import argparse
from pathlib import Path

from pointsam.cli.arguments import refuse_options
from pointsam.cli.click_files import say
from pointsam.cli.display import band_numbers, described, found_stretch, value_range
from pointsam.data.rasters.images import list_images
from pointsam.data.rasters.likeness import (
    doubts_of_colours,
    doubts_of_order,
    refuse_other_values,
)
from pointsam.data.rasters.stretching import (
    FILE_NAME,
    Stretch,
    convert_image,
    read_stretch,
    stretch_from,
    write_stretch,
)
from pointsam.data.rasters.value_doubts import doubts_of_values
from pointsam.errors import InputError
from pointsam.files import new_folder
from pointsam.models.adapters.card import read_card
from pointsam.progress import Bar

REORDER = (
    "if the file is right, give those of training in its order, or put the bands in order with "
    "gdal_translate -b RED -b GREEN -b BLUE IN OUT"
)
"""What to do where a file names other bands as its colours."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "images",
        help="make 8-bit RGB images of 16-bit, float or many-band ones",
        description=(
            "Make 8-bit RGB images of a folder of rasters, all by one stretch, which is printed "
            "and saved as stretch.json beside them. Give that file as --like for the images of "
            "prediction, so that they look like those of training. Bytes are not stretched unless "
            "asked for. No-data, NaN and transparent pixels get SAM's mean colour. TIFFs keep "
            "their place on the map."
        ),
        epilog="example: pointsam data images Sentinel --bands 4,3,2 --output Images",
    )
    parser.add_argument("input", type=Path, help="folder of images")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="new folder")
    parser.add_argument(
        "--bands", type=band_numbers, metavar="R,G,B", help="bands, from 1; one alone is grey"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--percent",
        type=value_range,
        metavar="LOW,HIGH",
        help="percentiles, over all images, shown as black and white (default: 2,98)",
    )
    how.add_argument(
        "--stretch", type=value_range, metavar="LOW,HIGH", help="values shown as black and white"
    )
    how.add_argument(
        "--like",
        type=Path,
        metavar="FILE",
        help="stretch.json of other images, or an adapter's folder",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Convert a folder."""
    if args.like is not None:
        refuse_options(args, ("bands",), "runs without --like, which says which bands are shown,")
    paths = list_images(args.input)
    if not paths:
        raise InputError(f"{args.input} holds no images.")
    names = {path: _output_name(path) for path in paths}
    if len(set(names.values())) < len(paths):
        raise InputError(f"{args.input} holds images of one name and two endings.")
    with new_folder(args.output) as folder:
        stretch = (
            found_stretch(paths, bands=args.bands, values=args.stretch, percent=args.percent)
            if args.like is None
            else _stretch_of(args.like)
        )
        if args.like is not None:
            refuse_other_values(paths, stretch)
            say((), doubts_of_colours(paths, stretch, remedy=REORDER))
        elif args.bands is None:
            say((), doubts_of_order(paths))
        if args.like is not None or args.stretch is not None:
            say((), doubts_of_values(paths, stretch))
        for path in Bar(paths, desc="writing", unit="image", delay=2, leave=False):
            convert_image(path, folder / names[path], stretch)
        write_stretch(stretch, folder / FILE_NAME)
    print(f"{args.output}: {len(paths)} images; red, green, blue are {described(stretch)}")
    return 0


def _stretch_of(like: Path) -> Stretch:
    """Read a saved stretch, or that of the images an adapter was trained on."""
    if not like.is_dir():
        return read_stretch(like)
    trained = read_card(like).stretch
    if trained is None:
        raise InputError(f"{like} does not know how its training images were stretched.")
    return stretch_from(trained)


def _output_name(path: Path) -> str:
    """Keep the name of a TIFF or PNG, so that annotations still fit; others become PNG."""
    keep = path.suffix.lower() in (".tif", ".tiff", ".png")
    return path.name if keep else f"{path.stem}.png"
