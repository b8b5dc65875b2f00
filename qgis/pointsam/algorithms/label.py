"""Label: clicks to masks that agree with each other, without training."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsProcessingParameterFeatureSink

from ..command.arguments import label_arguments, work_name
from ..compat import VECTOR_POLYGON
from .base import OUTPUT, PointsamAlgorithm, forget, resumable_folder, temporary_folder


class Label(PointsamAlgorithm):
    """Chooses, for each click, the mask that agrees best with the other clicks' masks."""

    def name(self) -> str:
        """Give the id."""
        return "label"

    def displayName(self) -> str:
        """Give the title."""
        return "Label (clicks to masks)"

    def shortHelpString(self) -> str:
        """Say what it does."""
        return (
            "Turns clicks into polygons that agree with each other, without training: several "
            "masks are tried for each click, also from closer looks, and the one is chosen that "
            "fits the sizes and shapes of its class. Use it where you have clicked every object."
        )

    def initAlgorithm(self, configuration: Any = None) -> None:
        """Ask for raster, clicks, adapter and the polygons."""
        self.add_raster()
        self.add_clicks()
        self.add_extent()
        self.add_adapter()
        self.addParameter(
            QgsProcessingParameterFeatureSink(OUTPUT, "Polygons", type=VECTOR_POLYGON)
        )

    def processAlgorithm(self, parameters, context, feedback):
        """Label, and load the polygons."""
        inputs = self.inputs(parameters, context, folder=temporary_folder())
        adapter = self.adapter(parameters, context, feedback)

        def arguments(output: str, resume: bool) -> list[str]:
            return label_arguments(
                inputs.raster, str(inputs.clicks), output, adapter=adapter, resume=resume
            )

        folder, begun = resumable_folder(work_name(arguments("", False), inputs.written))
        self.run(arguments(str(folder), begun), feedback)
        result = {OUTPUT: self.load_polygons(parameters, context, folder / "labels.gpkg")}
        forget(folder)
        return result
