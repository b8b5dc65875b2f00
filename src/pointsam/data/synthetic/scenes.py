"""Drawn scenes: row houses, tanks, moored ships and courts, for the demo and the tests.

Similar objects touch each other: from one click a model often segments the neighbours too, and the
neighbours' clicks correct that. Everything comes from a seed; nothing is learned from the drawn
masks.
"""

import json
from dataclasses import dataclass
from math import cos, pi, sin
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Bool, UInt8
from PIL import Image

from pointsam.data.coco.masks import to_rle
from pointsam.data.synthetic.blocks import (
    Block,
    Pair,
    draw_courts,
    draw_houses,
    draw_ships,
    draw_tanks,
)
from pointsam.data.synthetic.canvas import Canvas, Colour, Corners, Draw, Place
from pointsam.files import new_folder
from pointsam.progress import Bar
from pointsam.prompts import POSITIVE
from pointsam.randomness import addressed_generator

CATEGORIES = ("building", "tank", "ship", "court")

GROUNDS: tuple[Colour, ...] = ((0.35, 0.42, 0.28), (0.48, 0.45, 0.36), (0.42, 0.43, 0.40))

USED = 0.76
"""Share of the way between two roads that a block fills, so that it can be turned."""


@dataclass(frozen=True, eq=False)
class Scene:
    """One drawn image and what is on it."""

    image: UInt8[np.ndarray, "height width 3"]
    masks: Bool[np.ndarray, "objects height width"]
    """No pixel is in two of them, none is empty."""
    categories: tuple[str, ...]


def draw_scene(seed: int, index: int, *, size: int = 512) -> Scene:
    """Draw one scene of four blocks between two roads.

    One block has row houses, one ships, one either, and one tanks or courts.

    Args:
        seed: of the set.
        index: of the scene in the set; a scene does not depend on the others.
        size: height and width, in pixels; objects grow with it.
    """
    draw = Draw(addressed_generator(seed, "scene", index))
    canvas = Canvas((size, size), draw.one_of(GROUNDS), draw)
    turn = draw.real(0, 2 * pi)
    sun = (cos(turn), sin(turn))
    _draw_trees(canvas, sun)
    split_x, split_y = size * draw.real(0.44, 0.56), size * draw.real(0.44, 0.56)
    _draw_road(canvas, np.array([[split_x, 0], [split_x, size]]))
    _draw_road(canvas, np.array([[0, split_y], [size, split_y]]))
    kinds = [
        draw_houses,
        draw_ships,
        draw.one_of([draw_houses, draw_ships]),
        draw.one_of([draw_tanks, draw_courts]),
    ]
    for left, right in ((0.0, split_x), (split_x, float(size))):
        for top, bottom in ((0.0, split_y), (split_y, float(size))):
            kind = kinds.pop(draw.whole(0, len(kinds) - 1))
            kind(_block(canvas, (left, right), (top, bottom), sun))
    image = canvas.finish(blur=0.6, noise=0.015)
    return Scene(image, canvas.masks(), tuple(drawn.category for drawn in canvas.objects))


def _block(canvas: Canvas, across: Pair, down: Pair, sun: Pair) -> Block:
    """Give the block between two roads, slightly turned, and by 90 degrees more half the time."""
    middle = (sum(across) / 2, sum(down) / 2)
    width, height = (across[1] - across[0]) * USED, (down[1] - down[0]) * USED
    angle = canvas.draw.real(-0.2, 0.2)
    if canvas.draw.chance(0.5):
        return Block(canvas, Place(*middle, angle + pi / 2), height, width, sun)
    return Block(canvas, Place(*middle, angle), width, height, sun)


def _draw_road(canvas: Canvas, ends: Corners) -> None:
    canvas.line(ends, canvas.draw.near((0.38, 0.38, 0.40), spread=0.04), width=20)
    canvas.line(ends, (0.75, 0.75, 0.72), width=0.8)


def _draw_trees(canvas: Canvas, sun: Pair) -> None:
    """Draw tree crowns over the ground; later objects cover them."""
    draw, (height, width) = canvas.draw, canvas.size
    for _ in range(draw.whole(20, 40)):
        place = Place(draw.real(0, width), draw.real(0, height), 0)
        radius = draw.real(4, 10)
        canvas.shadow(place.disc(0, 0, radius), (sun[0] * radius, sun[1] * radius))
        canvas.fill(place.disc(0, 0, radius), draw.near((0.20, 0.30, 0.16), spread=0.05))
        lit = place.disc(-sun[0] * radius * 0.3, -sun[1] * radius * 0.3, radius * 0.6)
        canvas.fill(lit, draw.near((0.26, 0.37, 0.20), spread=0.05))
        canvas.roughen(place.disc(0, 0, radius), strength=0.05)


@dataclass(frozen=True)
class SceneFiles:
    """One part of a drawn set, in files like those of a user's data set."""

    images: Path
    annotations: Path
    """COCO masks; for scores alone."""
    points: Path
    """One positive point an object."""


def write_scenes(
    folder: Path, *, seed: int, train: int, val: int, size: int = 512
) -> tuple[SceneFiles, SceneFiles]:
    """Draw a training and a held-out part into a new folder, with masks and points.

    Args:
        folder: must not exist, or be empty.
        seed: of the whole set.
        train: images of the training part.
        val: images of the held-out part.
        size: height and width of each image, in pixels.

    Raises:
        InputError: something is at `folder` already.
    """
    names = ("train", "val")
    with new_folder(folder) as temporary:
        start = 0
        for name, count in zip(names, (train, val), strict=True):
            _write_part(temporary / name, seed=seed, indices=range(start, start + count), size=size)
            start += count
    written = [
        SceneFiles(part / "images", part / "annotations.json", part / "points.json")
        for part in (folder / name for name in names)
    ]
    return written[0], written[1]


def _write_part(folder: Path, *, seed: int, indices: range, size: int) -> None:
    (folder / "images").mkdir(parents=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for index in Bar(indices, desc=f"drawing {folder.name}", unit="image"):
        scene = draw_scene(seed, index, size=size)
        name = f"{index:04d}.png"
        Image.fromarray(scene.image).save(folder / "images" / name)
        images.append({"id": index + 1, "file_name": name, "height": size, "width": size})
        generator = addressed_generator(seed, "clicks", index)
        for mask, category in zip(scene.masks, scene.categories, strict=True):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": index + 1,
                    "category_id": CATEGORIES.index(category) + 1,
                    "segmentation": to_rle(mask),
                    "area": int(mask.sum()),
                    "iscrowd": 0,
                    "points": [[*click_inside(mask, generator), POSITIVE]],
                }
            )
    categories = [{"id": i, "name": name} for i, name in enumerate(CATEGORIES, start=1)]
    masks_only = [{k: v for k, v in entry.items() if k != "points"} for entry in annotations]
    clicks_only = [
        {k: entry[k] for k in ("id", "image_id", "category_id", "points")} for entry in annotations
    ]
    for name, entries in (("annotations", masks_only), ("points", clicks_only)):
        content = {"images": images, "categories": categories, "annotations": entries}
        (folder / f"{name}.json").write_text(json.dumps(content))


def click_inside(
    mask: Bool[np.ndarray, "height width"], generator: torch.Generator
) -> tuple[float, float]:
    """Give ``(x, y)`` of a pixel well inside a mask, as a person clicks.

    Drawn among the pixels that are at least half as far from the mask's edge as its innermost.
    """
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    rows, cols = np.nonzero(depth >= depth.max() / 2)
    chosen = int(torch.randint(len(rows), (), generator=generator))
    return float(cols[chosen]), float(rows[chosen])
