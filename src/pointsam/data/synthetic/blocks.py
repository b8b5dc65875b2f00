"""The objects in a block of a drawn scene: row houses, moored ships, tanks, courts."""

from dataclasses import dataclass

import numpy as np

from pointsam.data.synthetic.canvas import Canvas, Colour, Place

Pair = tuple[float, float]
"""Along x and along y, in pixels of the frame in use."""

ROOFS: tuple[Colour, ...] = ((0.55, 0.30, 0.24), (0.45, 0.42, 0.40), (0.60, 0.50, 0.40))
HULLS: tuple[Colour, ...] = ((0.75, 0.75, 0.75), (0.50, 0.30, 0.26), (0.42, 0.46, 0.50))
STEELS: tuple[Colour, ...] = ((0.85, 0.85, 0.82), (0.70, 0.70, 0.68), (0.62, 0.55, 0.48))
FLOORS: tuple[Colour, ...] = ((0.25, 0.42, 0.55), (0.30, 0.50, 0.35), (0.62, 0.36, 0.27))


@dataclass(frozen=True, eq=False)
class Block:
    """A part of the scene for objects of one kind."""

    canvas: Canvas
    place: Place
    """Its middle and its angle; everything in the block is drawn in this frame."""
    width: float
    height: float
    sun: Pair
    """Where shadows fall, in the image frame; of length 1."""

    def cast_shadow(self, corners: np.ndarray, *, height: float) -> None:
        """Darken the ground beside a thing that stands `height` pixels high."""
        self.canvas.shadow(corners, (self.sun[0] * height, self.sun[1] * height))


def draw_houses(block: Block) -> None:
    """Draw two rows of gabled houses that share their walls."""
    draw = block.canvas.draw
    depth = block.height / 2 * draw.real(0.55, 0.68)
    tall = draw.real(5, 9)
    for row in (-0.25, 0.25):
        count = draw.whole(3, 5)
        width = min(block.width / count, depth * draw.real(0.6, 1.0))
        roof = draw.one_of(ROOFS)
        block.cast_shadow(block.place.box(0, row * block.height, width * count, depth), height=tall)
        for number in range(count):
            middle = ((number - (count - 1) / 2) * width, row * block.height)
            _draw_house(block, middle, (width, depth), draw.near(roof, spread=0.06))


def _draw_house(block: Block, middle: Pair, extent: Pair, roof: Colour) -> None:
    """Draw a roof with a sunny and a shaded side, its party walls and perhaps a chimney."""
    canvas, place, (x, y), (width, depth) = block.canvas, block.place, middle, extent
    downhill = place.at(np.array([[0.0, 1.0]]))[0] - np.array([place.x, place.y])
    sunny = -float(downhill @ np.array(block.sun))
    for side in (-1, 1):
        red, green, blue = (channel + 0.02 * side * sunny for channel in roof)
        canvas.fill(place.box(x, y + side * depth / 4, width, depth / 2), (red, green, blue))
    walls = place.box(x, y, width, depth)
    canvas.roughen(walls, strength=0.02)
    canvas.outline(walls, (0.20, 0.18, 0.16), width=2)
    if canvas.draw.chance(0.6):
        beside = width * canvas.draw.real(-0.3, 0.3)
        canvas.fill(place.box(x + beside, y + depth * 0.12, 4, 4), (0.3, 0.25, 0.25))
    canvas.add("building", walls)


def draw_ships(block: Block) -> None:
    """Draw ships side by side, their sterns at a pier."""
    draw, canvas, place = block.canvas.draw, block.canvas, block.place
    basin = place.box(0, 0, block.width * 1.08, block.height * 1.08)
    canvas.fill(basin, draw.near((0.16, 0.27, 0.32), spread=0.04))
    canvas.roughen(basin, strength=0.03)
    pier = place.box(0, -block.height * 0.5, block.width * 1.08, block.height * 0.14)
    canvas.fill(pier, (0.62, 0.60, 0.56))
    count = draw.whole(4, 6)
    berth = min(block.width / count, block.height * 0.24)
    hull = draw.one_of(HULLS)
    for number in range(count):
        length = block.height * draw.real(0.6, 0.7)
        middle = ((number - (count - 1) / 2) * berth, length / 2 - block.height * 0.42)
        extent = (berth * draw.real(0.93, 1.0), length)
        _draw_ship(block, middle, extent, draw.near(hull, spread=0.04))


