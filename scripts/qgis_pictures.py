"""What QGIS does for ``qgis_screenshots.py``, which starts it with ``--code`` and this file."""

import os
import time
import traceback
from pathlib import Path

import processing
from qgis.core import QgsApplication, QgsProject, QgsRasterLayer, QgsVectorLayer
from qgis.PyQt.QtCore import QTimer
from qgis.PyQt.QtWidgets import QApplication, QDockWidget, QLineEdit, QTreeView
from qgis.utils import iface, plugins

PICTURES = Path(os.environ["POINTSAM_PICTURES"])
PATIENCE = 600


def wait(fact=None, seconds=0.0):
    """Let QGIS work until a fact holds, and some time more."""
    begun = time.monotonic()
    while fact is not None and not fact():
        if time.monotonic() - begun > PATIENCE:
            raise TimeoutError
        QApplication.processEvents()
        time.sleep(0.02)
    until = time.monotonic() + seconds
    while time.monotonic() < until or iface.mapCanvas().isDrawing():
        QApplication.processEvents()
        time.sleep(0.02)


def grab(name, widget=None):
    wait(seconds=1)
    (widget or iface.mainWindow()).grab().save(str(PICTURES / f"{name}.png"))


def tidy():
    """Leave the layers, the map and what the plugin shows."""
    window = iface.mainWindow()
    window.setGeometry(0, 0, 1400, 900)
    for dock in window.findChildren(QDockWidget):
        if dock.objectName() not in ("Layers", "pointsamDock"):
            dock.hide()
    iface.messageBar().clearWidgets()


def show_toolbox():
    dock = iface.mainWindow().findChild(QDockWidget, "ProcessingToolbox")
    dock.show()
    dock.raise_()
    dock.setMinimumWidth(380)
    search = next(line for line in dock.findChildren(QLineEdit) if line.isVisible())
    search.setText("pointsam")
    wait(seconds=1)
    for tree in dock.findChildren(QTreeView):
        tree.expandAll()
    grab("qgis_toolbox")
    dock.hide()


def show_dock(clicks):
    """Click nothing anew: the layer's clicks get their masks, then those of the adapter."""
    plugin = plugins["pointsam"]
    plugin._show_dock(True)
    dock = plugin._dock
    dock.setMinimumWidth(380)
    dock.points.setLayer(clicks)
    dock.classes.clear()
    dock.classes.addItems(["building", "tank", "ship", "court"])
    count = clicks.featureCount()
    dock.start.setChecked(True)
    wait(lambda: len(dock.bands) == count and not dock._live.busy)
    grab("qgis_dock")
    grab("map_before", iface.mapCanvas())
    dock.restart(os.environ["POINTSAM_ADAPTER"])
    wait(lambda: len(dock.bands) == count and not dock._live.busy)
    grab("map_after", iface.mapCanvas())
    dock.start.setChecked(False)
    clicks.commitChanges()
    dock.hide()


def show_result(raster, clicks):
    given = {
        "RASTER": raster,
        "POINTS": clicks,
        "ADAPTER": os.environ["POINTSAM_ADAPTER"],
        "OUTPUT": "TEMPORARY_OUTPUT",
    }
    processing.runAndLoadResults("pointsam:segmentclicked", given)
    iface.mapCanvas().refresh()
    wait(seconds=2)
    tidy()
    grab("qgis_result")


def work():
    tidy()
    raster = QgsRasterLayer(os.environ["POINTSAM_SCENE"], "scene")
    clicks = QgsVectorLayer(os.environ["POINTSAM_CLICKS"], "clicks", "ogr")
    for layer in (raster, clicks):  # the last one lies on top
        QgsProject.instance().addMapLayer(layer)
    iface.mapCanvas().setExtent(raster.extent())
    wait(seconds=2)
    show_toolbox()
    show_dock(clicks)
    show_result(raster, clicks)


def begin():
    try:
        work()
    except Exception:
        traceback.print_exc()
    QgsProject.instance().setDirty(False)
    plugins["pointsam"].unload()
    QgsApplication.processEvents()
    os._exit(0)  # a question about saving would wait for ever


QTimer.singleShot(3000, begin)
