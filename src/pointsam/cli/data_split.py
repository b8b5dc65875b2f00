"""``pointsam data split``: holds out images at random, by groups, or by place."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from pointsam.cli.arguments import refuse_options
from pointsam.data.coco.schema import read_coco_json, refuse
from pointsam.data.prepare.splitting import (
    groups_by_look,
    hold_out_groups,
    hold_out_place,
    keep_images,
    map_centres,
)
from pointsam.data.rasters.opening import within
from pointsam.errors import InputError
from pointsam.files import new_folder

PARTS = ("train", "held_out")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "split",
        help="cut a data set in two",
        description=(
            "Cut COCO files of one data set in two by their images: NAME.json becomes "
            "NAME_train.json and NAME_held_out.json. Ids stay, so masks and points still pair."
        ),
        epilog=(
            "example: pointsam data split masks.json points_1.json --images Images "
            "--by duplicates --share 0.2 --output split"
        ),
    )
    parser.add_argument("files", type=Path, nargs="+", help="masks and points of the same images")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="new folder")
    parser.add_argument(
        "--by",
        choices=["image", "duplicates", "place"],
        default="image",
        help="images at random; images that show the same thing together; or all at one end of "
        "the area, which needs georeferenced images (default: image)",
    )
    parser.add_argument(
        "--share", type=float, default=0.2, help="of the images that is held out (default: 0.2)"
    )
    parser.add_argument("--images", type=Path, metavar="DIR", help="for duplicates and place")
    parser.add_argument("--seed", type=int, default=1337, help="(default: %(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Split."""
    if args.by == "image":
        refuse_options(args, ("images",), "--by duplicates and --by place")
    if not 0 < args.share < 1:
        raise InputError(f"--share {args.share}: give a number between 0 and 1.")
    if len({path.stem for path in args.files}) < len(args.files):
        raise InputError("two of the files have one name: the parts would overwrite each other.")
    contents = {path: read_coco_json(path, refuse) for path in args.files}
    names = _common_names(contents)
    chosen = _held_out(names, by=args.by, images=args.images, share=args.share, seed=args.seed)
    held = {names[index] for index in chosen}
    with new_folder(args.output) as folder:
        for path, content in contents.items():
            plain = {key: value for key, value in content.items() if key != "names"}
            for part, kept in zip(PARTS, (set(names) - held, held), strict=True):
                target = folder / f"{path.stem}_{part}.json"
                target.write_text(json.dumps(keep_images(plain, kept)))
    print(f"{args.output}: {len(names) - len(held)} images to train on, {len(held)} held out")
    return 0


def _common_names(contents: dict[Path, dict[str, Any]]) -> list[str]:
    """Give the file names, which must be the same in all files."""
    listed = {
        path: [i["file_name"] for i in content["images"]] for path, content in contents.items()
    }
    first, *others = listed
    for other in others:
        different = sorted(set(listed[first]) ^ set(listed[other]))
        if different:
            raise InputError(f"{different[0]} is in only one of {first} and {other}.")
    return listed[first]


def _held_out(
    names: list[str], *, by: str, images: Path | None, share: float, seed: int
) -> set[int]:
    """Choose the images that are held out, by their place in the list."""
    if by == "image":
        return hold_out_groups(np.arange(len(names)), share, seed=seed)
    if images is None:
        raise InputError(f"--by {by} looks at the images: give --images DIR.")
    paths = [within(images, name) for name in names]
    if by == "place":
        return hold_out_place(map_centres(paths), share, seed=seed)
    return hold_out_groups(groups_by_look(paths), share, seed=seed)
