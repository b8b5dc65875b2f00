#!/usr/bin/env python
"""Draw `docs/images/polygons.png`: one drawn image, its masks, and what the rules make of them.

    python scripts/polygon_picture.py docs/images/polygons.png

The image has 512 px and is shown to MobileSAM as it is; a click inside each object.
"""

import argparse
from pathlib import Path

import numpy as np
import shapely
from PIL import Image, ImageDraw
from rasterio import features

from pointsam import load
from pointsam.data.synthetic.scenes import click_inside, draw_scene
from pointsam.prediction.polygons import PolygonRules, shaped
from pointsam.randomness import addressed_generator

RULES = {
    "along pixel edges": PolygonRules(min_area=30),
    "--simplify auto": PolygonRules(simplify="auto", min_area=30),
    "--regularise": PolygonRules(regularise=True, min_area=30),
}
ZOOM = 3
COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#d55e00", "#cc79a7")


def main():
    args = arguments()
    scene = draw_scene(args.seed, args.index)
    clicks = np.array(
        [
            click_inside(mask, addressed_generator(args.seed, "click", number))
            for number, mask in enumerate(scene.masks)
        ],
        np.float32,
    )
    found = load("mobile_sam", adapter=args.adapter, precision="float32").predict(
        scene.image, clicks
    )
    traced = np.empty(len(found.masks), dtype=object)
    for number, mask in enumerate(found.masks):
        rings = features.shapes(mask.astype(np.uint8), mask=mask, connectivity=4)
        parts = [shapely.Polygon(s["coordinates"][0], s["coordinates"][1:]) for s, _ in rings]
        traced[number] = shapely.MultiPolygon(parts)
    x, y, side = args.part
    panels = []
    for name, rules in RULES.items():
        shapes = shaped(traced, rules, pixel=1.0)
        vertices = int(shapely.get_num_coordinates(shapes).sum())
        print(f"{name}: {vertices} vertices of {len(shapes)} objects")
        panels.append(panel(scene.image, shapes, (x, y, side), f"{name}: {vertices} vertices"))
    whole = Image.new("RGB", (sum(p.width for p in panels) + 16, panels[0].height), "white")
    for number, one in enumerate(panels):
        whole.paste(one, (number * (one.width + 8), 0))
    whole.quantize(128).save(args.output, optimize=True)


def panel(image, shapes, part, title):
    """Draw polygons over a part of the image, larger."""
    x, y, side = part
    shown = Image.fromarray(image).crop((x, y, x + side, y + side))
    shown = shown.resize((side * ZOOM, side * ZOOM), Image.Resampling.BICUBIC)
    drawing = ImageDraw.Draw(shown)
    for number, shape in enumerate(shapes):
        for one in shape.geoms:
            for ring in (one.exterior, *one.interiors):
                corners = (shapely.get_coordinates(ring) - (x, y)) * ZOOM
                line = [tuple(corner) for corner in corners.tolist()]
                drawing.line(line, fill=COLOURS[number % len(COLOURS)], width=3)
                if len(line) < 60:
                    for a, b in line:
                        drawing.ellipse((a - 4, b - 4, a + 4, b + 4), fill="white", outline="black")
    framed = Image.new("RGB", (shown.width, shown.height + 24), "white")
    framed.paste(shown, (0, 24))
    ImageDraw.Draw(framed).text((4, 4), title, fill="black", font_size=16)
    return framed


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--adapter", help="of the model")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--index", type=int, default=0)
    parser.add_argument("--part", type=int, nargs=3, default=(55, 25, 145), metavar="N")
    return parser.parse_args()


if __name__ == "__main__":
    main()
