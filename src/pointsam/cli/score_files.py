"""Writes and prints scores, in percent."""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pointsam.evaluation.masks import METRICS, Scores
from pointsam.texts import as_text

INSTANCE_FIELDS = ("file", "id", "class", *METRICS, "iou_prediction")
IMAGE_FIELDS = ("file", "instances", *METRICS, "overlap")


def write_scores(scores: Scores, folder: Path, origin: dict[str, Any]) -> None:
    """Write ``scores.json``, ``scores.csv`` and ``instances.csv`` into an existing folder.

    Args:
        scores: of one point file.
        folder: where the files go.
        origin: settings and input files of the scores; part of ``scores.json``.
    """
    (folder / "scores.json").write_text(json.dumps(summary(scores) | origin, indent=2) + "\n")
    _write_rows(
        folder / "scores.csv",
        IMAGE_FIELDS,
        (
            [
                image.file_name,
                len(image.instances),
                *(percent(image.mean(metric)) for metric in METRICS),
                percent(image.overlap),
            ]
            for image in scores.images
        ),
    )
    _write_rows(
        folder / "instances.csv",
        INSTANCE_FIELDS,
        (
            [
                image.file_name,
                instance.id,
                instance.category,
                *(percent(getattr(instance, name)) for name in (*METRICS, "iou_prediction")),
            ]
            for image in scores.images
            for instance in image.instances
        ),
    )


def summary(scores: Scores) -> dict[str, Any]:
    """Give the means of a set, in percent, and the numbers of images and instances."""
    classes = {}
    for name, members in scores.classes().items():
        numbers = asdict(members)
        classes[name] = {"instances": numbers.pop("instances")} | {
            metric: percent(value) for metric, value in numbers.items()
        }
    return {
        **{metric: percent(scores.mean(metric)) for metric in METRICS},
        **{f"instance_{metric}": percent(scores.instance_mean(metric)) for metric in METRICS},
        "overlap": percent(scores.overlap),
        "images": len(scores.images),
        "instances": len(scores.instances),
        "classes": classes,
    }


def print_table(names: Sequence[str], results: Sequence[Scores]) -> None:
    """Print a row for each point file; for a single one, also a row for each class."""
    width = max(len(name) for name in (*names, *results[0].classes(), "points"))
    print(f"{'points':<{width}}    IoU     F1  prec.  recall  overlap  images  instances")
    for name, scores in zip(names, results, strict=True):
        means = [100 * scores.mean(metric) for metric in METRICS]
        print(
            f"{name:<{width}}  {means[0]:5.1f}  {means[1]:5.1f}  {means[2]:5.1f}   {means[3]:5.1f}"
            f"    {100 * scores.overlap:5.1f}  {len(scores.images):6d}  {len(scores.instances):9d}"
        )
    if len(results) > 1:
        return
    print(f"\n{'class':<{width}}    IoU     F1  prec.  recall  instances   (means over instances)")
    for name, members in results[0].classes().items():
        print(
            f"{name:<{width}}  {100 * members.iou:5.1f}  {100 * members.f1:5.1f}"
            f"  {100 * members.precision:5.1f}   {100 * members.recall:5.1f}"
            f"  {members.instances:9d}"
        )


def percent(value: float) -> float:
    """Give percent to 4 decimals; further ones are rounding of the sum."""
    return round(100 * value, 4)


def _write_rows(path: Path, fields: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(fields)
        writer.writerows([as_text(cell) for cell in row] for row in rows)
