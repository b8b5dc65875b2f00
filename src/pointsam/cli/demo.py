"""``pointsam demo``: draws a set, adapts to it from points, and shows the gain."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pointsam.cli.arguments import chosen_device, set_threads
from pointsam.cli.score_files import write_scores
from pointsam.data.coco.annotations import pair, read_coco, read_points
from pointsam.data.dataset import folder_images
from pointsam.data.records import Dataset
from pointsam.data.synthetic.scenes import SceneFiles, write_scenes
from pointsam.evaluation.masks import Scores, evaluate, paired_records
from pointsam.figures import save_picture
from pointsam.files import refuse_existing, sha256_of
from pointsam.labelling.looks import Looks
from pointsam.labelling.output import SHEET_NAME
from pointsam.models.loading.checkpoints import load_segmenter
from pointsam.models.segmenter import Segmenter
from pointsam.prediction.images.comparison import compare, draw_sheet, telling
from pointsam.prediction.predictor import load
from pointsam.progress import Bar
from pointsam.training.label_stage import label_folder, with_labels
from pointsam.training.run import RunInputs, run_training
from pointsam.training.settings import train_settings


@dataclass(frozen=True)
class DemoPlan:
    """Size of the demonstration; the default takes minutes on two cores."""

    output: Path
    seed: int
    device: str
    train_images: int = 32
    val_images: int = 12
    size: int = 512
    """Height and width of an image, in pixels."""
    side: int = 1024
    """Side of the model's input, in pixels."""

    @property
    def settings(self) -> dict[str, Any]:
        """Give the settings that differ from those of `pointsam train`.

        One pass takes a third of the steps that few images get by default.
        """
        return {
            "regime": "labels",
            "seed": self.seed,
            "model": {"side": self.side},
            "schedule": {"epochs": 1},
        }


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "demo",
        help="see it work on drawn scenes, in minutes",
        description=(
            "Draw a small set of scenes, adapt to it from one point an object, and compare. "
            "The scores are of a part that is held out; "
            "training reads images and points alone. It takes some minutes on two cores."
        ),
        epilog="example: pointsam demo --output demo-output",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("demo-output"),
        metavar="DIR",
        help="new folder for scenes, adapter, scores and figure (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=7, help="of the scenes and the run")
    parser.add_argument(
        "--device", default="auto", help="auto, cpu, cuda, cuda:1, ... (default: %(default)s)"
    )
    parser.add_argument("--threads", type=int, help="CPU threads; all cores if not given")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Demonstrate."""
    set_threads(args.threads)
    demonstrate(DemoPlan(args.output, args.seed, chosen_device(args.device)))
    return 0


def demonstrate(plan: DemoPlan) -> tuple[Scores, Scores]:
    """Draw, score, adapt and score again; print a table and write a folder.

    Returns:
        The scores of the held-out part, before and after.

    Raises:
        InputError: something is at the output already.
        RunCollapsedError: the run stopped itself.
    """
    refuse_existing(plan.output)
    train, val = write_scenes(
        plan.output / "scenes",
        seed=plan.seed,
        train=plan.train_images,
        val=plan.val_images,
        size=plan.size,
    )
    held_out = pair(read_coco(val.annotations), read_points(val.points))
    direct = load_segmenter("mobile_sam", side=plan.side, device=plan.device)
    before = _score(direct, held_out, val, "scoring before")
    adapter = plan.output / "adapter"
    settings = train_settings(plan.settings, source="demo")
    inputs = RunInputs(
        data=read_points(train.points),
        images=folder_images(train.images),
        sources={train.points.name: sha256_of(train.points)},
        output=adapter,
        device=plan.device,
    )
    # The rotated image would double the time, and gives these labels 0.5 points of IoU.
    run_training(with_labels(inputs, settings, looks=Looks(turned=False)), settings)
    adapted = load(adapter=adapter, device=plan.device, precision="float32")
    after = _score(adapted.model, held_out, val, "scoring after")
    for name, scores in (("before", before), ("after", after)):
        (plan.output / name).mkdir()
        write_scores(scores, plan.output / name, {"seed": plan.seed})
    _draw(plan, adapted, held_out, val, before, after)
    _print_table(before, after)
    print(f"\nfigure:  {plan.output / 'figure.png'}")
    print(f"labels:  {label_folder(adapter) / SHEET_NAME}\nadapter: {adapter}")
    return before, after


def _score(model: Segmenter, data: Dataset, files: SceneFiles, what: str) -> Scores:
    """Score the held-out part, with a bar."""
    rows = paired_records([data])
    scored = Bar(evaluate(model, rows, files.images), total=len(rows), desc=what, unit="image")
    return Scores(tuple(image for (image,) in scored))


def _draw(
    plan: DemoPlan,
    adapted: Any,
    data: Dataset,
    files: SceneFiles,
    before: Scores,
    after: Scores,
) -> None:
    """Draw the images with the highest, the middle and the lowest gain."""
    gains = [
        new.mean("iou") - old.mean("iou")
        for old, new in zip(before.images, after.images, strict=True)
    ]
    records = [data.images[index] for index in telling(gains, each=1)]
    sheet = draw_sheet([compare(adapted, record, files.images) for record in records])
    save_picture(sheet, plan.output / "figure.png")


def _print_table(before: Scores, after: Scores) -> None:
    """Print scores before and after, in percent; those of classes are means over objects."""
    images, objects = len(after.images), len(after.instances)
    print(f"\nheld-out part: {images} images, {objects} objects, one point each, in percent\n")
    print(f"{'':<24}before  after   gain")
    rows = [
        (name, 100 * before.mean(metric), 100 * after.mean(metric))
        for name, metric in (("IoU", "iou"), ("F1", "f1"))
    ]
    rows.append(("overlap (lower: better)", 100 * before.overlap, 100 * after.overlap))
    old, new = before.classes(), after.classes()
    rows += [(f"IoU of {name}s", 100 * old[name].iou, 100 * new[name].iou) for name in new]
    for name, first, second in rows:
        print(f"{name:<24}{first:6.1f}  {second:5.1f}  {second - first:+5.1f}")
