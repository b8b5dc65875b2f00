"""Stacked horizontal bars with Pillow: where seconds and gigabytes go, for docs/performance.md."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pointsam.figures import BLACK, GREY, PALETTE, WHITE

FINE = 2
"""Drawn this much larger than on a page, for sharp letters on fine screens."""
WIDTH, MARGIN, NAMES, NUMBERS = 880, 16, 190, 100
ROW, BAR, LETTERS, HEAD = 26, 18, 14, 17


@dataclass(frozen=True)
class Bar:
    """One row of a chart."""

    name: str
    parts: dict[str, float]
    """Lengths by part; a part has one colour in all bars of a figure."""
    note: str = ""
    """Written in place of a bar where nothing was measured."""

    @property
    def total(self):
        return sum(self.parts.values())


def colours_of(names):
    """Give each part its colour; the last, what is left, is grey."""
    return dict(zip(names, (*PALETTE[: len(names) - 1], GREY), strict=True))


def chart(title, bars, *, unit, colours):
    """Draw one chart, its longest bar as wide as the page allows."""
    height = MARGIN + HEAD + 8 + ROW * len(bars)
    picture = Image.new("RGB", (WIDTH * FINE, height * FINE), WHITE)
    draw = ImageDraw.Draw(picture)
    _text(draw, (MARGIN, MARGIN + HEAD / 2), title, size=HEAD)
    longest = max((bar.total for bar in bars), default=0) or 1.0
    room = WIDTH - 2 * MARGIN - NAMES - NUMBERS
    for place, bar in enumerate(bars):
        middle = MARGIN + HEAD + 8 + ROW * (place + 0.5)
        _text(draw, (MARGIN + NAMES - 8, middle), bar.name, anchor="rm")
        left = float(MARGIN + NAMES)
        for name, length in bar.parts.items():
            right = left + room * length / longest
            box = (left, middle - BAR / 2, right, middle + BAR / 2)
            draw.rectangle([edge * FINE for edge in box], fill=colours.get(name, GREY))
            left = right
        said = bar.note or f"{bar.total:.{_digits(longest)}f} {unit}"
        _text(draw, (left + 6, middle), said)
    return _shown(picture)


def legend(colours):
    """Draw the names of the parts beside their colours, in lines as wide as the page."""
    font = ImageFont.load_default(LETTERS)
    x, line, placed = float(MARGIN), 0, []
    for name in colours:
        wide = 22 + font.getlength(name) + 18
        if x + wide > WIDTH - MARGIN:
            x, line = float(MARGIN), line + 1
        placed.append((name, x, line))
        x += wide
    picture = Image.new("RGB", (WIDTH * FINE, int((MARGIN + ROW * (line + 1)) * FINE)), WHITE)
    draw = ImageDraw.Draw(picture)
    for name, left, number in placed:
        middle = MARGIN + ROW * (number + 0.5)
        box = (left, middle - 7, left + 14, middle + 7)
        draw.rectangle([edge * FINE for edge in box], fill=colours[name])
        _text(draw, (left + 20, middle), name)
    return _shown(picture)


def _digits(longest):
    return 2 if longest < 10 else 1


def _text(draw, place, text, *, size=LETTERS, anchor="lm"):
    font = ImageFont.load_default(size * FINE)
    draw.text((place[0] * FINE, place[1] * FINE), text, fill=BLACK, font=font, anchor=anchor)


def _shown(picture):
    return np.asarray(picture)
