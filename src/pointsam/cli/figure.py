"""``pointsam figure``: images with points, ground truth, direct and adapted masks side by side."""

import argparse
from dataclasses import replace
from pathlib import Path

from pointsam.cli.arguments import (
    add_model_arguments,
    add_skip_broken,
    open_predictor,
    readable_images,
)
from pointsam.cli.click_files import POINTS_HELP, add_click_arguments, read_clicks
from pointsam.cli.figure_scene import add_scene_arguments, draw_scene
from pointsam.data.coco.annotations import pair, read_coco
from pointsam.data.records import Dataset
from pointsam.errors import InputError
from pointsam.figures import save_picture
from pointsam.files import new_folder, refuse_existing, refuse_existing_file
from pointsam.prediction.images.clicked import output_names
from pointsam.prediction.images.comparison import compare, draw_comparison, draw_sheet, telling
from pointsam.prediction.predictor import Predictor
from pointsam.progress import Bar


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "figure",
        help="draw masks before and after adaptation",
        description=(
            "Draw masks before and after adaptation. Panels: the image with its points, ground "
            "truth if there is any, the direct model, the adapted one; one colour an object, a "
            "scale bar on georeferenced images. With --scene: a part of a large raster with the "
            "masks that were found on it."
        ),
        epilog=(
            "example: pointsam figure --images Images --points val_1.json --annotations val.json "
            "--adapter adapter --sheet 2 --output sheet.png; pointsam figure --scene scene.tif "
            "--masks out/instances.gpkg --window 4096,2048,1024,1024 --output part.png"
        ),
    )
    files = parser.add_argument_group("files")
    files.add_argument("--images", type=Path, metavar="DIR", help="folder of images")
    files.add_argument("--points", type=Path, metavar="FILE", help=POINTS_HELP)
    add_click_arguments(files)
    files.add_argument(
        "--annotations", type=Path, metavar="FILE", help="COCO masks with the same ids"
    )
    files.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="draw this image of the point file (repeatable); all of them if not given",
    )
    files.add_argument(
        "--output",
        "-o",
        type=Path,
        required=True,
        help="new folder; new .png with --sheet or --scene",
    )
    add_skip_broken(files)
    parser.add_argument(
        "--sheet",
        type=int,
        metavar="N",
        help="one sheet: the N images that gained most, N in the middle, N that gained least",
    )
    add_scene_arguments(parser)
    add_model_arguments(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw."""
    if args.scene is None:
        _draw_images(args)
    else:
        draw_scene(args)
    print(f"figure: {args.output}")
    return 0


def _draw_images(args: argparse.Namespace) -> None:
    """Draw images of a folder before and after adaptation."""
    _check(args)
    (refuse_existing if args.sheet is None else refuse_existing_file)(args.output)
    data = _read_data(args)
    predictor = open_predictor(args)
    if args.sheet is None:
        _draw_each(args, data, predictor)
    else:
        _draw_sheet(args, data, predictor)


def _check(args: argparse.Namespace) -> None:
    """Refuse what does not go with a folder of images."""
    if args.images is None or args.points is None:
        raise InputError("give --images DIR and --points FILE, or --scene FILE.")
    for name in ("masks", "window", "around", "bands", "stretch"):
        if getattr(args, name) is not None:
            raise InputError(f"--{name} goes with --scene, not with --images.")
    if args.sheet is not None and (not args.annotations or not args.adapter or args.sheet < 1):
        raise InputError(
            "--sheet N ranks images by gain: give N >= 1, --annotations and --adapter."
        )
    if args.sheet is not None and args.output.suffix != ".png":
        raise InputError(f"--output {args.output}: a sheet is one .png file.")


def _draw_each(args: argparse.Namespace, data: Dataset, predictor: Predictor) -> None:
    """Draw one picture an image."""
    names = output_names(data.images)
    with new_folder(args.output) as folder:
        for record, name in Bar(
            zip(data.images, names, strict=True), total=len(names), unit="image"
        ):
            picture = draw_comparison(compare(predictor, record, args.images))
            save_picture(picture, folder / name)


def _draw_sheet(args: argparse.Namespace, data: Dataset, predictor: Predictor) -> None:
    """Rank all images by gain, and draw the telling ones."""
    gains = [
        compare(predictor, record, args.images).gain
        for record in Bar(data.images, desc="comparing", unit="image")
    ]
    chosen = [data.images[index] for index in telling(gains, each=args.sheet)]
    save_picture(draw_sheet([compare(predictor, r, args.images) for r in chosen]), args.output)


def _read_data(args: argparse.Namespace) -> Dataset:
    """Read points, and masks where there are any; keep images with instances."""
    data = read_clicks(args, args.images)
    if args.annotations:
        data = pair(read_coco(args.annotations), data)
    known = {image.file_name for image in data.images}
    unknown = [name for name in args.only if name not in known]
    if unknown:
        raise InputError(f"--only {unknown[0]}: {args.points} lists no such image.")
    kept = [i for i in data.images if i.instances and (not args.only or i.file_name in args.only)]
    if not kept:
        raise InputError(f"{args.points} has no image with points to draw.")
    return readable_images(
        replace(data, images=tuple(kept)), args.images, skip_broken=args.skip_broken
    )
