"""What the rules for polygons cost: vertices, areas and IoU on a mosaic of real images.

    python benchmarks/polygon_rules.py --mosaic NWPU/Images --annotations NWPU_instances_val.json \
        --size 4096 --work /tmp/polygons

The masks are made once; each rule is applied to the same masks by `pointsam predict --resume`.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pyogrio
import shapely
from scene import PIXEL, place, write_clicks
from scene_sources import mosaic, write_scene

from pointsam.cli.main import main as pointsam
from pointsam.data.coco.annotations import read_coco

RULES = {
    "along pixel edges": [],
    "--simplify auto": ["--simplify", "auto"],
    "--simplify auto --smooth": ["--simplify", "auto", "--smooth"],
    "--regularise": ["--regularise"],
}


def main():
    args = arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    print(f"command: {' '.join(sys.argv)}")
    scene, clicks = args.work / "scene.tif", args.work / "clicks.gpkg"
    objects = mosaic(args.mosaic, args.annotations, size=args.size)
    if not scene.exists():
        write_scene(scene, objects, size=args.size, transform=place(0, 0), seed=0)
        write_clicks(clicks, objects)
    true = annotated(args.annotations, len(objects.points), objects)
    found = {name: segmented(args, scene, clicks, words) for name, words in RULES.items()}
    plain = found["along pixel edges"]
    print(f"{len(objects.images)} images, {len(plain)} objects")
    print("| rule | vertices | area error: mean, 95th of 100 | IoU with the mask: mean, 5th of 100 "
          "| IoU with the annotation | invalid |")  # fmt: skip
    for name, shapes in found.items():
        areas = np.array([abs(s.area / plain[n].area - 1) for n, s in shapes.items()])
        kept = np.array([iou(shape, plain[number]) for number, shape in shapes.items()])
        right = np.array([iou(shape, true[number]) for number, shape in shapes.items()])
        vertices = sum(shapely.get_num_coordinates(shape) for shape in shapes.values())
        broken = sum(not shape.is_valid for shape in shapes.values())
        print(f"| {name} | {vertices} | {100 * areas.mean():.2f} %, "
              f"{100 * np.quantile(areas, 0.95):.2f} % | {kept.mean():.4f}, "
              f"{np.quantile(kept, 0.05):.4f} | {100 * right.mean():.2f} | {broken} |")  # fmt: skip


def segmented(args, scene, clicks, words):
    """Segment the scene, or draw its polygons again, and give them by the number of the click."""
    output = args.work / "out"
    more = ["--resume"] if output.exists() else []
    asked = [
        "predict", scene, "--points", clicks, "--threads", "1", "--precision", "float32",
        "--format", "gpkg", "--output", output, *more, *words,
    ]  # fmt: skip
    asked += ["--adapter", args.adapter] if args.adapter else []
    if pointsam([str(word) for word in asked]):
        sys.exit(1)
    _, _, geometry, fields = pyogrio.raw.read(output / "instances.gpkg", columns=["instance"])
    shapes = shapely.from_wkb(geometry)
    return {
        int(number): shape
        for number, shape in zip(fields[0], shapes, strict=True)
        if not shape.is_empty
    }


def annotated(annotations, count, objects):
    """Give the annotated shapes in the coordinates of the map, by the number of the click."""
    records = {record.file_name: record for record in read_coco(annotations).images}
    found = []
    for x, y, path in objects.images:
        for instance in records[path.name].instances:
            rings = [np.reshape(ring, (-1, 2)) for ring in instance.segmentation]
            parts = [shapely.make_valid(shapely.Polygon(ring + np.array((x, y)))) for ring in rings]
            found.append(shapely.transform(shapely.union_all(parts), on_map))
    assert len(found) == count
    return dict(enumerate(found, start=1))


def on_map(corners):
    """Turn pixel edges of the mosaic into map coordinates."""
    transform = place(0, 0)
    return np.array([transform.c, transform.f]) + corners * (PIXEL, -PIXEL)


def iou(one, other):
    """IoU of two shapes."""
    shared = shapely.intersection(shapely.make_valid(one), other).area
    return shared / (one.area + other.area - shared)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mosaic", type=Path, required=True, help="folder of images")
    parser.add_argument("--annotations", type=Path, required=True, help="COCO masks of those")
    parser.add_argument("--adapter")
    parser.add_argument("--size", type=int, default=4096, help="side of the mosaic, in pixels")
    parser.add_argument("--work", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
