"""Adapt: a raster and clicks in, an adapter folder out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import QgsProcessingParameterFolderDestination, QgsProcessingParameterNumber

from ..command.arguments import train_arguments
from ..compat import DOUBLE
from .base import ADAPTER, OUTPUT, PointsamAlgorithm, temporary_folder

EPOCHS = "EPOCHS"


class Adapt(PointsamAlgorithm):
    """Trains an adapter; a run that was cancelled goes on where its folder stands."""

    def name(self) -> str:
        """Give the id."""
        return "adapt"

    def displayName(self) -> str:
        """Give the title."""
        return "Adapt to the clicked objects"

    def shortHelpString(self) -> str:
        """Say what it does."""
        return (
            "Adapts the Segment Anything Model to your raster, from clicks alone.\n\n"
            "Every point of the point layer is one object, unless a field joins points or a label "
            "of 0 marks background. Twenty clicks of each kind of object are a good beginning.\n\n"
            "The result is an adapter folder of a few megabytes: give it to 'Segment the clicked "
            "objects' and 'Segment everything alike'. A cancelled run goes on when you run it "
            "again with the same inputs and the same folder. 'Start from' goes on from an earlier "
            "adapter of the same base model."
        )

    def initAlgorithm(self, configuration: Any = None) -> None:
        """Ask for raster, clicks, length and the folder."""
        self.add_raster()
        self.add_clicks()
        self.add_extent()
        self.addParameter(
            QgsProcessingParameterNumber(
                EPOCHS, "Passes over the images (0: the usual number)", type=DOUBLE,
                defaultValue=0, minValue=0,
            )
        )  # fmt: skip
        self.add_adapter("Start from this adapter")
        self.add_machine()
        self.addParameter(
            QgsProcessingParameterFolderDestination(OUTPUT, "Adapter folder to write")
        )

    def processAlgorithm(self, parameters, context, feedback):
        """Train."""
        inputs = self.inputs(parameters, context, folder=temporary_folder())
        output = Path(self.parameterAsString(parameters, OUTPUT, context))
        if output.is_dir() and not any(output.iterdir()):
            output.rmdir()  # QGIS makes the folder; the command wants to make it itself
        output.parent.mkdir(parents=True, exist_ok=True)
        arguments = train_arguments(
            inputs.raster,
            str(inputs.clicks),
            str(output),
            epochs=self.parameterAsDouble(parameters, EPOCHS, context) or None,
            start_from=self.parameterAsString(parameters, ADAPTER, context).strip(),
            machine=self.machine(parameters, context),
            resume=output.is_dir(),
        )
        self.run_command(arguments, feedback)
        return {OUTPUT: str(output)}
