"""``pointsam data convert``: label rasters and polygons to COCO instance masks."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pointsam.cli.arguments import refuse_options
from pointsam.data.coco.annotations import read_coco
from pointsam.data.prepare.chips import cut_chips, read_polygons
from pointsam.data.prepare.conversion import (
    Tile,
    convert,
    labels_without_image,
    pair_tiles,
    whu_rule,
    whu_splits,
)
from pointsam.data.prepare.label_rasters import LabelRule
from pointsam.errors import InputError
from pointsam.files import new_folder
from pointsam.progress import Bar

USUAL_CATEGORY = "object"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command and its forms."""
    parser = subparsers.add_parser(
        "convert",
        help="make COCO instance masks from label rasters or polygons",
        description=(
            "Make COCO instance masks from label rasters or polygons. The conversion of label "
            "rasters continues where it was stopped."
        ),
    )
    forms = parser.add_subparsers(required=True, metavar="FORM")
    _add_whu(forms)
    _add_labels(forms)
    _add_polygons(forms)


def _add_whu(forms: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = forms.add_parser(
        "whu",
        help="WHU Building in its own tree",
        description=(
            "Convert the splits of WHU Building that are in a folder: every 8-connected component "
            "of the label raster is a building. Tiles without buildings stay in the file."
        ),
        epilog="example: pointsam data convert whu data/WHU",
    )
    parser.add_argument("root", type=Path, help="folder that holds images/{train,val,test}")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="folder for the files; ROOT/annotations else"
    )
    _add_conversion_arguments(parser)
    parser.set_defaults(run=run_whu)


