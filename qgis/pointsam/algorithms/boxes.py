"""Oriented boxes: the smallest rectangle around each polygon."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessingException,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterVectorLayer,
)

from ..command.arguments import boxes_arguments
from ..compat import VECTOR_POLYGON
from ..layers import LayerError, write_polygons
from .base import OUTPUT, PointsamAlgorithm, temporary_folder

POLYGONS = "POLYGONS"


class OrientedBoxes(PointsamAlgorithm):
    """Draws the smallest rectangle, at any angle, around each polygon."""

    def name(self) -> str:
        """Give the id."""
        return "boxes"

    def displayName(self) -> str:
        """Give the title."""
        return "Oriented boxes"

    def shortHelpString(self) -> str:
        """Say what it does."""
        return "Draws the smallest rectangle, at any angle, around each polygon; keeps its fields."

    def initAlgorithm(self, configuration: Any = None) -> None:
        """Ask for polygons and boxes."""
        self.addParameter(QgsProcessingParameterVectorLayer(POLYGONS, "Polygons", [VECTOR_POLYGON]))
        self.addParameter(QgsProcessingParameterFeatureSink(OUTPUT, "Boxes", type=VECTOR_POLYGON))

    def processAlgorithm(self, parameters, context, feedback):
        """Draw the boxes."""
        layer = self.parameterAsVectorLayer(parameters, POLYGONS, context)
        if layer is None:
            raise QgsProcessingException(f"{parameters.get(POLYGONS)} is no polygon layer.")
        folder = temporary_folder()
        try:
            polygons = write_polygons(layer, folder / "polygons.gpkg", context.transformContext())
        except LayerError as error:
            raise QgsProcessingException(str(error)) from error
        boxes = folder / "boxes.gpkg"
        self.run_command(boxes_arguments(str(polygons), str(boxes)), feedback)
        return {OUTPUT: self.load_polygons(parameters, context, boxes)}
