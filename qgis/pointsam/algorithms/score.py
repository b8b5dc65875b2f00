"""Score: how well found polygons fit true ones."""

from __future__ import annotations

import json
from typing import Any

from qgis.core import (
    QgsProcessingException,
    QgsProcessingOutputNumber,
    QgsProcessingParameterVectorLayer,
)

from ..command.arguments import score_arguments
from ..compat import VECTOR_POLYGON
from ..layers import LayerError, write_polygons
from .base import PointsamAlgorithm, temporary_folder

FOUND, TRUTH = "FOUND", "TRUTH"
SCORES = {
    "iou": "Mean IoU of the true objects",
    "precision": "Share of the found objects that are true",
    "recall": "Share of the true objects that were found",
    "f1": "F1 of precision and recall",
}


class Score(PointsamAlgorithm):
    """Scores a layer of found polygons against a layer of true ones."""

    def name(self) -> str:
        """Give the id."""
        return "score"

    def displayName(self) -> str:
        """Give the title."""
        return "Score against a polygon layer"

    def shortHelpString(self) -> str:
        """Say what it does."""
        return (
            "Pairs found and true polygons one to one by their overlap. The mean IoU is over the "
            "true objects, 0 for those that were not found; an object counts as found from an IoU "
            "of 0.5 on. Where both layers have a field 'class', each class is scored as well."
        )

    def initAlgorithm(self, configuration: Any = None) -> None:
        """Ask for the two layers."""
        for name, text in ((FOUND, "Found polygons"), (TRUTH, "True polygons")):
            self.addParameter(QgsProcessingParameterVectorLayer(name, text, [VECTOR_POLYGON]))
        for name, text in SCORES.items():
            self.addOutput(QgsProcessingOutputNumber(name.upper(), text))

    def processAlgorithm(self, parameters, context, feedback):
        """Score."""
        folder = temporary_folder()
        files = {}
        for name in (FOUND, TRUTH):
            layer = self.parameterAsVectorLayer(parameters, name, context)
            if layer is None:
                raise QgsProcessingException(f"{parameters.get(name)} is no polygon layer.")
            try:
                files[name] = write_polygons(
                    layer, folder / f"{name.lower()}.gpkg", context.transformContext()
                )
            except LayerError as error:
                raise QgsProcessingException(str(error)) from error
        output = folder / "scores"
        self.run_command(
            score_arguments(str(files[FOUND]), str(files[TRUTH]), str(output)), feedback
        )
        scores = json.loads((output / "scores.json").read_text(encoding="utf-8"))
        return {name.upper(): scores[name] for name in SCORES}
