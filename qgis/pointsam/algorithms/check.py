"""Check the clicks: what a point layer holds for a raster, before anything is computed."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsProcessingOutputNumber

from ..command.arguments import check_arguments
from .base import PointsamAlgorithm, temporary_folder

FAULTS, NOTES = "FAULTS", "NOTES"
NOTE, FAULT = "note: ", "FAULT: "
"""How the command begins its lines."""


class CheckClicks(PointsamAlgorithm):
    """Counts the clicks, and names those that lie off the raster, on no data or twice."""

    def name(self) -> str:
        """Give the id."""
        return "check"

    def displayName(self) -> str:
        """Give the title."""
        return "Check the clicks"

    def shortHelpString(self) -> str:
        """Say what it does."""
        return (
            "Says what your clicks hold before you adapt to them: objects and background, classes "
            "and how many of each. A click off the raster, where the raster has no data, or at the "
            "place of another object's click is named in a warning; it is not used.\n\n"
            "It takes a second, also for a raster of many gigabytes."
        )

    def initAlgorithm(self, configuration: Any = None) -> None:
        """Ask for raster and clicks."""
        self.add_raster()
        self.add_clicks()
        self.add_extent()
        self.addOutput(QgsProcessingOutputNumber(NOTES, "Clicks that are odd"))
        self.addOutput(QgsProcessingOutputNumber(FAULTS, "Faults that end training"))

    def processAlgorithm(self, parameters, context, feedback):
        """Check; the lines of the command are the log."""
        inputs = self.inputs(parameters, context, folder=temporary_folder())
        given = check_arguments(inputs.raster, str(inputs.clicks))
        lines = self.run_command(given, feedback, well=(0, 1))
        notes = [line[len(NOTE) :] for line in lines if line.startswith(NOTE)]
        faults = [line[len(FAULT) :] for line in lines if line.startswith(FAULT)]
        for line in notes:
            feedback.pushWarning(line)
        for line in faults:
            feedback.reportError(line)
        return {NOTES: len(notes), FAULTS: len(faults)}
