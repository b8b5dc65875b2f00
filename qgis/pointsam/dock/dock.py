"""The dock: which raster and clicks, which class, live masks, and what is done with them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from qgis.core import QgsProject, QgsRasterLayer, QgsVectorLayer
from qgis.gui import QgsDockWidget, QgsFileWidget, QgsMapLayerComboBox
from qgis.PyQt.QtCore import Qt, QTimer
from qgis.PyQt.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from .. import settings
from ..command.find import CommandNotFoundError, usable_command
from ..compat import CRITICAL, FILTER_POINT, FILTER_RASTER, GET_FOLDER
from .adapting import Adapting
from .clicks import OBJECT, ClickLayerError, Clicks, make_click_layer
from .drawing import MaskBands
from .live import LiveMasks, Points
from .map_tool import ClickTool
from .places import RasterPlaces
from .server import LiveServer

TITLE = "pointsam"


class ClickDock(QgsDockWidget):
    """Lets one click objects in the map, and shows their masks while one clicks."""

    def __init__(self, iface: Any) -> None:
        super().__init__("pointsam: click objects", iface.mainWindow())
        self.setObjectName("pointsamDock")
        self._iface = iface
        self._clicks: Clicks | None = None
        self._places: RasterPlaces | None = None
        self._live: LiveMasks | None = None
        self._instance = 0
        self.bands = MaskBands(iface.mapCanvas())
        self._build()
        self.tool = ClickTool(iface.mapCanvas(), self._near)
        self.tool.clicked.connect(self.click)
        self.tool.moved.connect(self._move)
        self.tool.next_object.connect(self.next_object)
        self.tool.class_chosen.connect(self._choose_class)
        self.tool.undone.connect(self._undo)
        self._sync = QTimer(self)
        self._sync.setSingleShot(True)
        self._sync.setInterval(0)
        self._sync.timeout.connect(self._send)
        self._adapting = Adapting(self)

    @staticmethod
    def usual_area() -> Any:
        """Say where QGIS puts the dock first."""
        return Qt.DockWidgetArea.RightDockWidgetArea

    # What one sees -----------------------------------------------------------------------------

    def _build(self) -> None:
        self.raster, self.points = QgsMapLayerComboBox(), QgsMapLayerComboBox()
        self.raster.setFilters(FILTER_RASTER)
        self.points.setFilters(FILTER_POINT)
        self.points.setAllowEmptyLayer(True)
        self.adapter = QgsFileWidget()
        self.adapter.setStorageMode(GET_FOLDER)
        self.classes = QComboBox()
        self.classes.setEditable(True)
        self.classes.addItem("object")
        new, self.start = QPushButton("New..."), QPushButton("Click")
        new.clicked.connect(self._new_layer)
        self.start.setCheckable(True)
        self.start.toggled.connect(self._toggle)
        self.adapt, self.before = QPushButton("Adapt"), QPushButton("Before/after")
        self.find = QPushButton("Find more")
        self.adapt.clicked.connect(lambda: self._adapting.begin())
        self.before.setCheckable(True)
        self.before.toggled.connect(self.bands.show_before)
        self.find.clicked.connect(lambda: self._adapting.find_more())
        self.said = QLabel("Choose a raster and a point layer, then press Click.")
        self.said.setWordWrap(True)
        form = QFormLayout()
        row = QHBoxLayout()
        row.addWidget(self.points, 1)
        row.addWidget(new)
        form.addRow("Raster", self.raster)
        form.addRow("Clicks", row)
        form.addRow("Adapter", self.adapter)
        form.addRow("Class (1-9)", self.classes)
        buttons = QHBoxLayout()
        for button in (self.start, self.adapt, self.before, self.find):
            buttons.addWidget(button)
        column = QVBoxLayout()
        column.addLayout(form)
        column.addLayout(buttons)
        column.addWidget(self.said)
        column.addStretch(1)
        inside = QWidget()
        inside.setLayout(column)
        self.setWidget(inside)

    def say(self, text: str, *, wrong: bool = False) -> None:
        """Say what happens; what is wrong also in QGIS's message bar."""
        self.said.setText(text)
        if wrong:
            self._iface.messageBar().pushMessage(TITLE, text, level=CRITICAL, duration=10)

    # Starting and stopping ---------------------------------------------------------------------

    def begin(self) -> bool:
        """Take the chosen layers and start the server; say whether that went well."""
        self.end()
        raster, points = self.raster.currentLayer(), self.points.currentLayer()
        try:
            if not isinstance(raster, QgsRasterLayer):
                raise ClickLayerError("choose a raster first.")
            if not raster.crs().isValid() or raster.providerType() != "gdal":
                raise ClickLayerError(
                    f"the raster {raster.name()} has no file or no CRS that pointsam could use: "
                    "set its CRS, or export it to a file."
                )
            if not isinstance(points, QgsVectorLayer):
                raise ClickLayerError("choose a point layer, or make one with New.")
            command, _ = usable_command(settings.command_option(), settings.environment_folder())
            self._clicks = Clicks(points)
        except (ClickLayerError, CommandNotFoundError) as error:
            self.say(str(error), wrong=True)
            return False
        self._places = RasterPlaces(raster)
        project = Path(tempfile.mkdtemp(prefix="pointsam-live-")) / "project"
        server = LiveServer(command, raster.source(), project, adapter=self.adapter.filePath())
        self._live = LiveMasks(server)
        self._live.changed.connect(self._draw)
        self._live.failed.connect(lambda text: self.say(text, wrong=True))
        self._live.asked.connect(self._show_work)
        self._instance = self._clicks.next_instance()
        for signal in self._layer_signals():
            signal.connect(self._later)
        self._iface.mapCanvas().setMapTool(self.tool)
        self.say("Left: object. Right: its background. Shift: one more click of the object.")
        self._later()
        return True

    def end(self) -> None:
        """Stop the server and let go of the layers; the clicks stay in the layer."""
        if self._live is not None:
            self._live.stop()
            self._live = None
        if self._clicks is not None:
            for signal in self._layer_signals():
                try:
                    signal.disconnect(self._later)
                except (TypeError, RuntimeError):  # the layer is gone
                    break
            self._clicks = None
        self.bands.clear()

    def stop(self) -> None:
        """End all for good; the plugin is unloaded."""
        self._adapting.cancel()
        self.end()
        self._iface.mapCanvas().unsetMapTool(self.tool)

    def restart(self, adapter: str) -> None:
        """Go on with another adapter; the masks of now become those of before."""
        self.bands.keep_as_before()
        kept = self.bands.before_shapes()
        self.adapter.setFilePath(adapter)
        if self.begin():
            self.bands.set_before(kept)

    def _toggle(self, on: bool) -> None:
        if not on:
            self.end()
        elif not self.begin():
            self.start.setChecked(False)

    def _layer_signals(self) -> list[Any]:
        assert self._clicks is not None
        layer = self._clicks.layer
        return [
            layer.featureAdded,
            layer.featureDeleted,
            layer.geometryChanged,
            layer.attributeValueChanged,
        ]

    def _new_layer(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "New clicks", "clicks.gpkg", "*.gpkg")
        if not path:
            return
        names, agreed = QInputDialog.getText(self, TITLE, "Classes, with commas between them:")
        classes = [name.strip() for name in names.split(",") if name.strip()] if agreed else []
        self.make_layer(Path(path), classes or ["object"])

    def make_layer(self, path: Path, classes: list[str]) -> None:
        """Make a layer of clicks, add it to the project and choose it."""
        raster = self.raster.currentLayer()
        crs = raster.crs() if raster is not None else QgsProject.instance().crs()
        try:
            layer = make_click_layer(path, crs, classes)
        except ClickLayerError as error:
            self.say(str(error), wrong=True)
            return
        QgsProject.instance().addMapLayer(layer)
        self.points.setLayer(layer)
        self.classes.clear()
        self.classes.addItems(classes)

    # Clicking ----------------------------------------------------------------------------------

    def click(self, point: Any, label: int, same_object: bool) -> None:
        """Write one click; a click on an object begins the next one, unless told otherwise."""
        if self._clicks is None or self._places is None:
            return
        crs = self._iface.mapCanvas().mapSettings().destinationCrs()
        if not self._places.holds(self._places.to_pixel(point, crs)):
            self.say("That click is off the raster.")
            return
        if label == OBJECT and not same_object:
            self.next_object()
        self._clicks.add(
            point,
            crs,
            instance=self._instance,
            label=label,
            category=self.classes.currentText() or "object",
        )

    def next_object(self) -> None:
        """Let the next click begin an object."""
        if self._clicks is not None:
            self._instance = self._clicks.next_instance()

    def _near(self, point: Any, reach: float) -> int | None:
        if self._clicks is None:
            return None
        crs = self._iface.mapCanvas().mapSettings().destinationCrs()
        return self._clicks.near(point, crs, reach)

    def _move(self, feature: int, point: Any) -> None:
        if self._clicks is not None:
            crs = self._iface.mapCanvas().mapSettings().destinationCrs()
            self._clicks.move(feature, point, crs)

    def _choose_class(self, number: int) -> None:
        if number < self.classes.count():
            self.classes.setCurrentIndex(number)
            if self._clicks is not None and self._instance in self._clicks.objects():
                self._clicks.set_class(self._instance, self.classes.currentText())

    def _undo(self) -> None:
        if self._clicks is not None:
            self._clicks.undo()

    # Masks -------------------------------------------------------------------------------------

    def _later(self, *_: Any) -> None:
        """Send what the layer says once QGIS is done with the step that changed it."""
        self._sync.start()

    def wanted(self) -> dict[int, Points]:
        """Give the layer's objects in pixels of the raster; clicks off it are left out."""
        assert self._clicks is not None
        assert self._places is not None
        crs = self._clicks.layer.crs()
        found = {}
        for number, one in self._clicks.objects().items():
            pixels = [(self._places.to_pixel(point, crs), label) for point, label in one["clicks"]]
            kept = [(x, y, label) for (x, y), label in pixels if self._places.holds((x, y))]
            if any(label == OBJECT for _, _, label in kept):
                found[number] = tuple(kept)
        return found

    def _send(self) -> None:
        if self._live is not None:
            self._live.follow(self.wanted())

    def _draw(self, changed: dict[int, Any]) -> None:
        if self._places is None or self._live is None:
            return
        crs = self._iface.mapCanvas().mapSettings().destinationCrs()
        for number, rings in changed.items():
            self.bands.set(number, None if rings is None else self._places.outline(rings, crs))

    def _show_work(self, at_work: bool) -> None:
        self.said.setText("..." if at_work else f"{len(self.bands)} objects")
