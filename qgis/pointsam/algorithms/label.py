"""Label: clicks to masks that agree with each other, without training."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsProcessingParameterFeatureSink

from ..command.arguments import label_arguments, work_name
from ..compat import VECTOR_POLYGON
from .base import OUTPUT, PointsamAlgorithm, forget, resumable_folder, temporary_folder


class Label(PointsamAlgorithm):
    """Draws the masks that training would learn from, so that one can look at them first."""

    def name(self) -> str:
        """Give the id."""
        return "label"

    def displayName(self) -> str:
        """Give the title."""
        return "Label (clicks to masks)"

    def shortHelpString(self) -> str:
        """Say what it does."""
        return (
            "Draws a polygon for every clicked object, without training: of several masks each "
            "click has, those are chosen in which the objects of a class agree in size and shape, "
            "and which no other click contradicts. 'Adapt' learns from such masks; look at them "
            "here first.\n\n"
            "Each polygon says how far it is trusted (trust: 0 is not learned from) and what "
            "speaks against it. Move or add clicks where that is much."
        )

    def initAlgorithm(self, configuration: Any = None) -> None:
        """Ask for raster, clicks and the polygons."""
        self.add_raster()
        self.add_clicks()
        self.add_extent()
        self.add_adapter()
        self.add_machine()
        self.addParameter(QgsProcessingParameterFeatureSink(OUTPUT, "Labels", type=VECTOR_POLYGON))

    def processAlgorithm(self, parameters, context, feedback):
        """Label, resume where the same work was cancelled, and load the polygons."""
        inputs = self.inputs(parameters, context, folder=temporary_folder())
        adapter = self.adapter(parameters, context, feedback)
        machine = self.machine(parameters, context)

        def arguments(output: str, resume: bool) -> list[str]:
            return label_arguments(
                inputs.raster,
                str(inputs.clicks),
                output,
                adapter=adapter,
                machine=machine,
                resume=resume,
            )

        folder, begun = resumable_folder(work_name(arguments("", False), inputs.written))
        self.run_command(arguments(str(folder), begun), feedback)
        result = {OUTPUT: self.load_polygons(parameters, context, folder / "instances.gpkg")}
        forget(folder)
        return result
