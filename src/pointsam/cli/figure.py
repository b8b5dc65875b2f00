"""``pointsam figure``: images with points, ground truth, direct and adapted masks side by side."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pointsam.cli.arguments import (
    MODEL_OPTIONS,
    ModelChoice,
    add_model_arguments,
    refuse_options,
)
from pointsam.cli.click_files import (
    POINTS_HELP,
    add_click_arguments,
    parse_clicks,
    read_clicks,
    say,
)
from pointsam.cli.figure_scene import PART_OPTIONS, ScenePart, add_scene_arguments, draw_scene
from pointsam.cli.image_files import add_skip_broken, readable_images
from pointsam.data.clicks.formats import ClickFile
from pointsam.data.coco.annotations import pair, read_coco
from pointsam.data.coco.pairing import note_of_clicks_off, refuse_other_size
from pointsam.data.records import Dataset, ImageRecord
from pointsam.errors import InputError
from pointsam.figures import save_picture
from pointsam.files import new_folder, refuse_existing, refuse_existing_file
from pointsam.prediction.images.clicked import output_names
from pointsam.prediction.images.comparison import Comparison as ComparedMasks
from pointsam.prediction.images.comparison import compare, draw_comparison, draw_sheet, telling
from pointsam.progress import Bar

IMAGE_OPTIONS = (
    "images",
    "annotations",
    "only",
    "skip_broken",
    "sheet",
    *MODEL_OPTIONS,
)
"""Options without effect on a part of a scene, where no model runs."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "figure",
        help="draw masks before and after adaptation",
        description=(
            "Draw masks before and after adaptation. Panels: the image with its points, ground "
            "truth if there is any, the direct model, masks from a file (as of 'pointsam label'), "
            "the adapted model; one colour an object, a scale bar on georeferenced images. With "
            "--scene: a part of a large raster with the masks that were found on it."
        ),
        epilog=(
            "example: pointsam figure --images Images --points val_1.json --annotations val.json "
            "--adapter adapter --sheet 2 --output sheet.png; pointsam figure --scene scene.tif "
            "--masks out/instances.gpkg --window 4096,2048,1024,1024 --output part.png"
        ),
    )
    _add_files(parser.add_argument_group("files"))
    parser.add_argument(
        "--sheet",
        type=int,
        metavar="N",
        help="one sheet: the N best images, N in the middle, the N worst",
    )
    parser.add_argument(
        "--rank",
        choices=("gain", "iou"),
        help="what --sheet ranks by: what the adapter gained (if not given), or its IoU",
    )
    add_scene_arguments(parser)
    add_model_arguments(parser)
    parser.set_defaults(run=run)


def _add_files(files: "argparse._ArgumentGroup") -> None:
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


@dataclass(frozen=True)
class Comparison:
    """Images of a folder that are drawn before and after adaptation."""

    images: Path
    points: ClickFile
    annotations: Path | None
    masks: Path | None
    """COCO masks that get a panel of their own."""
    only: tuple[str, ...]
    """Names of the images that are drawn; empty for all."""
    sheet: int | None
    """Images of each kind on one sheet; None for a picture an image."""
    rank: str
    """What a sheet ranks by: ``gain`` or ``iou``."""
    output: Path
    skip_broken: bool

    @classmethod
    def parse(cls, args: argparse.Namespace) -> "Comparison":
        """Read the arguments.

        Raises:
            InputError: an option is missing, or has no effect on a folder of images.
        """
        if args.images is None or args.points is None:
            raise InputError("give --images DIR and --points FILE, or --scene FILE.")
        refuse_options(args, [name for name in PART_OPTIONS if name != "masks"], "--scene")
        if args.sheet is None:
            refuse_options(args, ["rank"], "--sheet")
        if args.sheet is not None and (not args.annotations or not args.adapter or args.sheet < 1):
            raise InputError(
                "--sheet N ranks images by IoU: give N >= 1, --annotations and --adapter."
            )
        if args.sheet is not None and args.output.suffix.lower() != ".png":
            raise InputError(f"--output {args.output}: a sheet is one .png file.")
        return cls(
            images=args.images,
            points=parse_clicks(args),
            annotations=args.annotations,
            masks=args.masks,
            only=tuple(args.only),
            sheet=args.sheet,
            rank=args.rank or "gain",
            output=args.output,
            skip_broken=args.skip_broken,
        )


