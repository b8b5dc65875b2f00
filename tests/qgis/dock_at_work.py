"""The dock in a QGIS without a screen: ``/usr/bin/python3 dock_at_work.py SCENE.tif FOLDER``.

Prints one JSON object of facts; ``test_dock.py`` judges them.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsPointXY,
    QgsProject,
    QgsRasterLayer,
    QgsRectangle,
)
from qgis.gui import QgsMapCanvas, QgsMessageBar
from qgis.PyQt.QtCore import QPoint, Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QMainWindow
from qgis.testing import start_app

SECONDS = 240


class Interface:
    """What of QGIS's interface the dock asks for."""

    def __init__(self):
        self.window = QMainWindow()
        self.canvas = QgsMapCanvas(self.window)
        self.canvas.resize(600, 600)
        self.bar = QgsMessageBar(self.window)
        self.window.setCentralWidget(self.canvas)
        self.window.resize(900, 700)

    def mainWindow(self):
        return self.window

    def mapCanvas(self):
        return self.canvas

    def messageBar(self):
        return self.bar

    def addDockWidget(self, area, dock):
        self.window.addDockWidget(area, dock)


def wait(fact):
    until = time.monotonic() + SECONDS
    while not fact():
        if time.monotonic() > until:
            raise TimeoutError
        QApplication.processEvents()
        time.sleep(0.02)


class Clicker:
    """Presses and releases where a pixel of the raster is on the screen."""

    def __init__(self, canvas, raster):
        self.canvas = canvas
        self.forward = QgsCoordinateTransform(
            raster.crs(), canvas.mapSettings().destinationCrs(), QgsProject.instance()
        )
        self.extent = raster.extent()
        self.pixel = raster.rasterUnitsPerPixelX()

    def screen(self, x, y):
        place = QgsPointXY(
            self.extent.xMinimum() + (x + 0.5) * self.pixel,
            self.extent.yMaximum() - (y + 0.5) * self.pixel,
        )
        on_canvas = self.canvas.getCoordinateTransform().transform(self.forward.transform(place))
        return QPoint(round(on_canvas.x()), round(on_canvas.y()))

    def click(self, x, y, button=Qt.MouseButton.LeftButton, keys=Qt.KeyboardModifier.NoModifier):
        QTest.mouseClick(self.canvas.viewport(), button, keys, self.screen(x, y))
        QApplication.processEvents()

    def drag(self, start, end):
        button, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        QTest.mousePress(self.canvas.viewport(), button, keys, self.screen(*start))
        QTest.mouseRelease(self.canvas.viewport(), button, keys, self.screen(*end))
        QApplication.processEvents()

    def key(self, key, keys=Qt.KeyboardModifier.NoModifier):
        QTest.keyClick(self.canvas, key, keys)
        QApplication.processEvents()


def main(scene, folder):
    start_app()
    sys.path.insert(0, os.environ["QGIS_PLUGINS"])
    from pointsam.dock.dock import ClickDock

    project = QgsProject.instance()
    project.setCrs(QgsCoordinateReferenceSystem("EPSG:3857"))
    raster = QgsRasterLayer(scene, "scene")
    project.addMapLayer(raster)
    interface = Interface()
    canvas = interface.canvas
    interface.window.show()
    canvas.setDestinationCrs(project.crs())
    canvas.setLayers([raster])
    clicker = Clicker(canvas, raster)
    canvas.setExtent(clicker.forward.transformBoundingBox(QgsRectangle(raster.extent())))
    wait(lambda: not canvas.isDrawing())

    dock = ClickDock(interface)
    interface.addDockWidget(dock.usual_area(), dock)
    facts = {"without layers": dock.begin()}
    dock.raster.setLayer(raster)
    dock.make_layer(Path(folder) / "clicks.gpkg", ["roof", "tank"])
    layer = dock.points.currentLayer()
    facts["starts"] = dock.begin()
    facts["units a screen pixel, in raster pixels"] = canvas.mapUnitsPerPixel() / clicker.pixel

    clicker.click(59, 54)
    wait(lambda: len(dock.bands) == 1)
    places, crs = dock._places, layer.crs()
    [one] = list(layer.getFeatures())
    facts["clicked"] = places.to_pixel(one.geometry().asPoint(), crs)
    shape = dock.bands.shapes()[one["instance"]]
    facts["mask holds its click"] = shape.contains(
        QgsCoordinateTransform(crs, project.crs(), project).transform(one.geometry().asPoint())
    )
    facts["mask area, in pixels"] = (
        shape.area()
        / (clicker.forward.transformBoundingBox(QgsRectangle(raster.extent())).width() / 300) ** 2
    )

    clicker.click(90, 90, button=Qt.MouseButton.RightButton)
    clicker.click(139, 74)
    clicker.key(Qt.Key.Key_2)
    wait(lambda: len(dock.bands) == 2)
    rows = [(f["instance"], f["label"], f["class"]) for f in layer.getFeatures()]
    facts["rows"] = sorted(rows)

    second = next(f for f in layer.getFeatures() if f["instance"] == 2)
    clicker.drag((139, 74), (130, 80))
    moved = layer.getFeature(second.id()).geometry().asPoint()
    facts["dragged"] = places.to_pixel(moved, crs)
    clicker.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    back = layer.getFeature(second.id()).geometry().asPoint()
    facts["drag undone"] = places.to_pixel(back, crs)

    process = dock._live._server.process_id
    os.kill(process, signal.SIGKILL)
    clicker.click(239, 64)
    wait(lambda: len(dock.bands) == 3)
    facts["server was started again"] = dock._live._server.starts
    last = dock._live._server.process_id
    before = layer.featureCount()
    clicker.key(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    wait(lambda: len(dock.bands) == 2)
    facts["undo took"] = before - layer.featureCount()
    facts["saved"] = layer.commitChanges()
    from pointsam.dock.adapting import new_adapter_folder

    first = new_adapter_folder(layer)
    first.mkdir()
    facts["adapters"] = [str(first), str(new_adapter_folder(layer))]
    if len(sys.argv) > 3:
        interface.window.grab().save(sys.argv[3])
    dock.stop()
    time.sleep(0.2)
    facts["server is gone"] = not Path(f"/proc/{last}").exists()
    sys.stdout.write(f"{json.dumps(facts)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:3])
    os._exit(0)  # QGIS without a screen may crash while Python takes it apart
