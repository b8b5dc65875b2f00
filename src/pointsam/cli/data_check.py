"""``pointsam data check``: what a data set holds, and all that is wrong with it."""

import argparse
from pathlib import Path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "check",
        help="say what a data set holds and what is wrong with it",
        description=(
            "Say what a data set holds and all that is wrong with it, by file and id. "
            "Exit status 0 if it is sound, 1 if it has faults."
        ),
        epilog=(
            "example: pointsam data check --annotations masks.json --images Images "
            "--points points_1.json"
        ),
    )
    parser.add_argument("--annotations", type=Path, metavar="FILE", help="COCO instance masks")
    parser.add_argument("--points", type=Path, metavar="FILE", help="point file")
    parser.add_argument(
        "--images", type=Path, metavar="DIR", help="folder the file names are in; all are read"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check, then print facts, notes and faults."""
    from tqdm import tqdm

    from pointsam.data.checking import Report, check_annotations, check_images, check_points
    from pointsam.errors import InputError

    if args.annotations is None and args.points is None:
        raise InputError("nothing to check: give --annotations FILE, --points FILE, or both.")
    if args.images is not None and not args.images.is_dir():
        raise FileNotFoundError(f"no image folder {args.images}.")
    report = Report()
    masks = check_annotations(args.annotations, report) if args.annotations else None
    points = check_points(args.points, masks, report) if args.points else None
    data = masks or points
    if args.images is not None and data is not None:
        images = check_images(data, args.images, report)
        for _ in tqdm(images, total=len(data.images), unit="image", delay=2, leave=False):
            pass
    for line in report.facts:
        print(line)
    for line in report.notes:
        print(f"note: {line}")
    for line in report.faults:
        print(f"FAULT: {line}")
    count = len(report.faults)
    print("sound" if not count else f"{count} fault{'s' if count > 1 else ''}")
    return 1 if count else 0
