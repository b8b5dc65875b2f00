"""The window in which each object of a scene is segmented, fixed to the ground.

Everything here is in the *global grid*: the scene's own pixels, counted from the origin of its
coordinate system instead of the file's corner. A scene cut or padded by any number of pixels
keeps the global grid, so its windows stay where they are on the ground.
"""

from dataclasses import dataclass
from math import floor

import numpy as np
from jaxtyping import Float

from pointsam.errors import InputError
from pointsam.frames import nearest_index, to_edges, to_middles

Box = tuple[int, int, int, int]
"""``(x0, y0, x1, y1)`` in pixels of the global grid; ``x1`` and ``y1`` are outside."""

Transform = tuple[float, float, float, float, float, float]
"""``(a, b, c, d, e, f)``: map x = a col + b row + c, map y = d col + e row + f."""

WINDOW_MULTIPLE = 64
"""A window's side is a multiple of this, so that it halves and its lattice is whole pixels."""

SNAP = 8
"""A centred window starts at a multiple of its side over this, so that near objects share one;
each object is still centred to a sixteenth of the side."""

_PHASE_SLACK = 1e-3
"""Share of a pixel. Corners are whole pixels in most grids, and rounding must not move them to
a neighbour."""


@dataclass(frozen=True)
class Window:
    """A square part of the scene that the model segments at once."""

    x: int
    y: int
    width: int
    height: int

    @property
    def box(self) -> Box:
        """Corners."""
        return self.x, self.y, self.x + self.width, self.y + self.height

    @property
    def name(self) -> str:
        """A file name that no other window of the scene has."""
        return f"x{self.x}_y{self.y}_w{self.width}_h{self.height}"

    def to_read(
        self, points: Float[np.ndarray, "points 2"], *, shrink: int
    ) -> Float[np.ndarray, "points 2"]:
        """Move points of the global grid to the pixels that are read, each `shrink` pixels wide."""
        return to_middles((points - (self.x, self.y)) / shrink)

    def holds(self, box: tuple[float, float, float, float], *, margin: float = 0) -> bool:
        """Say whether `box` is inside, at least `margin` pixels from every border."""
        x0, y0, x1, y1 = self.box
        left, top, right, bottom = box
        return (
            left >= x0 + margin
            and top >= y0 + margin
            and right <= x1 - margin
            and bottom <= y1 - margin
        )


@dataclass(frozen=True)
class Grid:
    """The place of a scene in the global grid."""

    x: int
    y: int
    """Global position of the scene's first pixel."""
    width: int
    height: int

    @classmethod
    def of(cls, transform: Transform, size: tuple[int, int]) -> "Grid":
        """Count the scene's corner in pixels from the map's origin.

        A grid that is off the origin by a part of a pixel keeps that part: it is the same for
        every file cut from it.

        Args:
            transform: of the scene, pixel corners to map.
            size: height and width in pixels.

        Raises:
            ValueError: the transform has no inverse.
        """
        a, b, c, d, e, f = transform
        area = a * e - b * d
        if not area:
            raise ValueError(f"the transform {transform} has no inverse: its pixels have no area.")
        x, y = (e * c - b * f) / area, (a * f - d * c) / area
        height, width = size
        return cls(floor(x + _PHASE_SLACK), floor(y + _PHASE_SLACK), width, height)

    @property
    def box(self) -> Box:
        """Corners."""
        return self.x, self.y, self.x + self.width, self.y + self.height

    def from_image(self, points: Float[np.ndarray, "points 2"]) -> Float[np.ndarray, "points 2"]:
        """Move points of the scene's image frame to the global grid."""
        moved: Float[np.ndarray, "points 2"] = points + to_edges(np.array([self.x, self.y]))
        return moved

    @property
    def whole(self) -> Window:
        """The scene as one window."""
        return Window(self.x, self.y, self.width, self.height)

    def fits(self, side: int) -> bool:
        """Say whether one window of `side` pixels would show the whole scene."""
        return max(self.width, self.height) <= side


def check_side(side: int) -> None:
    """Refuse a side that windows cannot have.

    Raises:
        InputError: `side` is no multiple of WINDOW_MULTIPLE.
    """
    if side < WINDOW_MULTIPLE or side % WINDOW_MULTIPLE:
        nearest = WINDOW_MULTIPLE * max(1, round(side / WINDOW_MULTIPLE))
        raise InputError(
            f"window side {side} is no multiple of {WINDOW_MULTIPLE} px: give {nearest}."
        )


def place(points: Float[np.ndarray, "points 2"], grid: Grid, *, side: int) -> Window:
    """Choose the window in which one object's points are most central.

    The candidates overlap by half and lie on multiples of half their side in the global grid, so
    a single point is always at least a quarter of the side from the border. Points that span more
    get a window around them, doubled until it holds them.

    Args:
        points: ``(x, y)`` of one object, in the global grid; at least one.
        grid: the scene; one that is no larger than a window is one window.
        side: of a window, in scene pixels; a multiple of WINDOW_MULTIPLE.
    """
    if grid.fits(side):
        return grid.whole
    low, high = points.min(axis=0), points.max(axis=0)
    x, y = (window_start(middle, side=side) for middle in (low + high) / 2)
    window = Window(x, y, side, side)
    extent = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
    while not window.holds(extent, margin=window.width / 8):
        window = centred(extent, side=2 * window.width)
    return window


def window_start(place: float, *, side: int) -> int:
    """Give the first pixel, along one axis, of the window in which a place is most central."""
    half = side // 2
    return nearest_index(place / half) * half - half


def centred(box: tuple[float, float, float, float], *, side: int) -> Window:
    """Put a window of `side` pixels around the middle of `box`, on the lattice of such windows."""
    step = side // SNAP
    x, y = (
        nearest_index((low + high - side) / 2 / step) * step
        for low, high in zip(box[:2], box[2:], strict=True)
    )
    return Window(x, y, side, side)


def shrink_of(window: Window, *, side: int) -> int:
    """Say how many scene pixels to average to one: a power of two, where a window is too large.

    The averaged side is at least `side` and less than twice that, if the window can be halved.
    """
    shrink = 1
    longest = max(window.width, window.height)
    while longest >= 2 * shrink * side and not (
        window.width % (2 * shrink) or window.height % (2 * shrink)
    ):
        shrink *= 2
    return shrink


def touches(box: Box, window: Window, grid: Grid, *, within: float) -> bool:
    """Say whether `box` comes `within` pixels of a border of `window` that has scene beyond it."""
    near_low = [box[i] < window.box[i] + within and window.box[i] > grid.box[i] for i in (0, 1)]
    near_high = [box[i] > window.box[i] - within and window.box[i] < grid.box[i] for i in (2, 3)]
    return any(near_low + near_high)


def follow(box: Box, window: Window, *, moved: bool, largest: int) -> Window | None:
    """Choose the next window for an object whose mask ran into the border of `window`.

    Args:
        box: of the mask as far as it was seen.
        window: in which it was seen.
        moved: whether `window` was centred on the object already; if not, and if the mask fills
            no more than half of it, one of the same side around the mask comes first.
        largest: side above which no window is made; 0 follows nothing.

    Returns:
        A window around the mask, of the same side or twice that, or None above `largest`.
    """
    span = max(box[2] - box[0], box[3] - box[1])
    if not moved and 2 * span <= window.width <= largest:
        return centred(box, side=window.width)
    if 2 * window.width > largest:
        return None
    return centred(box, side=2 * window.width)
