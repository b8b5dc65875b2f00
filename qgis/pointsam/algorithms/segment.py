"""Segment: clicks, or a grid of prompts, to polygons with a style by class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterDestination,
)

from ..command.arguments import predict_arguments, work_name
from ..compat import INTEGER, VECTOR_POLYGON
from .base import (
    OUTPUT,
    Inputs,
    PointsamAlgorithm,
    forget,
    resumable_folder,
    temporary_folder,
)

INSTANCES, GRID = "INSTANCES", "GRID"


class _Segmenting(PointsamAlgorithm):
    """What segmenting by clicks and by a grid share."""

    def add_outputs(self) -> None:
        """Ask for the polygons and, optionally, the raster of instances."""
        self.addParameter(
            QgsProcessingParameterFeatureSink(OUTPUT, "Polygons", type=VECTOR_POLYGON)
        )
        self.addParameter(
            QgsProcessingParameterRasterDestination(
                INSTANCES, "Raster of instances", optional=True, createByDefault=False
            )
        )

    def grid(self, parameters: dict[str, Any], context: Any) -> int:
        """Give the points along the longer side; 0 where clicks prompt."""
        raise NotImplementedError

    def processAlgorithm(self, parameters, context, feedback):
        """Predict, resume where the same work was cancelled, and load what was found."""
        inputs = self.inputs(parameters, context, folder=temporary_folder())
        arguments = self._arguments(parameters, context, feedback, inputs)
        folder, begun = resumable_folder(work_name(arguments("", False), inputs.written))
        self.run_command(arguments(str(folder), begun), feedback)
        result = {OUTPUT: self.load_polygons(parameters, context, folder / "instances.gpkg")}
        if parameters.get(INSTANCES):
            result[INSTANCES] = self._keep_raster(parameters, context, folder / "instances.tif")
        forget(folder)
        return result

    def _arguments(self, parameters: dict[str, Any], context: Any, feedback: Any, inputs: Inputs):
        adapter = self.adapter(parameters, context, feedback)
        machine = self.machine(parameters, context)
        grid = self.grid(parameters, context)

        def arguments(output: str, resume: bool) -> list[str]:
            return predict_arguments(
                inputs.raster,
                output,
                clicks="" if inputs.clicks is None else str(inputs.clicks),
                grid=grid,
                adapter=adapter,
                machine=machine,
                resume=resume,
            )

        return arguments

    def _keep_raster(self, parameters: dict[str, Any], context: Any, found: Path) -> str:
        from osgeo import gdal

        path = self.parameterAsOutputLayer(parameters, INSTANCES, context)
        copied = gdal.Translate(path, str(found))
        copied.FlushCache()
        return str(path)


class SegmentClicked(_Segmenting):
    """Segments the objects that were clicked."""

    def name(self) -> str:
        """Give the id."""
        return "segmentclicked"

    def displayName(self) -> str:
        """Give the title."""
        return "Segment the clicked objects"

    def shortHelpString(self) -> str:
        """Say what it does."""
        return (
            "Draws a polygon for every clicked object, with the frozen model or with an adapter.\n"
            "\nThe polygons carry the class, the model's own score, area and the id of the click, "
            "and are coloured by class."
        )

    def initAlgorithm(self, configuration: Any = None) -> None:
        """Ask for raster, clicks, adapter and outputs."""
        self.add_raster()
        self.add_clicks()
        self.add_extent()
        self.add_adapter()
        self.add_machine()
        self.add_outputs()

    def grid(self, parameters: dict[str, Any], context: Any) -> int:
        """Prompt with clicks."""
        return 0


class SegmentAlike(_Segmenting):
    """Segments everything that looks like what the adapter was trained on."""

    def name(self) -> str:
        """Give the id."""
        return "segmentalike"

    def displayName(self) -> str:
        """Give the title."""
        return "Segment everything alike"

    def shortHelpString(self) -> str:
        """Say what it does."""
        return (
            "Segments without clicks: a grid of prompts finds masks, and those are kept that the "
            "model is sure of and that look like the objects the adapter was trained on.\n\n"
            "Without an adapter nothing says what you look for: expect every patch of the raster."
        )

    def initAlgorithm(self, configuration: Any = None) -> None:
        """Ask for raster, grid, adapter and outputs."""
        self.add_raster()
        self.add_extent()
        self.addParameter(
            QgsProcessingParameterNumber(
                GRID, "Prompts along the longer side of a window", type=INTEGER, defaultValue=32,
                minValue=1,
            )
        )  # fmt: skip
        self.add_adapter()
        self.add_machine()
        self.add_outputs()

    def grid(self, parameters: dict[str, Any], context: Any) -> int:
        """Give the points along the longer side."""
        return int(self.parameterAsInt(parameters, GRID, context))
