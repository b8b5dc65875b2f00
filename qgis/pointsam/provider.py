"""The provider: the algorithms under "pointsam" in the Processing toolbox."""

from __future__ import annotations

from pathlib import Path

from qgis.core import QgsProcessingModelAlgorithm, QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from . import settings
from .algorithms.adapt import Adapt
from .algorithms.boxes import OrientedBoxes
from .algorithms.check import CheckClicks
from .algorithms.environment import InstallPointsam, RemovePointsam, UpdatePointsam
from .algorithms.label import Label
from .algorithms.score import Score
from .algorithms.segment import SegmentAlike, SegmentClicked

ALGORITHMS = (
    CheckClicks,
    Label,
    Adapt,
    SegmentClicked,
    SegmentAlike,
    Score,
    OrientedBoxes,
    InstallPointsam,
    UpdatePointsam,
    RemovePointsam,
)
MODELS = Path(__file__).parent / "models"


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

    def load(self) -> bool:
        """Add the provider's options, then its algorithms."""
        settings.add_options(self.name(), self.icon())
        return super().load()

    def unload(self) -> None:
        """Take the options away."""
        settings.remove_options()
        super().unload()

    def loadAlgorithms(self) -> None:
        """Add the algorithms, then the models that are made of them."""
        for algorithm in ALGORITHMS:
            self.addAlgorithm(algorithm())
        for path in sorted(MODELS.glob("*.model3")):
            model = QgsProcessingModelAlgorithm()
            if model.fromFile(str(path)):
                self.addAlgorithm(model)
