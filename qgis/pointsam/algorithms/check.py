"""Check: what is wrong with the clicks, before any work is done with them."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsProcessingOutputString

from ..command.arguments import check_arguments
from .base import PointsamAlgorithm, temporary_folder

REPORT = "REPORT"


class CheckClicks(PointsamAlgorithm):
    """Says what the clicks hold and what is wrong with them."""

    def name(self) -> str:
        """Give the id."""
        return "check"

    def displayName(self) -> str:
        """Give the title."""
        return "Check the clicks"

    def shortHelpString(self) -> str:
        """Say what it does."""
        return (
            "Reads raster and clicks as the other algorithms do, and says what they hold: objects "
            "of each class, clicks off the raster, one object clicked twice, and other faults."
        )

    def initAlgorithm(self, configuration: Any = None) -> None:
        """Ask for raster and clicks."""
        self.add_raster()
        self.add_clicks()
        self.add_extent()
        self.addOutput(QgsProcessingOutputString(REPORT, "What was found"))

    def processAlgorithm(self, parameters, context, feedback):
        """Check."""
        inputs = self.inputs(parameters, context, folder=temporary_folder())
        lines = self.run(check_arguments(inputs.raster, str(inputs.clicks)), feedback)
        return {REPORT: "\n".join(lines)}
