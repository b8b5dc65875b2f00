"""``pointsam data check``: lists the content of a data set and its faults."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from pointsam.cli.arguments import refuse_options
from pointsam.cli.click_files import (
    CLICK_FILE_OPTIONS,
    POINTS_HELP,
    add_click_arguments,
    parse_clicks,
)
from pointsam.data.clicks.formats import ClickFile
from pointsam.data.coco.annotations import pair
from pointsam.data.coco.schema import read_coco_json, refuse
from pointsam.data.prepare.checking import (
    Looks,
    Report,
    check_annotations,
    check_images,
    check_likeness,
    check_points,
    looks_of,
)
from pointsam.data.prepare.checking_scenes import check_clicks_on
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
            "With --images DIR, every image is read, and those that show the same thing are noted. "
            "With --images SCENE.tif, of any size, the clicks are looked for on its map: those off "
            "the scene, on no data or at one place are named. "
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
        "--images",
        type=Path,
        metavar="DIR|FILE",
        help="folder the file names are in, all are read; or the one scene that was clicked in",
    )
    _add_other_split(parser)
    parser.add_argument(
        "--sheet", type=Path, metavar="PNG", help="also draw some of the images; with --images"
    )
    parser.set_defaults(run=run)


def _add_other_split(parser: argparse.ArgumentParser) -> None:
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


@dataclass(frozen=True)
class Check:
    """What is checked."""

    annotations: Path | None
    points: ClickFile | None
    images: Path | None
    across: Path | None
    """Masks or points of another split."""
    across_images: Path | None
    sheet: Path | None

    @classmethod
    def parse(cls, args: argparse.Namespace) -> "Check":
        """Read the arguments.

        Raises:
            FileNotFoundError: no such folder of images.
            InputError: nothing to check, options without effect, a sheet that exists.
        """
        if args.annotations is None and args.points is None:
            raise InputError("nothing to check: give --annotations FILE, --points FILE, or both.")
        if args.images is None and (args.across or args.sheet):
            raise InputError("--across and --sheet look at images: give --images DIR.")
        if args.across is None:
            refuse_options(args, ("across_images",), "--across FILE")
        if args.images is not None and args.images.is_file():
            if args.annotations or args.points is None:
                raise InputError(
                    f"{args.images} is one file: give the clicks on it with --points FILE alone, "
                    "or a folder of images."
                )
            refuse_options(args, ("across", "sheet"), "a folder of images")
        elif args.images is not None and not args.images.is_dir():
            raise FileNotFoundError(f"no scene or image folder {args.images}.")
        if args.sheet is not None:
            if args.sheet.suffix.lower() != ".png":
                raise InputError(f"--sheet {args.sheet}: a sheet is one .png file.")
            refuse_existing_file(args.sheet)
        folder = args.across_images or args.images
        if args.points is None:
            refuse_options(args, CLICK_FILE_OPTIONS, "--points FILE")
        points = None if args.points is None else parse_clicks(args)
        return cls(args.annotations, points, args.images, args.across, folder, args.sheet)


def run(args: argparse.Namespace) -> int:
    """Check, then print facts, notes and faults."""
    asked = Check.parse(args)
    report = Report()
    if asked.images is not None and asked.points is not None and asked.images.is_file():
        check_clicks_on(asked.points, asked.images, report)
        return _end(report, asked)
    masks = check_annotations(asked.annotations, report) if asked.annotations else None
    points = (
        check_points(asked.points, masks, report, images=asked.images) if asked.points else None
    )
    data = masks or points
    if asked.images is not None and data is not None:
        others = None
        looks = _looks_of(data, asked.images, report)
        if asked.across is not None and asked.across_images is not None:
            others = _looks_across(asked.across, asked.across_images, report)
        check_likeness(looks, others, report)
    status = _end(report, asked)
    if not status and asked.sheet is not None and asked.images is not None:
        _draw(masks, points, asked.images, asked.sheet)
    return status


def _end(report: Report, asked: Check) -> int:
    """Print the report, and give the exit status."""
    _print(report)
    count = len(report.faults)
    if count:
        print(f"{count} fault{'s' if count > 1 else ''}" + (", no sheet" if asked.sheet else ""))
        return 1
    print("sound")
    return 0


def _print(report: Report) -> None:
    for line in report.facts:
        print(line)
    for line in report.notes:
        print(f"note: {line}")
    for line in report.faults:
        print(f"FAULT: {line}")


def _looks_of(data: Dataset, images: Path, report: Report) -> Looks:
    """Read all images, and hash what they show."""
    pictures = Bar(
        check_images(data, images, report),
        desc="looking",
        total=len(data.images),
        unit="image",
        delay=2,
        leave=False,
    )
    return looks_of(data, iter(pictures))


def _looks_across(listed_in: Path, images: Path, report: Report) -> Looks:
    """Read the images of another split, of which only faults go into the report."""
    listed = read_coco_json(listed_in, refuse)["images"]
    across = Dataset(
        tuple(ImageRecord(i["id"], i["file_name"], (i["height"], i["width"])) for i in listed)
    )
    unread = Report()
    looks = _looks_of(across, images, unread)
    report.faults.extend(unread.faults)
    return looks


def _draw(masks: Dataset | None, points: Dataset | None, images: Path, sheet: Path) -> None:
    """Draw the sheet, with points on their masks where both were read."""
    data = pair(masks, points) if masks and points else masks or points
    if data is None or not data.images:
        raise InputError("there are no images to draw.")
    save_picture(draw_sheet(data.images, images), sheet)
    print(f"sheet: {sheet}")