def _draw_ship(block: Block, middle: Pair, extent: Pair, hull: Colour) -> None:
    """Draw a hull with its bow towards y, a bridge near the stern and three hatches."""
    canvas, place, (x, y), (beam, length) = block.canvas, block.place, middle, extent
    side = [(0.4, -0.5), (0.5, -0.4), (0.5, 0.25), (0.3, 0.4)]
    other_side = [(-across, along) for across, along in reversed(side)]
    shape = np.array([*side, (0.0, 0.5), *other_side]) * np.array([beam, length]) + np.array([x, y])
    deck = place.at(shape)
    canvas.fill(deck, hull)
    canvas.roughen(deck, strength=0.015)
    canvas.outline(deck, (0.2, 0.2, 0.22), width=1)
    red, green, blue = hull
    bridge = canvas.draw.near((red + 0.1, green + 0.1, blue + 0.1), spread=0.02)
    canvas.fill(place.box(x, y - length * 0.34, beam * 0.6, length * 0.1), bridge)
    hatch = canvas.draw.near((red - 0.05, green - 0.05, blue - 0.05), spread=0.02)
    for along in (-0.08, 0.08, 0.24):
        canvas.fill(place.box(x, y + length * along, beam * 0.6, length * 0.11), hatch)
    canvas.add("ship", deck)


def draw_tanks(block: Block) -> None:
    """Draw tanks with floating roofs in a grid, nearly touching."""
    draw, canvas, place = block.canvas.draw, block.canvas, block.place
    cols, rows = draw.whole(2, 3), draw.whole(1, 3)
    step = min(block.width / cols, block.height / rows)
    yard = place.box(0, 0, step * cols + 12, step * rows + 12)
    canvas.fill(yard, (0.52, 0.50, 0.46))
    canvas.roughen(yard, strength=0.04)
    radius = step / 2 * draw.real(0.9, 0.99)
    tall, steel = draw.real(4, 8), draw.one_of(STEELS)
    middles = [
        ((col - (cols - 1) / 2) * step, (row - (rows - 1) / 2) * step)
        for row in range(rows)
        for col in range(cols)
    ]
    for x, y in middles:
        block.cast_shadow(place.disc(x, y, radius), height=tall)
    for x, y in middles:
        rim = place.disc(x, y, radius)
        red, green, blue = draw.near(steel, spread=0.03)
        canvas.fill(rim, (red, green, blue))
        floating = draw.near((red - 0.1, green - 0.1, blue - 0.1), spread=0.03)
        canvas.fill(place.disc(x, y, radius * 0.85), floating)
        canvas.outline(rim, (0.4, 0.4, 0.4), width=0.7)
        canvas.roughen(rim, strength=0.015)
        canvas.add("tank", rim)


def draw_courts(block: Block) -> None:
    """Draw courts with lines, a strip of ground between them."""
    draw = block.canvas.draw
    cols, rows = draw.whole(2, 3), draw.whole(1, 2)
    step_x, step_y = block.width / cols, block.height / rows
    extent = (step_x * 0.93, min(step_y * 0.93, step_x * 1.9))
    floor = draw.one_of(FLOORS)
    for row in range(rows):
        for col in range(cols):
            middle = ((col - (cols - 1) / 2) * step_x, (row - (rows - 1) / 2) * step_y)
            _draw_court(block, middle, extent, draw.near(floor, spread=0.02))


def _draw_court(block: Block, middle: Pair, extent: Pair, floor: Colour) -> None:
    canvas, place, (x, y), (width, height) = block.canvas, block.place, middle, extent
    ground = place.box(x, y, width, height)
    canvas.fill(ground, floor)
    canvas.roughen(ground, strength=0.02)
    across, along = width * 0.43, height * 0.45
    field = [(-across, -along), (across, -along), (across, along), (-across, along)]
    service = height * 0.25
    lines = [
        [*field, field[0]],
        [(-across, 0), (across, 0)],
        [(-across, -service), (across, -service)],
        [(-across, service), (across, service)],
        [(0, -service), (0, service)],
    ]
    for line in lines:
        canvas.line(place.at(np.array(line) + np.array([x, y])), (0.8, 0.8, 0.8), width=0.8)
    canvas.add("court", ground)
