"""The provider: the algorithms under "pointsam" in the Processing toolbox."""

from __future__ import annotations

from pathlib import Path

from qgis.core import QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from .algorithms.adapt import Adapt
from .algorithms.boxes import OrientedBoxes
from .algorithms.environment import InstallPointsam, RemovePointsam
from .algorithms.score import Score
from .algorithms.segment import SegmentAlike, SegmentClicked

ALGORITHMS = (
    Adapt,
    SegmentClicked,
    SegmentAlike,
    Score,
    OrientedBoxes,
    InstallPointsam,
    RemovePointsam,
)


class PointsamProvider(QgsProcessingProvider):
    """Lists the algorithms."""

    def id(self) -> str:
        """Give the id that ``qgis_process`` calls algorithms by."""
        return "pointsam"

    def name(self) -> str:
        """Give the title."""
        return "pointsam"

    def icon(self) -> QIcon:
        """Give the icon."""
        return QIcon(str(Path(__file__).parent / "icon.svg"))

    def loadAlgorithms(self) -> None:
        """Add the algorithms."""
        for algorithm in ALGORITHMS:
            self.addAlgorithm(algorithm())
