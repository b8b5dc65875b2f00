"""The map tool: left is an object, right its background; keys for the rest."""

from __future__ import annotations

from typing import Any

from qgis.gui import QgsMapTool
from qgis.PyQt.QtCore import Qt, pyqtSignal

REACH = 8
"""Screen pixels within which a press takes hold of a click that is there."""


class ClickTool(QgsMapTool):
    """Turns mouse and keys into what the dock does; it knows no layer."""

    clicked = pyqtSignal(object, int, bool)
    """Map point, label, and whether it belongs to the present object."""
    moved = pyqtSignal(int, object)
    """Feature and its new map point."""
    next_object = pyqtSignal()
    class_chosen = pyqtSignal(int)
    undone = pyqtSignal()

    def __init__(self, canvas: Any, find_near: Any) -> None:
        """Take the canvas, and what finds a click near a map point within map units."""
        super().__init__(canvas)
        self._find_near = find_near
        self._held: int | None = None
        self.setCursor(Qt.CursorShape.CrossCursor)

    def canvasPressEvent(self, event: Any) -> None:
        """Take hold of a click that is under the mouse."""
        if event.button() == Qt.MouseButton.LeftButton:
            reach = REACH * self.canvas().mapUnitsPerPixel()
            self._held = self._find_near(self.toMapCoordinates(event.pos()), reach)

    def canvasReleaseEvent(self, event: Any) -> None:
        """Drop what is held, or click."""
        point = self.toMapCoordinates(event.pos())
        held, self._held = self._held, None
        if event.button() == Qt.MouseButton.RightButton:
            self.clicked.emit(point, 0, True)
        elif event.button() == Qt.MouseButton.LeftButton:
            if held is not None:
                self.moved.emit(held, point)
            else:
                shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
                self.clicked.emit(point, 1, shift)

    def keyPressEvent(self, event: Any) -> None:
        """Enter: next object; 1 to 9: class; Ctrl+Z: undo."""
        key = event.key()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.next_object.emit()
        elif Qt.Key.Key_1 <= key <= Qt.Key.Key_9:
            self.class_chosen.emit(int(key) - int(Qt.Key.Key_1))
        elif key == Qt.Key.Key_Z and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.undone.emit()
        else:
            return
        # Else the canvas would take the key as well.
        event.accept()