def run(args: argparse.Namespace) -> int:
    """Draw."""
    if args.scene is not None:
        refuse_options(args, IMAGE_OPTIONS, "--images")
        draw_scene(ScenePart.parse(args))
    else:
        _draw_images(Comparison.parse(args), ModelChoice.parse(args))
    print(f"figure: {args.output}")
    return 0


def _draw_images(asked: Comparison, model: ModelChoice) -> None:
    """Draw images of a folder before and after adaptation."""
    (refuse_existing if asked.sheet is None else refuse_existing_file)(asked.output)
    data = _read_data(asked)
    given = _given_masks(asked.masks, data)
    predictor = model.open(images=asked.images)

    def compared(record: ImageRecord) -> ComparedMasks:
        return compare(predictor, record, asked.images, given=given.get(record.file_name))

    if asked.sheet is None:
        _draw_each(data, asked.output, compared)
    else:
        _draw_sheet(data, asked.output, compared, each=asked.sheet, rank=asked.rank)


def _draw_each(
    data: Dataset, output: Path, compared: Callable[[ImageRecord], ComparedMasks]
) -> None:
    """Draw one picture an image."""
    names = output_names(data.images)
    with new_folder(output) as folder:
        for record, name in Bar(
            zip(data.images, names, strict=True), desc="drawing", total=len(names), unit="image"
        ):
            save_picture(draw_comparison(compared(record)), folder / name)


def _draw_sheet(
    data: Dataset,
    output: Path,
    compared: Callable[[ImageRecord], ComparedMasks],
    *,
    each: int,
    rank: str,
) -> None:
    """Rank all images, and draw the first, the middle and the last ones."""
    values = []
    for record in Bar(data.images, desc="comparing", unit="image"):
        found = compared(record)
        values.append(found.gain if rank == "gain" else found.adapted_iou or 0)
    chosen = [data.images[index] for index in telling(values, each=each)]
    save_picture(draw_sheet([compared(record) for record in chosen]), output)


def _given_masks(path: Path | None, data: Dataset) -> dict[str, ImageRecord]:
    """Read the masks of a file under the ids of the clicks, by image.

    Raises:
        InputError: a drawn image has an object without a mask there, or is of another size.
    """
    if path is None:
        return {}
    found = {image.file_name: image for image in read_coco(path).images}
    given = {}
    for image in data.images:
        named = found.get(image.file_name)
        if named is not None:
            refuse_other_size(named, image)
        masks = {i.id: i for i in named.instances} if named is not None else {}
        missing = [i.id for i in image.instances if i.id not in masks]
        if missing:
            raise InputError(
                f"--masks {path} has no mask of object {missing[0]} in {image.file_name}: give "
                "masks under the ids of the clicks, as 'pointsam label' writes them."
            )
        instances = (
            replace(one, segmentation=masks[one.id].segmentation) for one in image.instances
        )
        given[image.file_name] = replace(image, instances=tuple(instances))
    say((), note_of_clicks_off(replace(data, images=tuple(given.values()))))
    return given


def _read_data(asked: Comparison) -> Dataset:
    """Read points, and masks where there are any; keep images with instances."""
    data = read_clicks(asked.points, asked.images)
    if asked.annotations:
        data = pair(read_coco(asked.annotations), data)
        say((), note_of_clicks_off(data))
    known = {image.file_name for image in data.images}
    unknown = [name for name in asked.only if name not in known]
    if unknown:
        raise InputError(f"--only {unknown[0]}: {asked.points.path} lists no such image.")
    kept = [i for i in data.images if i.instances and (not asked.only or i.file_name in asked.only)]
    if not kept:
        raise InputError(f"{asked.points.path} has no image with points to draw.")
    return readable_images(
        replace(data, images=tuple(kept)), asked.images, skip_broken=asked.skip_broken
    )
