"""The masks in the map, as rubber bands: those of now, and those of before the adapter."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsGeometry
from qgis.gui import QgsRubberBand
from qgis.PyQt.QtGui import QColor

from ..compat import POLYGON_GEOMETRY

NOW, BEFORE = QColor(0, 158, 115), QColor(230, 159, 0)
_FILL = 90
"""Opacity of a mask, of 255."""


class MaskBands:
    """One band an object; before and after differ in colour and in the style of their outline."""

    def __init__(self, canvas: Any) -> None:
        self._canvas = canvas
        self._now: dict[int, QgsRubberBand] = {}
        self._before: dict[int, QgsRubberBand] = {}
        self._showing_before = False

    def __len__(self) -> int:
        return len(self._now)

    def shapes(self) -> dict[int, QgsGeometry]:
        """Give what is drawn now, in the map's CRS."""
        return {number: band.asGeometry() for number, band in self._now.items()}

    def before_shapes(self) -> dict[int, QgsGeometry]:
        """Give the masks of before."""
        return {number: band.asGeometry() for number, band in self._before.items()}

    def set(self, number: int, shape: QgsGeometry | None) -> None:
        """Draw an object's mask, or take it away."""
        _put(self._canvas, self._now, number, shape, NOW)
        if number in self._now:
            self._now[number].setVisible(not self._showing_before)

    def set_before(self, shapes: dict[int, QgsGeometry]) -> None:
        """Take masks as those of before."""
        for number, shape in shapes.items():
            _put(self._canvas, self._before, number, shape, BEFORE)
        self.show_before(self._showing_before)

    def keep_as_before(self) -> None:
        """Let the masks of now be those of before."""
        self.set_before(self.shapes())

    def show_before(self, shown: bool) -> None:
        """Show the masks of before in place of those of now."""
        self._showing_before = shown
        for band in self._before.values():
            band.setVisible(shown)
        for band in self._now.values():
            band.setVisible(not shown)

    def clear(self) -> None:
        """Take all masks away."""
        for bands in (self._now, self._before):
            for band in bands.values():
                self._canvas.scene().removeItem(band)
            bands.clear()


def _put(
    canvas: Any,
    bands: dict[int, QgsRubberBand],
    number: int,
    shape: QgsGeometry | None,
    colour: QColor,
) -> None:
    if shape is None or shape.isNull():
        band = bands.pop(number, None)
        if band is not None:
            canvas.scene().removeItem(band)
        return
    if number not in bands:
        band = QgsRubberBand(canvas, POLYGON_GEOMETRY)
        fill = QColor(colour)
        fill.setAlpha(_FILL)
        band.setFillColor(fill)
        band.setStrokeColor(colour)
        band.setWidth(2)
        bands[number] = band
    bands[number].setToGeometry(shape, None)
