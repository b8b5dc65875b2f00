"""``pointsam points convert``: converts clicks between formats."""

import argparse
from pathlib import Path

from pointsam.cli.click_files import add_click_arguments, parse_clicks, say
from pointsam.data.clicks.writers import write_clicks
from pointsam.errors import InputError
from pointsam.files import refuse_existing_file


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "convert",
        help="make a point file from the clicks of another tool, or a table of a point file",
        description=(
            "Read clicks from a point file, COCO key points, CSV (image,x,y or image,lon,lat), "
            "GeoJSON, GeoPackage or another vector file, LabelMe, Label Studio, CVAT, VIA, "
            "Supervisely, or boxes of YOLO, DOTA or NWPU VHR-10, recognised by content, and write "
            "a point file (.json), CSV or GeoJSON. Clicks with the same 'instance' (LabelMe and "
            "CVAT: group) are one object; without it each positive click is an object, and a "
            "negative one is background for all objects of its image."
        ),
        epilog="example: pointsam points convert clicks.csv --images Images --output points.json",
    )
    parser.add_argument("input", type=Path, help="file, or folder of LabelMe or YOLO files")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="new .json, .csv or .geojson"
    )
    parser.add_argument(
        "--images",
        type=Path,
        metavar="DIR",
        help="folder of the images, or one image; for formats without sizes or places",
    )
    add_click_arguments(parser)
    parser.set_defaults(run=run)


def _on_one(images: Path | None) -> str:
    """End the sentence that there are no clicks; those on other images than one do not count."""
    if images is None or not images.is_file():
        return ": is it the right file, exported whole?"
    return f" on {images}: does it call the image so?"


def run(args: argparse.Namespace) -> int:
    """Read, then write."""
    refuse_existing_file(args.output)
    data = parse_clicks(args, args.input).read(args.images)
    background = sum(len(image.background_points) for image in data.images)
    if not data.instance_count and not background:
        raise InputError(f"{args.input} holds no clicks{_on_one(args.images)}")
    write_clicks(data, args.output, images=args.images)
    for line in data.dropped:
        print(f"dropped: {line}")
    say((), data.notes)
    print(
        f"{args.output}: {data.instance_count} instances in {len(data.images)} images, "
        f"{background} background points"
    )
    return 0
