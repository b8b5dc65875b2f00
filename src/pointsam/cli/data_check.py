"""``pointsam data check``: what a data set holds, and all that is wrong with it."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from pointsam.cli.click_files import POINTS_HELP, add_click_arguments, open_clicks
from pointsam.data.coco.annotations import pair
from pointsam.data.coco.schema import read_coco_json, refuse
from pointsam.data.prepare.checking import (
    Picture,
    Report,
    check_annotations,
    check_images,
    check_likeness,
    check_points,
    looks_of,
)
from pointsam.data.prepare.contact_sheet import draw_sheet
from pointsam.data.records import Dataset, ImageRecord
from pointsam.errors import InputError
from pointsam.figures import save_picture
from pointsam.files import refuse_existing_file
from pointsam.progress import Bar


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "check",
        help="say what a data set holds and what is wrong with it",
        description=(
            "Say what a data set holds and all that is wrong with it, by file and id. "
            "With --images, every image is read, and images that show the same thing are noted. "
            "Exit status 0 if it is sound, 1 if it has faults."
        ),
        epilog=(
            "example: pointsam data check --annotations masks.json --images Images "
            "--points points_1.json"
        ),
    )
    parser.add_argument("--annotations", type=Path, metavar="FILE", help="COCO instance masks")
    parser.add_argument("--points", type=Path, metavar="FILE", help=POINTS_HELP)
    add_click_arguments(parser)
    parser.add_argument(
        "--images", type=Path, metavar="DIR", help="folder the file names are in; all are read"
    )
    parser.add_argument(
        "--across",
        type=Path,
        metavar="FILE",
        help="masks or points of another split, to find images that are in both; with --images",
    )
    parser.add_argument(
        "--across-images",
        type=Path,
        metavar="DIR",
        help="its folder; that of --images if not given",
    )
    parser.add_argument(
        "--sheet", type=Path, metavar="PNG", help="also draw some of the images; with --images"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check, then print facts, notes and faults."""
    _refuse_usage(args)
    report = Report()
    masks = check_annotations(args.annotations, report) if args.annotations else None
    points = (
        check_points(open_clicks(args), masks, report, images=args.images) if args.points else None
    )
    data = masks or points
    if args.images is not None and data is not None:
        _check_images(args, data, report)
    for line in report.facts:
        print(line)
    for line in report.notes:
        print(f"note: {line}")
    for line in report.faults:
        print(f"FAULT: {line}")
    count = len(report.faults)
    if count:
        print(f"{count} fault{'s' if count > 1 else ''}" + (", no sheet" if args.sheet else ""))
        return 1
    if args.sheet is not None:
        _draw(args, masks, points)
    print("sound")
    return 0


def _refuse_usage(args: argparse.Namespace) -> None:

    if args.annotations is None and args.points is None:
        raise InputError("nothing to check: give --annotations FILE, --points FILE, or both.")
    if args.images is None and (args.across or args.sheet):
        raise InputError("--across and --sheet look at images: give --images DIR.")
    if args.images is not None and not args.images.is_dir():
        raise FileNotFoundError(f"no image folder {args.images}.")
    if args.sheet is not None:
        if args.sheet.suffix.lower() != ".png":
            raise InputError(f"--sheet {args.sheet}: a sheet is one .png file.")
        refuse_existing_file(args.sheet)


def _check_images(args: argparse.Namespace, data: Dataset, report: Report) -> None:
    """Read all images, and compare what they show."""
    looks = looks_of(data, _progress(check_images(data, args.images, report), data))
    others = None
    if args.across is not None:
        listed = read_coco_json(args.across, refuse)["images"]
        across = Dataset(
            tuple(ImageRecord(i["id"], i["file_name"], (i["height"], i["width"])) for i in listed)
        )
        folder = args.across_images or args.images
        unread = Report()
        others = looks_of(across, _progress(check_images(across, folder, unread), across))
        report.faults.extend(unread.faults)
    check_likeness(looks, others, report)


def _progress(pictures: Iterator[Picture | None], data: Dataset) -> Iterator[Picture | None]:

    yield from Bar(
        pictures, desc="looking", total=len(data.images), unit="image", delay=2, leave=False
    )


def _draw(args: argparse.Namespace, masks: Dataset | None, points: Dataset | None) -> None:
    """Draw the sheet of what was read; masks with their points where they go together."""
    data = pair(masks, points) if masks and points else masks or points
    if data is None or not data.images:
        raise InputError("there are no images to draw.")
    save_picture(draw_sheet(data.images, args.images), args.sheet)
    print(f"sheet: {args.sheet}")
