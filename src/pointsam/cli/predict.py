"""``pointsam predict``: segments images from points."""

import argparse
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from pointsam.cli.arguments import (
    ModelChoice,
    add_model_arguments,
    refuse_options,
)
from pointsam.cli.click_files import (
    CLICK_FILE_OPTIONS,
    POINTS_HELP,
    add_click_arguments,
    parse_clicks,
    read_clicks,
)
from pointsam.cli.clicks import click, clicked_image
from pointsam.cli.image_files import add_skip_broken, readable_images
from pointsam.cli.outlines import OutlineChoice, add_outline_arguments, write_label_files
from pointsam.cli.predict_automatic import (
    AUTOMATIC_OPTIONS,
    add_automatic_arguments,
    listed_images,
    parse_automatic,
)
from pointsam.cli.predict_many import (
    MANY_OPTIONS,
    ManyChoice,
    add_many_arguments,
    predict_many,
)
from pointsam.cli.predict_scene import is_scene, predict_scene
from pointsam.cli.scene_options import (
    SCENE_OPTIONS,
    Prompt,
    SceneChoice,
    add_scene_arguments,
)
from pointsam.cli.shrinking import tell_shrunk
from pointsam.cli.sources import ADDRESS_HELP, add_source_arguments, parse_source
from pointsam.data.clicks.formats import ClickFile
from pointsam.data.coco.annotations import image_entry
from pointsam.data.rasters.images import read_image
from pointsam.data.records import Dataset, ImageRecord
from pointsam.errors import InputError
from pointsam.figures import save_picture
from pointsam.files import new_folder, refuse_existing
from pointsam.models.calibration import Calibration
from pointsam.prediction.automatic import AutomaticSettings
from pointsam.prediction.images.automatic import load_prototypes, predict_automatic
from pointsam.prediction.images.clicked import (
    ImagePrediction,
    coco_annotations,
    draw_figure,
    output_names,
    predict_image,
    write_labels,
)
from pointsam.progress import Bar
from pointsam.training.stages import TeacherSettings

