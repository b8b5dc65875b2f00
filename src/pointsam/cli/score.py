"""``pointsam score``: scores found polygons against true ones."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from rasterio.crs import CRS

from pointsam.cli.click_files import say
from pointsam.data.clicks.values import category_of, text_of
from pointsam.data.rasters.georeference import move_points
from pointsam.data.rasters.vector_files import EXPORT_LAYER, POLYGONS, Features, read_features
from pointsam.errors import InputError
from pointsam.evaluation.polygons import PolygonScores, score_classes, score_polygons
from pointsam.files import new_folder, refuse_existing


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "score",
        help="score found polygons against true ones",
        description=(
            "Score polygons on a map against true ones, where no ids pair them. "
            "Found and true polygons are paired one to one, the highest IoU first. IoU is the "
            "mean over the true objects, 0 for those without a partner; an object counts as found "
            "from an IoU of 0.5 on. Where both files have a field 'class', each class is scored "
            "by itself too. The output folder holds scores.json, shares in [0, 1]."
        ),
        epilog=(
            "example: pointsam score --polygons map/instances.gpkg --truth roofs.gpkg "
            "--output scores"
        ),
    )
    parser.add_argument(
        "--polygons", type=Path, required=True, metavar="FILE", help="what was found"
    )
    parser.add_argument(
        "--truth", type=Path, required=True, metavar="FILE", help="true polygons, in any CRS"
    )
    parser.add_argument(
        "--output", "-o", type=Path, required=True, metavar="DIR", help="new folder for the scores"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Score."""
    refuse_existing(args.output)
    found = read_features(args.polygons, kinds=POLYGONS, what="polygons", several=EXPORT_LAYER)
    truth = read_features(args.truth, kinds=POLYGONS, what="true polygons", several=EXPORT_LAYER)
    shapes = _moved(found, truth, what=str(args.polygons))
    scores = score_polygons(shapes, list(truth.shapes))
    classes = _classes(found), _classes(truth)
    by_class: dict[str, PolygonScores] = {}
    if classes[0] is not None and classes[1] is not None:
        by_class = score_classes(
            shapes, list(truth.shapes), found_classes=classes[0], true_classes=classes[1]
        )
    with new_folder(args.output) as folder:
        content = _plain(scores) | {"classes": {n: _plain(one) for n, one in by_class.items()}}
        (folder / "scores.json").write_text(json.dumps(content, indent=1))
    say((), _doubts(shapes, list(truth.shapes), scores, classes))
    print(f"{'':<20} {'IoU':>6} {'prec.':>6} {'recall':>6} {'F1':>6} {'found':>6} {'true':>6}")
    for name, one in {**by_class, "all": scores}.items():
        numbers = (one.iou, one.precision, one.recall, one.f1)
        shown = " ".join(f"{100 * number:6.1f}" for number in numbers)
        print(f"{name[:20]:<20} {shown} {one.found:6d} {one.true:6d}")
    print(f"scores: {args.output}")
    return 0


def _plain(scores: PolygonScores) -> dict[str, Any]:
    return asdict(scores) | {"f1": scores.f1}


def _doubts(
    found: Sequence[shapely.Geometry],
    truth: Sequence[shapely.Geometry],
    scores: PolygonScores,
    classes: tuple[list[str] | None, list[str] | None],
) -> list[str]:
    """Say what may be the matter where nothing meets."""
    lines = []
    if found and not scores.iou:
        (x, y), (other_x, other_y) = _middle(found), _middle(truth)
        lines.append(
            f"no found polygon meets a true one: they lie around ({x:.9g}, {y:.9g}) and "
            f"({other_x:.9g}, {other_y:.9g}), in the coordinate system of the truth"
        )
    if classes[0] and classes[1] and not set(classes[0]) & set(classes[1]):
        names = [", ".join(sorted(set(one))[:3]) for one in classes if one]
        lines.append(f"no class is in both files: {names[0]}; and {names[1]}")
    return lines


def _middle(shapes: Sequence[shapely.Geometry]) -> tuple[float, float]:
    """Give the middle of the box around shapes."""
    x0, y0, x1, y1 = shapely.total_bounds(np.asarray(shapes)).tolist()
    return (x0 + x1) / 2, (y0 + y1) / 2


def _classes(features: Features) -> list[str] | None:
    """Give the class of each feature, written as those of clicks are; None where none has one."""
    values = features.column("class", "category")
    if all(text_of(value) is None for value in values):
        return None
    return [category_of(value) for value in values]


def _moved(found: Features, truth: Features, *, what: str) -> list[shapely.Geometry]:
    """Convert the found polygons to the coordinate system of the true ones.

    Raises:
        InputError: only one of the two has a coordinate system.
    """
    if (found.crs is None) != (truth.crs is None):
        raise InputError(
            f"{what} and the truth cannot be compared: one of them has no coordinate system; "
            "give it the one it was drawn in."
        )
    if found.crs is None or truth.crs is None or found.crs == truth.crs:
        return list(found.shapes)
    source, target = CRS.from_user_input(found.crs), CRS.from_user_input(truth.crs)
    return list(
        shapely.transform(
            np.asarray(found.shapes),
            lambda points: move_points(points, source, target, what=f"{what}: its polygons"),
        )
    )
