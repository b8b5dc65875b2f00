"""A canvas for drawn scenes: smooth polygons, noise, shadows, and objects that hide others."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin
from typing import TypeVar

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch.nn import functional as F

from pointsam.frames import pixel_middles, to_middles

Thing = TypeVar("Thing")

FINE = 2
"""Canvas pixels along one image pixel: shapes are drawn finer and averaged, for smooth edges."""

Colour = tuple[float, float, float]
"""RGB, each in [0, 1]."""
Corners = Float[np.ndarray, "corners 2"]
"""``(x, y)`` in pixels of the image, x right and y down; an edge may lie between pixels."""


class Draw:
    """Random numbers from one generator, in the forms that drawing needs."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def real(self, low: float, high: float) -> float:
        """Give a number between two."""
        return low + (high - low) * float(torch.rand((), generator=self.generator))

    def whole(self, low: int, high: int) -> int:
        """Give a whole number, both ends included."""
        return int(torch.randint(low, high + 1, (), generator=self.generator))

    def chance(self, probability: float) -> bool:
        """Say yes as often as `probability`."""
        return self.real(0, 1) < probability

    def one_of(self, things: Sequence[Thing]) -> Thing:
        """Pick one of some things."""
        return things[self.whole(0, len(things) - 1)]

    def near(self, colour: Colour, *, spread: float) -> Colour:
        """Give a colour that is lighter or darker by up to `spread`, with a slight cast."""
        light = self.real(-spread, spread)
        red, green, blue = (c + light + self.real(-spread, spread) / 3 for c in colour)
        return red, green, blue

    def noise(self, rows: int, cols: int, *, grain: float) -> Float[np.ndarray, "rows cols"]:
        """Give smooth noise of deviation near 1, in lumps of about `grain` canvas pixels."""
        small = max(2, round(rows / grain) + 1), max(2, round(cols / grain) + 1)
        coarse = torch.randn(1, 1, *small, generator=self.generator)
        smooth = F.interpolate(coarse, (rows, cols), mode="bicubic", align_corners=True)
        return np.asarray(smooth[0, 0].numpy())


@dataclass(frozen=True)
class Place:
    """A frame of its own for a group of shapes: a centre, and an angle to the image."""

    x: float
    y: float
    angle: float
    """In radians, from x towards y."""

    def at(self, points: Corners) -> Corners:
        """Move points of this frame to the image."""
        turn = np.array([[cos(self.angle), sin(self.angle)], [-sin(self.angle), cos(self.angle)]])
        return np.asarray(points @ turn + np.array([self.x, self.y]))

    def box(self, x: float, y: float, width: float, height: float) -> Corners:
        """Give a rectangle around a middle, all four in this frame."""
        across, down = width / 2, height / 2
        corners = [(-across, -down), (across, -down), (across, down), (-across, down)]
        return self.at(np.array(corners) + np.array([x, y]))

    def disc(self, x: float, y: float, radius: float) -> Corners:
        """Give a circle as a polygon."""
        turns = np.arange(48) * (2 * pi / 48)
        return self.at(np.stack([np.cos(turns), np.sin(turns)], axis=1) * radius + np.array([x, y]))


@dataclass(frozen=True, eq=False)
class Drawn:
    """One object as it was drawn."""

    category: str
    corners: Corners


