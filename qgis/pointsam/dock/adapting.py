"""The dock's buttons Adapt and Find more: the toolbox's own algorithms, in the background."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsApplication,
    QgsProcessingAlgRunnerTask,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProject,
)

from .. import settings


class _Heard(QgsProcessingFeedback):
    """Keeps the last error, which the task does not give."""

    def __init__(self) -> None:
        super().__init__(False)
        self.error = ""

    def reportError(self, error: str, fatalError: bool = False) -> None:
        """Keep what went wrong."""
        self.error = error
        super().reportError(error, fatalError)


class Adapting:
    """One training at a time; QGIS stays usable, its task bar shows the progress."""

    def __init__(self, dock: Any) -> None:
        self._dock = dock
        self._task: QgsProcessingAlgRunnerTask | None = None
        self._kept: tuple[Any, ...] = ()
        self._unfinished: tuple[Any, Path] | None = None
        """What a run that was cancelled has begun with, and its folder."""

    def begin(self) -> None:
        """Train on the clicks of the layer, as they are seen."""
        if self._task is not None:
            self._dock.say("An adapter is being trained already: cancel it in the task bar first.")
            return
        raster, points = self._dock.raster.currentLayer(), self._dock.points.currentLayer()
        if raster is None or points is None:
            self._dock.say("Choose a raster and a point layer first.", wrong=True)
            return
        begun_with = (raster.source(), self._dock.adapter.filePath(), _seen(points))
        if self._unfinished is not None and self._unfinished[0] == begun_with:
            folder = self._unfinished[1]
        else:
            folder = new_adapter_folder(points)
        self._unfinished = (begun_with, folder)
        algorithm = QgsApplication.processingRegistry().createAlgorithmById("pointsam:adapt")
        context, feedback = QgsProcessingContext(), _Heard()
        context.setProject(QgsProject.instance())
        parameters = {
            "RASTER": raster,
            "POINTS": points.source() if not points.isEditable() else points,
            "ADAPTER": self._dock.adapter.filePath() or None,
            "OUTPUT": str(folder),
        }
        self._task = QgsProcessingAlgRunnerTask(algorithm, parameters, context, feedback)
        # QGIS keeps no reference to these while the task runs.
        self._kept = (algorithm, context, feedback)
        self._task.executed.connect(lambda well, _: self._end(well, str(folder), feedback))
        self._dock.say("Adapting: the progress is in the task bar below.")
        QgsApplication.taskManager().addTask(self._task)

    def find_more(self) -> None:
        """Open the algorithm that finds everything alike, with the dock's raster and adapter."""
        import processing

        raster = self._dock.raster.currentLayer()
        given = {"RASTER": raster, "ADAPTER": self._dock.adapter.filePath()}
        processing.execAlgorithmDialog("pointsam:segmentalike", given)

    def cancel(self) -> None:
        """End the training."""
        if self._task is not None:
            self._task.cancel()

    def _end(self, well: bool, folder: str, feedback: _Heard) -> None:
        self._task, self._kept = None, ()
        if well:
            self._unfinished = None
            self._dock.say(f"Adapted: {folder}. Before/after compares.")
            self._dock.restart(folder)
        else:
            again = (
                "The training was cancelled: Adapt goes on with it, as long as no click changes."
            )
            self._dock.say(feedback.error or again, wrong=True)


def new_adapter_folder(points: Any) -> Path:
    """Name a folder for the next adapter: beside the file of clicks, where there is one."""
    file = Path(points.source().partition("|")[0])
    parent = file.parent if file.is_file() else settings.work_folder().parent / "adapters"
    stem = file.stem if file.is_file() else "clicks"
    names = (parent / f"{stem}-adapter-{number}" for number in count(1))
    return next(folder for folder in names if not folder.exists())


def _seen(points: Any) -> tuple[Any, ...]:
    """Give all that is seen of a layer of clicks, so that a change is found."""
    rows = (
        (feature.geometry().asWkt(6), *map(str, feature.attributes()))
        for feature in points.getFeatures()
    )
    return tuple(sorted(rows))
