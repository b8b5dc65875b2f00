"""The clicks as features of an ordinary point layer, changed through its edit buffer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsEditorWidgetSetup,
    QgsFeature,
    QgsField,
    QgsFields,
    QgsGeometry,
    QgsPointXY,
    QgsProject,
    QgsVectorFileWriter,
    QgsVectorLayer,
)

from ..compat import FIELD_TEXT, FIELD_WHOLE, OVERWRITE_FILE, POINT, WRITER_OK

INSTANCE, LABEL, CLASS = "instance", "label", "class"
OBJECT, BACKGROUND = 1, 0


class ClickLayerError(Exception):
    """A point layer that cannot take clicks; says why and what to do."""


def make_click_layer(
    path: Path, crs: QgsCoordinateReferenceSystem, classes: list[str]
) -> QgsVectorLayer:
    """Make an empty GeoPackage of clicks, with a form that offers the classes.

    Raises:
        ClickLayerError: it cannot be written.
    """
    fields = QgsFields()
    fields.append(QgsField(INSTANCE, FIELD_WHOLE))
    fields.append(QgsField(LABEL, FIELD_WHOLE))
    fields.append(QgsField(CLASS, FIELD_TEXT))
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName, options.layerName = "GPKG", "clicks"
    options.actionOnExistingFile = OVERWRITE_FILE
    context = QgsProject.instance().transformContext()
    if path.exists():
        raise ClickLayerError(f"{path} exists: add it to the project, or name another file.")
    writer = QgsVectorFileWriter.create(str(path), fields, POINT, crs, context, options)
    if writer.hasError() != WRITER_OK:
        raise ClickLayerError(f"{path} cannot be written ({writer.errorMessage()}).")
    del writer
    layer = QgsVectorLayer(str(path), "clicks", "ogr")
    offer_classes(layer, classes)
    return layer


def offer_classes(layer: QgsVectorLayer, classes: list[str]) -> None:
    """Let the layer's form offer the classes, and say what a label means."""
    meanings = {"map": [{"object": OBJECT}, {"background": BACKGROUND}]}
    choices = {"map": [{name: name} for name in classes]}
    for field, values in ((LABEL, meanings), (CLASS, choices)):
        place = layer.fields().lookupField(field)
        if place >= 0:
            layer.setEditorWidgetSetup(place, QgsEditorWidgetSetup("ValueMap", values))


class Clicks:
    """The clicks of one point layer, grouped to objects by their field ``instance``."""

    def __init__(self, layer: QgsVectorLayer) -> None:
        """Begin to edit.

        Raises:
            ClickLayerError: the layer lacks a field, or cannot be edited.
        """
        missing = [
            name for name in (INSTANCE, LABEL, CLASS) if layer.fields().lookupField(name) < 0
        ]
        if missing:
            raise ClickLayerError(
                f"the layer {layer.name()} has no field {', '.join(missing)}: choose a layer of "
                "clicks, or let 'New' make one."
            )
        if not layer.isEditable() and not layer.startEditing():
            raise ClickLayerError(f"the layer {layer.name()} cannot be edited.")
        self.layer = layer

    def next_instance(self) -> int:
        """Give a number that no object has."""
        place = self.layer.fields().lookupField(INSTANCE)
        numbers = [value for value in self.layer.uniqueValues(place) if isinstance(value, int)]
        return max(numbers, default=0) + 1

    def add(
        self,
        point: QgsPointXY,
        crs: QgsCoordinateReferenceSystem,
        *,
        instance: int,
        label: int,
        category: str,
    ) -> None:
        """Add one click, given in any CRS, as one step of the layer's undo."""
        back = QgsCoordinateTransform(crs, self.layer.crs(), QgsProject.instance())
        feature = QgsFeature(self.layer.fields())
        feature.setGeometry(QgsGeometry.fromPointXY(back.transform(point)))
        feature[INSTANCE], feature[LABEL], feature[CLASS] = instance, label, category
        with self._step("click" if label == OBJECT else "background click"):
            self.layer.addFeature(feature)

    def move(self, feature: int, point: QgsPointXY, crs: QgsCoordinateReferenceSystem) -> None:
        """Move one click, as one step of the layer's undo."""
        back = QgsCoordinateTransform(crs, self.layer.crs(), QgsProject.instance())
        with self._step("move a click"):
            self.layer.changeGeometry(feature, QgsGeometry.fromPointXY(back.transform(point)))

    def set_class(self, instance: int, category: str) -> None:
        """Give an object another class."""
        place = self.layer.fields().lookupField(CLASS)
        with self._step("class"):
            for feature in self.layer.getFeatures():
                if feature[INSTANCE] == instance:
                    self.layer.changeAttributeValue(feature.id(), place, category)

    def undo(self) -> None:
        """Undo the last step, whoever made it."""
        self.layer.undoStack().undo()

    def near(
        self, point: QgsPointXY, crs: QgsCoordinateReferenceSystem, reach: float
    ) -> int | None:
        """Find the click nearest to a point, `reach` map units away at most."""
        forward = QgsCoordinateTransform(self.layer.crs(), crs, QgsProject.instance())
        best, nearest = None, reach
        for feature in self.layer.getFeatures():
            away = forward.transform(feature.geometry().asPoint()).distance(point)
            if away <= nearest:
                best, nearest = feature.id(), away
        return best

    def objects(self) -> dict[int, dict[str, Any]]:
        """Give each object's clicks, ``(point, label)``, and its class, by its number."""
        found: dict[int, dict[str, Any]] = {}
        for feature in self.layer.getFeatures():
            number = feature[INSTANCE]
            if not isinstance(number, int):
                continue
            one = found.setdefault(number, {"clicks": [], "class": "object"})
            label = BACKGROUND if feature[LABEL] == BACKGROUND else OBJECT
            one["clicks"].append((feature.geometry().asPoint(), label))
            if label == OBJECT and isinstance(feature[CLASS], str):
                one["class"] = feature[CLASS]
        return {n: one for n, one in found.items() if any(k == OBJECT for _, k in one["clicks"])}

    @contextmanager
    def _step(self, text: str) -> Iterator[None]:
        self.layer.beginEditCommand(text)
        try:
            yield
        except BaseException:
            self.layer.destroyEditCommand()
            raise
        self.layer.endEditCommand()
