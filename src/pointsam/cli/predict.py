"""``pointsam predict``: images and points in, masks out."""

import argparse
import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from pointsam.cli.arguments import (
    add_model_arguments,
    add_skip_broken,
    open_model,
    readable_images,
    refuse_options,
)
from pointsam.cli.click_files import POINTS_HELP, add_click_arguments, open_clicks, read_clicks
from pointsam.cli.clicks import click, clicked_image
from pointsam.cli.display import refuse_other_stretch
from pointsam.cli.outlines import (
    add_outline_arguments,
    refuse_idle_rules,
    write_label_files,
)
from pointsam.cli.predict_automatic import (
    EVERYTHING_DEFAULTS,
    add_automatic_arguments,
    everything,
    read_images,
)
from pointsam.cli.predict_scene import SCENE_DEFAULTS, add_scene_arguments, is_scene, run_scene
from pointsam.cli.shrinking import tell_shrunk
from pointsam.data.rasters.images import read_image
from pointsam.data.records import Dataset
from pointsam.errors import InputError
from pointsam.figures import save_picture
from pointsam.files import new_folder, refuse_existing
from pointsam.models.calibration import Calibration
from pointsam.prediction.images.clicked import (
    coco_annotations,
    coco_image,
    draw_figure,
    output_names,
    predict_image,
    write_labels,
)
from pointsam.progress import Bar
from pointsam.training.settings import TeacherSettings


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "predict",
        help="segment images from points",
        description=(
            "Segment the objects you clicked on, in images or georeferenced scenes. "
            "For images the output folder holds predictions.json (COCO, masks as RLE, with SAM's "
            "own estimate of each mask as score), labels/ (a 16-bit PNG an image, in which a pixel "
            "that several masks claim goes to the highest logit) and figures/. A georeferenced "
            "image, or points from a vector file, give polygons and a raster with coordinates."
        ),
        epilog=(
            "example: pointsam predict --image field.jpg --point 310,122 --point 40,87 --output out"
        ),
    )
    _add_files(parser)
    parser.add_argument(
        "--joint",
        action="store_true",
        help="decode objects whose masks overlap again, with each other's points as background",
    )
    parser.add_argument(
        "--with-boxes",
        action="store_true",
        help="prompt with the boxes that the point file carries beside its points",
    )
    add_model_arguments(parser)
    add_automatic_arguments(parser)
    add_scene_arguments(parser)
    add_outline_arguments(parser)
    parser.set_defaults(run=run)


def _add_files(parser: argparse.ArgumentParser) -> None:
    files = parser.add_argument_group("files")
    source = files.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "scene", type=Path, nargs="?", metavar="IMAGE", help="one image, or one scene"
    )
    source.add_argument("--image", type=Path, metavar="FILE", help="the same, by name")
    source.add_argument(
        "--images", type=Path, metavar="DIR", help="folder of a point file's images"
    )
    clicks = files.add_mutually_exclusive_group(required=True)
    clicks.add_argument("--points", type=Path, metavar="FILE", help=POINTS_HELP)
    clicks.add_argument(
        "--point",
        type=click,
        action="append",
        metavar="X,Y[,LABEL]",
        help="a click on the image or scene in pixels (repeatable): label 1, the default, is one "
        "object, label 0 is background for all of them",
    )
    clicks.add_argument(
        "--grid",
        type=int,
        metavar="N",
        help="no clicks: prompt with N points along the longer side and keep the good masks",
    )
    files.add_argument("--output", "-o", type=Path, required=True, metavar="DIR", help="new folder")
    add_click_arguments(files)
    add_skip_broken(files)


def run(args: argparse.Namespace) -> int:
    """Predict."""
    args.image = args.image or args.scene
    clicks = open_clicks(args) if args.points is not None else None
    if args.grid is None:
        refuse_options(args, EVERYTHING_DEFAULTS, "--grid")
    if args.with_boxes and (args.points is None or args.joint):
        raise InputError("--with-boxes takes the boxes of a point file, and not --joint.")
    if args.image is not None and (args.window is not None or is_scene(args.image, clicks)):
        if args.joint or args.skip_broken or args.with_boxes:
            raise InputError("--joint, --skip-broken and --with-boxes are not for scenes.")
        refuse_options(args, {"also": ()}, "images")
        return run_scene(args, clicks)
    refuse_options(args, SCENE_DEFAULTS, "rasters with a place on a map")
    refuse_idle_rules(args)
    refuse_existing(args.output)
    read = read_images if args.grid is not None else _read_data
    return _segment(args, *read(args))


def _segment(args: argparse.Namespace, data: Dataset, folder: Path) -> int:
    """Segment images that have points, and write what was found."""
    refuse_other_stretch(folder, args.adapter)
    usual = TeacherSettings()
    joint = Calibration(usual.iou_threshold, usual.max_negatives) if args.joint else None
    model = open_model(args)
    tell_shrunk(data.images, side=model.side)
    clicked = partial(
        predict_image,
        model,
        joint=joint,
        precision=args.precision,
        with_boxes=args.with_boxes,
    )
    segment = clicked if args.grid is None else everything(args, model)
    content: dict[str, list[dict[str, Any]]] = {
        "images": [coco_image(record) for record in data.images],
        "categories": [{"id": i, "name": name} for i, name in enumerate(data.categories, start=1)],
        "annotations": [],
    }
    with new_folder(args.output) as output:
        named = zip(data.images, output_names(data.images), strict=True)
        for record, name in Bar(named, total=len(data.images), desc="segmenting", unit="image"):
            found = segment(record, folder)
            content["annotations"] += coco_annotations(found, categories=data.categories)
            write_labels(found.labels, output / "labels" / name)
            save_picture(draw_figure(found), output / "figures" / name)
        (output / "predictions.json").write_text(json.dumps(content))
        write_label_files(args, content, output)
    print(f"{len(content['annotations'])} masks in {len(data.images)} images: {args.output}")
    return 0


def _read_data(args: argparse.Namespace) -> tuple[Dataset, Path]:
    """Read the points of the images that have any, and name the images' folder.

    Raises:
        InputError: an option is missing, no image has points, or an image cannot be used.
    """
    if args.point is not None:
        if args.image is None:
            raise InputError("--point is a click on one image: give --image FILE.")
        size = read_image(args.image).shape
        record = clicked_image(args.image, (size[0], size[1]), args.point)
        data, folder = Dataset((record,), ("object",)), args.image.parent
    elif args.image is not None:
        data, folder = read_clicks(args, args.image), args.image.parent
    else:
        data, folder = read_clicks(args, args.images), args.images
    with_points = tuple(record for record in data.images if record.instances)
    if not with_points:
        raise InputError(f"{args.points} has no image with points: there is nothing to segment.")
    data = replace(data, images=with_points)
    return readable_images(data, folder, skip_broken=args.skip_broken), folder