class Canvas:
    """An image that is being drawn, with the outlines of its objects."""

    def __init__(self, size: tuple[int, int], ground: Colour, draw: Draw) -> None:
        """Start with rough ground all over.

        Args:
            size: height and width of the image, in pixels.
            ground: its mean colour.
            draw: gives all random numbers.
        """
        self.size = size
        self.draw = draw
        self._pixels = np.empty((size[0] * FINE, size[1] * FINE, 3), dtype=np.float32)
        self._pixels[:] = ground
        self.objects: list[Drawn] = []
        everywhere = Place(size[1] / 2, size[0] / 2, 0).box(0, 0, size[1], size[0])
        self.roughen(everywhere, strength=0.05)

    def fill(self, corners: Corners, colour: Colour, *, opacity: float = 1.0) -> None:
        """Paint a polygon in one colour."""
        window, inside = self._cut(corners)
        part = self._pixels[window]
        part[inside] += (np.array(colour, dtype=np.float32) - part[inside]) * opacity

    def roughen(self, corners: Corners, *, strength: float) -> None:
        """Add noise of three grains inside a polygon."""
        window, inside = self._cut(corners)
        rows, cols = inside.shape
        if not inside.any():
            return
        rough = np.zeros((rows, cols), dtype=np.float32)
        for grain, share in ((3 * FINE, 0.5), (10 * FINE, 0.6), (40 * FINE, 0.8)):
            rough += self.draw.noise(rows, cols, grain=grain) * (strength * share)
        self._pixels[window] += (rough * inside)[..., None]

    def line(self, points: Corners, colour: Colour, *, width: float) -> None:
        """Paint a line through points; `width` in image pixels."""
        fine = np.round(to_middles(points * FINE) * 16).astype(np.int32)
        thickness = max(1, round(width * FINE))
        cv2.polylines(self._pixels, [fine], False, colour, thickness, lineType=cv2.LINE_8, shift=4)

    def outline(self, corners: Corners, colour: Colour, *, width: float) -> None:
        """Paint the edge of a polygon; `width` in image pixels, half of it outside."""
        self.line(np.concatenate([corners, corners[:1]]), colour, width=width)

    def shadow(self, corners: Corners, reach: tuple[float, float]) -> None:
        """Darken the ground that a flat-topped thing hides from the sun.

        Args:
            corners: its outline.
            reach: how far the shadow of its top falls, along x and y, in pixels.
        """
        steps = np.linspace(0, 1, 8)[1:]
        swept = np.concatenate([corners + np.array(reach) * step for step in steps])
        self.fill(cv2.convexHull(swept.astype(np.float32))[:, 0], (0.05, 0.06, 0.1), opacity=0.6)

    def add(self, category: str, corners: Corners) -> None:
        """Record an object that was drawn inside `corners`."""
        self.objects.append(Drawn(category, corners))

    def finish(self, *, blur: float, noise: float) -> UInt8[np.ndarray, "height width 3"]:
        """Give the image as a sensor sees it.

        Args:
            blur: deviation of the optics' blur, in image pixels.
            noise: deviation of each pixel's own noise, of a range of 1.
        """
        height, width = self.size
        soft = cv2.GaussianBlur(self._pixels, (0, 0), blur * FINE)
        seen = cv2.resize(soft, (width, height), interpolation=cv2.INTER_AREA)
        own = torch.randn(height, width, 3, generator=self.draw.generator).numpy()
        return np.asarray(((seen + noise * own).clip(0, 1) * 255).round().astype(np.uint8))

    def masks(self) -> Bool[np.ndarray, "objects height width"]:
        """Give each object's pixels; one that two objects share is the first one's."""
        height, width = self.size
        masks = np.zeros((len(self.objects), height, width), dtype=bool)
        taken = np.zeros(self.size, dtype=bool)
        for mask, drawn in zip(masks, self.objects, strict=True):
            fine = np.zeros((height * FINE, width * FINE), dtype=np.float32)
            window, inside = self._cut(drawn.corners)
            fine[window] = inside
            share = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
            mask[:] = (share >= 0.5) & ~taken
            taken |= mask
        return masks

    def _cut(self, corners: Corners) -> tuple[tuple[slice, slice], Bool[np.ndarray, "rows cols"]]:
        """Give a polygon's window on the canvas, and the pixels there whose middle is inside."""
        fine = corners * FINE
        limit = np.array([self.size[1] * FINE, self.size[0] * FINE])
        left, top = np.floor(fine.min(axis=0)).astype(int).clip(0, limit)
        right, bottom = np.ceil(fine.max(axis=0)).astype(int).clip((left, top), limit)
        x = pixel_middles(int(left), int(right))[None, :]
        y = pixel_middles(int(top), int(bottom))[:, None]
        inside = np.zeros((bottom - top, right - left), dtype=bool)
        # A middle is inside if a ray to its right crosses an odd number of edges.
        for (x0, y0), (x1, y1) in zip(fine, np.roll(fine, -1, axis=0), strict=True):
            if y0 != y1:
                crossed = (y0 > y) != (y1 > y)
                inside ^= crossed & (x < x0 + (x1 - x0) * (y - y0) / (y1 - y0))
        return (slice(top, bottom), slice(left, right)), inside