CLICK_OPTIONS = ("joint", "with_boxes")
"""Options that are for clicks alone, not for a grid."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "predict",
        help="segment images from points",
        description=(
            "Segment the objects you clicked on, in images or georeferenced scenes. "
            "For images the output folder holds predictions.json (COCO, masks as RLE, with SAM's "
            "own estimate of each mask as score), labels/ (a 16-bit PNG an image, in which a pixel "
            "of several masks goes to the highest logit) and figures/. A georeferenced "
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
    add_many_arguments(parser)
    add_source_arguments(parser)
    add_outline_arguments(parser)
    parser.set_defaults(run=run)


def _add_files(parser: argparse.ArgumentParser) -> None:
    files = parser.add_argument_group("files")
    source = files.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "scene", nargs="?", metavar="IMAGE", help=f"one image or scene: a file, {ADDRESS_HELP}"
    )
    source.add_argument("--image", metavar="FILE", help="the same, by name")
    source.add_argument(
        "--images", type=Path, metavar="DIR", help="folder of a point file's images"
    )
    source.add_argument(
        "--scenes",
        type=Path,
        metavar="LIST",
        help="many scenes: a file with a path a line, or a folder of rasters",
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


@dataclass(frozen=True)
class PredictFiles:
    """Images to segment, their prompts and the output folder."""

    image: Path | None
    """One image or scene; None where a folder is given."""
    images: Path | None
    """A folder of images; None where one image is given."""
    prompt: Prompt
    output: Path
    skip_broken: bool

    @classmethod
    def parse(cls, args: argparse.Namespace) -> "PredictFiles":
        """Read the arguments.

        Raises:
            InputError: options without effect for these prompts.
        """
        if args.grid is None:
            refuse_options(args, AUTOMATIC_OPTIONS, "--grid")
        else:
            refuse_options(args, CLICK_OPTIONS, "clicks")
        if args.with_boxes and (args.points is None or args.joint):
            raise InputError("--with-boxes takes the boxes of a point file, and not --joint.")
        image = parse_source(args, args.image or args.scene)
        if args.point is not None and image is None:
            raise InputError("--point is a click on one image: give --image FILE.")
        if args.images is None:
            refuse_options(args, ("skip_broken",), "--images DIR")
        if args.points is None:
            refuse_options(args, CLICK_FILE_OPTIONS, "--points FILE")
        prompt: Prompt
        if args.points is not None:
            prompt = parse_clicks(args)
        else:
            prompt = parse_automatic(args) if args.point is None else tuple(args.point)
        return cls(image, args.images, prompt, args.output, args.skip_broken)


def run(args: argparse.Namespace) -> int:
    """Predict."""
    files = PredictFiles.parse(args)
    model = ModelChoice.parse(args)
    if args.scenes is not None:
        refuse_options(args, CLICK_OPTIONS, "images without a place on a map")
        return predict_many(ManyChoice.parse(args, prompt=files.prompt), model)
    refuse_options(args, MANY_OPTIONS, "--scenes")
    if files.image is not None and (args.window is not None or is_scene(files.image, files.prompt)):
        refuse_options(args, CLICK_OPTIONS, "images without a place on a map")
        scene = SceneChoice.parse(args, image=files.image, prompt=files.prompt)
        return predict_scene(scene, model)
    refuse_options(args, SCENE_OPTIONS, "rasters with a place on a map")
    outlines = OutlineChoice.parse(args, on_map=False)
    refuse_existing(files.output)
    data, folder = _read(files)
    found = _segment_images(
        model, files.prompt, data, folder, joint=args.joint, with_boxes=args.with_boxes
    )
    count = _write(found, data, files.output, outlines)
    print(f"{count} masks in {len(data.images)} images: {files.output}")
    return 0


def _read(files: PredictFiles) -> tuple[Dataset, Path]:
    """Read the points of the images that have any, and name the images' folder.

    Raises:
        FileNotFoundError: there is no such image, folder or point file.
        InputError: no image has points, or an image cannot be used.
    """
    if isinstance(files.prompt, AutomaticSettings):
        data, folder = listed_images(files.image, files.images, skip_broken=files.skip_broken)
    else:
        data, folder = _clicked(files)
    return readable_images(data, folder, skip_broken=files.skip_broken), folder


def _segment_images(
    choice: ModelChoice,
    prompt: Prompt,
    data: Dataset,
    folder: Path,
    *,
    joint: bool,
    with_boxes: bool,
) -> Iterator[ImagePrediction]:
    """Load the model, and segment image after image."""
    predictor = choice.open(images=folder)
    model = predictor.model
    tell_shrunk(data.images, side=model.side)
    segment: Callable[[ImageRecord, Path], ImagePrediction]
    if isinstance(prompt, AutomaticSettings):
        segment = partial(
            predict_automatic,
            model,
            settings=prompt,
            ids=count(1),
            prototypes=load_prototypes(choice.adapter) if choice.adapter else None,
            precision=predictor.precision,
        )
    else:
        usual = TeacherSettings()
        segment = partial(
            predict_image,
            model,
            joint=Calibration(usual.iou_threshold, usual.max_negatives) if joint else None,
            precision=predictor.precision,
            with_boxes=with_boxes,
        )
    return (segment(record, folder) for record in data.images)


def _write(
    found: Iterable[ImagePrediction], data: Dataset, folder: Path, outlines: OutlineChoice
) -> int:
    """Write masks, label images and figures into a new folder, and count the masks."""
    content: dict[str, list[dict[str, Any]]] = {
        "images": [image_entry(record) for record in data.images],
        "categories": [{"id": i, "name": name} for i, name in enumerate(data.categories, start=1)],
        "annotations": [],
    }
    with new_folder(folder) as output:
        named = zip(found, output_names(data.images), strict=True)
        for masks, name in Bar(named, total=len(data.images), desc="segmenting", unit="image"):
            content["annotations"] += coco_annotations(masks, categories=data.categories)
            write_labels(masks.labels, output / "labels" / name)
            save_picture(draw_figure(masks), output / "figures" / name)
        (output / "predictions.json").write_text(json.dumps(content))
        write_label_files(outlines, content, output)
    return len(content["annotations"])


def _clicked(files: PredictFiles) -> tuple[Dataset, Path]:
    """Read the images that have points, and name their folder."""
    folder = files.images if files.image is None else files.image.parent
    assert folder is not None
    if isinstance(files.prompt, tuple) and files.image is not None:
        size = read_image(files.image).shape
        record = clicked_image(files.image, (size[0], size[1]), files.prompt)
        data = Dataset((record,), ("object",))
    else:
        assert isinstance(files.prompt, ClickFile)
        data = read_clicks(files.prompt, files.image or files.images, skip_broken=files.skip_broken)
    with_points = tuple(record for record in data.images if record.instances)
    if not with_points:
        assert isinstance(files.prompt, ClickFile)
        where = "no image with points" if files.image is None else f"no points on {files.image}"
        raise InputError(f"{files.prompt.path} has {where}: there is nothing to segment.")
    return replace(data, images=with_points), folder
