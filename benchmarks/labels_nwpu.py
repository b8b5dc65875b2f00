"""What each look and each term of the choice gives to the labels of `pointsam label`.

    pointsam label --images NWPU/Images --points NWPU_points_train_1.json --output labels
    python benchmarks/labels_nwpu.py --labels labels --points NWPU_points_train_1.json \
        --annotations NWPU_instances_train.json --part configs/nwpu_dev.txt

The stored candidates are chosen from again: from some of the looks, without a term of the energy,
or with each class read as larger or smaller. A row is the mean IoU with the annotated masks over
images, over objects, and the share of objects over 0.5, in percent, in the label frame: of all
images, of those of the part and of the others. The masks score; they choose nothing. Nothing is
drawn at random.
"""

import argparse
from dataclasses import fields
from pathlib import Path

import numpy as np

from pointsam.data.coco.annotations import pair, read_coco, read_points
from pointsam.data.dataset import draw_masks
from pointsam.labelling import store
from pointsam.labelling.candidates import PER_LOOK
from pointsam.labelling.consensus import Groups, choose
from pointsam.labelling.energy import Weights
from pointsam.labelling.evidence import Evidence, join
from pointsam.labelling.groups import group_objects
from pointsam.labelling.label_frame import to_label_frame
from pointsam.labelling.labels import store_path

LOOKS = {
    "whole image": [0],
    "+ closer": [0, 1],
    "+ turned, whole image alone": [0, 2],
    "+ closer, + both turned": [0, 1, 2, 3],
}
WITHOUT = {
    "SAM's score": {"iou_prediction": 0.0},
    "sizes": {"min_spread": 1e6},
    "shapes": {"shape": 0.0},
    "likeness": {"likeness": 0.0},
    "edge": {"edge": 0.0},
    "largest part": {"largest_part": 0.0},
    "other objects' clicks": {"foreign": 0.0},
    "own negative clicks": {"refused": 0.0},
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--labels", type=Path, required=True, help="folder of 'pointsam label'")
    parser.add_argument("--points", type=Path, required=True, help="that it was given")
    parser.add_argument("--annotations", type=Path, required=True, help="true masks, same ids")
    parser.add_argument("--part", type=Path, help="file names of the images, one a line")
    parser.add_argument("--readings", action="store_true", help="read each class either way")
    args = parser.parse_args()
    table = Table(args)
    print("choice: IoU over images / over objects / share over 0.5")
    for name, looks in LOOKS.items():
        columns = np.concatenate([np.arange(PER_LOOK) + PER_LOOK * look for look in looks])
        if columns.max() < table.iou.shape[1]:
            table.show_choice(name, columns)
            table.show(f"best of these {len(columns)}", table.best(columns))
    columns = np.arange(table.iou.shape[1])
    for name, weights in WITHOUT.items():
        table.show_choice(f"without {name}", columns, weights=Weights(**weights))
    if args.readings:
        for category in sorted(set(table.categories)):
            for reading in ("smaller", "larger"):
                table.show_choice(f"{category}, {reading}", columns, reading=(category, reading))


class Table:
    """Evidence and true IoU of all stored candidates."""

    def __init__(self, args):
        data = pair(read_coco(args.annotations), read_points(args.points))
        part = set(args.part.read_text().split()) if args.part else set()
        records = [record for record in data.images if record.instances]
        folder = args.labels / "candidates"
        self.evidence = join([store.load_evidence(store_path(folder, r)) for r in records])
        self.iou = np.concatenate([true_iou(folder, record) for record in records])
        self.categories = [i.category for record in records for i in record.instances]
        self.image = np.repeat(np.arange(len(records)), [len(r.instances) for r in records])
        self.in_part = np.array([record.file_name in part for record in records])
        self.groups = Groups(group_objects(self.categories, self.image), self.image)

    def best(self, columns):
        """Give the IoU of the best usable candidate of each object."""
        return np.where(self.evidence.cut[:, columns] > 0, 0, self.iou[:, columns]).max(axis=1)

    def show_choice(self, name, columns, *, weights=Weights(), reading=None):  # noqa: B008 (frozen)
        """Choose among some candidates, and show the choice; of a reading, in its class alone."""
        values = (getattr(self.evidence, field.name)[:, columns] for field in fields(Evidence))
        readings, objects = None, slice(None)
        if reading is not None:
            objects = np.array(self.categories) == reading[0]
            readings = {int(self.groups.group[objects][0]): reading[1]}
        found = choose(Evidence(*values), self.groups, weights=weights, readings=readings)
        iou = self.iou[np.arange(len(self.iou)), columns[found.picked]]
        self.show(name, iou, objects)

    def show(self, name, iou, objects=slice(None)):
        """Print a row, and the means of the classes unless it is of one."""
        groups = [np.ones_like(self.in_part)]
        if self.in_part.any():
            groups += [self.in_part, ~self.in_part]
        taken = np.zeros(len(iou), dtype=bool)
        taken[objects] = True
        cells = [means(iou, self.image, taken & images[self.image]) for images in groups]
        classes = np.array(self.categories)
        names = sorted(set(classes[taken].tolist()))
        by_class = [f"{c} {100 * iou[classes == c].mean():.0f}" for c in names if len(names) > 1]
        print(f"{name:<32}" + "".join(f"{cell:<20}" for cell in cells) + ", ".join(by_class))


def true_iou(folder, record):
    """Give the IoU of each stored candidate with the annotated mask, in the label frame."""
    candidates = store.load_candidates(store_path(folder, record))
    found = []
    for index, mask in enumerate(draw_masks([record])[0].numpy()):
        true, given = to_label_frame(mask, candidates.size), candidates.masks(index)
        union = (given | true).sum(axis=(1, 2))
        found.append((given & true).sum(axis=(1, 2)) / np.maximum(union, 1))
    return np.array(found)


def means(iou, image, taken):
    """Show the three means of some objects."""
    if not taken.any():
        return "-"
    total = np.bincount(image[taken], weights=iou[taken])
    count = np.bincount(image[taken])
    of_images = (total[count > 0] / count[count > 0]).mean()
    good = (iou[taken] > 0.5).mean()
    return f"{100 * of_images:.1f} / {100 * iou[taken].mean():.1f} / {100 * good:.0f}"


if __name__ == "__main__":
    main()