def _add_labels(forms: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = forms.add_parser(
        "labels",
        help="any folder of images with label rasters",
        description=(
            "Convert label rasters that are named as their images. Values are numbers, palette "
            "indices, or colours as R,G,B."
        ),
        epilog=(
            "example: pointsam data convert labels --images JPEGImages --labels SegmentationObject "
            "--suffix _instance_id_RGB --each value --category ship --output masks.json"
        ),
    )
    _add_label_arguments(parser)
    _add_conversion_arguments(parser)
    parser.set_defaults(run=run_labels)


def _add_polygons(forms: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = forms.add_parser(
        "polygons",
        help="a georeferenced scene with polygons, cut into chips",
        description=(
            "Cut a georeferenced scene and the polygons on it into chips with masks: a new folder "
            "with images/ and masks.json. The chips keep bands, values and place. A class is read "
            "from the field 'class' or 'category'."
        ),
        epilog="example: pointsam data convert polygons scene.tif roofs.gpkg --output chips",
    )
    _add_polygon_arguments(parser)
    parser.set_defaults(run=run_polygons)


def _add_conversion_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options of every conversion of label rasters."""
    parser.add_argument("--rle", action="store_true", help="write RLE instead of polygons")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")


def _add_label_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--images", type=Path, required=True, metavar="DIR")
    parser.add_argument("--labels", type=Path, required=True, metavar="DIR")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="new COCO file")
    parser.add_argument(
        "--suffix", default="", help="of label names, after the image's name and before the ending"
    )
    parser.add_argument(
        "--each",
        choices=["component", "value"],
        default="component",
        help="what is one instance: an 8-connected component of a class, or all pixels of one "
        "value or colour (default: %(default)s)",
    )
    parser.add_argument(
        "--category", help=f"of all instances, without --class (default: {USUAL_CATEGORY})"
    )
    parser.add_argument(
        "--class",
        dest="classes",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a class of --each component and its value; repeatable",
    )
    parser.add_argument("--background", default="0", metavar="VALUE", help="(default: 0)")
    parser.add_argument(
        "--ignore", action="append", default=[], metavar="VALUE", help="read as background"
    )
    parser.add_argument(
        "--min-area", type=int, default=1, metavar="PX", help="leave smaller instances out"
    )


def _add_polygon_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("scene", type=Path, help="raster")
    parser.add_argument("polygons", type=Path, help="GeoPackage, GeoJSON or Shapefile")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="new folder")
    parser.add_argument(
        "--chip", type=int, default=1024, metavar="PX", help="side of a chip (default: 1024)"
    )
    parser.add_argument(
        "--overlap", type=int, default=128, metavar="PX", help="of neighbours (default: 128)"
    )
    parser.add_argument(
        "--category",
        default=USUAL_CATEGORY,
        help="of polygons without a class (default: %(default)s)",
    )
    parser.add_argument(
        "--min-area", type=int, default=1, metavar="PX", help="leave smaller parts out"
    )


def run_polygons(args: argparse.Namespace) -> int:
    """Cut one scene."""
    with new_folder(args.output) as folder:
        outlined = read_polygons(args.polygons, args.scene, category=args.category)
        chips = cut_chips(
            args.scene,
            outlined,
            folder,
            side=args.chip,
            overlap=args.overlap,
            min_area=args.min_area,
        )
        for _ in Bar(chips, desc="writing", unit="chip", delay=1, leave=False):
            pass
        data = read_coco(folder / "masks.json")
    print(
        f"{args.output}: {len(data.images)} chips, {data.instance_count} instances of "
        f"{len(outlined.categories)} polygons"
    )
    return 0


def run_whu(args: argparse.Namespace) -> int:
    """Convert split by split; those that are done are kept."""
    folder = args.output or args.root / "annotations"
    for split, tiles in whu_splits(args.root).items():
        output = folder / f"WHU_building_{split}.json"
        if output.exists():
            print(f"{output}: kept, it is there already")
            continue
        _convert(tiles, whu_rule(rle=args.rle), output, args.workers)
    return 0


def run_labels(args: argparse.Namespace) -> int:
    """Convert one folder."""
    classes = [text.rpartition("=") for text in args.classes]
    if any(not name for name, _, _ in classes):
        raise InputError(f"--class {args.classes}: write NAME=VALUE, as in building=255.")
    if classes and args.each == "value":
        raise InputError("--class goes with --each component; with --each value, give --category.")
    if classes:
        refuse_options(args, ("category",), "instances without --class")
    rule = LabelRule(
        each=args.each,
        category=args.category or USUAL_CATEGORY,
        classes=tuple((name, _value(text)) for name, _, text in classes),
        background=_value(args.background),
        ignored=tuple(map(_value, args.ignore)),
        min_area=args.min_area,
        form="rle" if args.rle else "polygons",
    )
    tiles = pair_tiles(args.images, args.labels, suffix=args.suffix)
    if alone := labels_without_image(tiles, args.labels, suffix=args.suffix):
        names = ", ".join(path.name for path in alone[:3])
        print(
            f"pointsam: left out: {len(alone)} label rasters without an image in {args.images} "
            f"({names}{', ...' if len(alone) > 3 else ''})",
            file=sys.stderr,
        )
    _convert(tiles, rule, args.output, args.workers)
    return 0


def _convert(tiles: Sequence[Tile], rule: LabelRule, output: Path, workers: int) -> None:

    if workers < 1:
        raise InputError(f"--workers {workers}: give at least 1.")
    for _ in Bar(
        convert(tiles, rule, output, workers=workers), total=len(tiles), unit="tile", delay=1
    ):
        pass
    data = read_coco(output)
    empty = sum(not image.instances for image in data.images)
    print(
        f"{output}: {data.instance_count} instances in {len(data.images)} images, "
        f"{empty} of them without any"
    )


def _value(text: str) -> int:
    """Read a number, or a colour as R,G,B."""
    parts = text.split(",")
    negative = len(parts) == 1 and text.strip().startswith("-")  # void in signed rasters
    digits = [part.strip().removeprefix("-" if negative else "") for part in parts]
    if not all(part.isdecimal() for part in digits) or len(parts) not in (1, 3):
        raise InputError(f"{text!r} is no label value: give a number, or a colour as R,G,B.")
    value = 0
    for part in parts:
        value = value * 256 + int(part)
    return value
