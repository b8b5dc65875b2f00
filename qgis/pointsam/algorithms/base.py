"""What all algorithms share: inputs, one run of the command, and its polygons as a layer."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsFeature,
    QgsProcessingAlgorithm,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterFile,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
    QgsProcessingUtils,
    QgsVectorLayer,
)
from qgis.PyQt.QtGui import QIcon

from .. import settings
from ..command.arguments import Machine
from ..command.find import CommandNotFoundError, usable_command
from ..command.run import CommandCancelledError, CommandFailedError, Progress, run_command
from ..compat import ADVANCED, FAST_INSERT, FOLDER, INTEGER, POLYGON, VECTOR_POINT
from ..layers import LayerError, raster_for_command, unwritten, write_clicks
from ..styling import Styler

RASTER, POINTS, EXTENT = "RASTER", "POINTS", "EXTENT"
LABEL_FIELD, CLASS_FIELD, INSTANCE_FIELD = "LABEL_FIELD", "CLASS_FIELD", "INSTANCE_FIELD"
ADAPTER, DEVICE, THREADS, OUTPUT = "ADAPTER", "DEVICE", "THREADS", "OUTPUT"


@dataclass(frozen=True)
class Inputs:
    """Raster and clicks as files of the command."""

    raster: str
    clicks: Path | None
    written: tuple[Path, ...]
    """Files that the plugin has written."""


class PointsamAlgorithm(QgsProcessingAlgorithm):
    """One step from clicks to polygons; a subclass adds its parameters and its arguments."""

    def createInstance(self):
        """Give QGIS another one of this kind."""
        return type(self)()

    def icon(self):
        """Give the plugin's icon."""
        return QIcon(str(Path(__file__).parents[1] / "icon.svg"))

    def group(self) -> str:
        """Give no group: the provider holds a handful of algorithms."""
        return ""

    def groupId(self) -> str:
        """Give no group."""
        return ""

    # Parameters ------------------------------------------------------------------------------

    def add_raster(self) -> None:
        """Ask for the raster."""
        self.addParameter(QgsProcessingParameterRasterLayer(RASTER, "Raster"))

    def add_clicks(self) -> None:
        """Ask for the clicks and what their fields mean."""
        self.addParameter(
            QgsProcessingParameterFeatureSource(POINTS, "Clicks (point layer)", [VECTOR_POINT])
        )
        for name, text in (
            (CLASS_FIELD, "Field of the class"),
            (LABEL_FIELD, "Field of the label (1 object, 0 background)"),
            (INSTANCE_FIELD, "Field that joins the points of one object"),
        ):
            self.addParameter(
                QgsProcessingParameterField(
                    name, text, parentLayerParameterName=POINTS, optional=True
                )
            )

    def add_extent(self) -> None:
        """Ask for the part of the raster that is worked on."""
        self.addParameter(
            QgsProcessingParameterExtent(EXTENT, "Work inside this extent only", optional=True)
        )

    def add_adapter(self, text: str = "Adapter (a name, or a folder that 'Adapt' wrote)") -> None:
        """Ask for an adapter; without one the frozen model works."""
        self.addParameter(QgsProcessingParameterFile(ADAPTER, text, behavior=FOLDER, optional=True))

    def add_machine(self) -> None:
        """Ask for device and threads, among the advanced parameters."""
        self.add_advanced(
            QgsProcessingParameterString(DEVICE, "Device (cpu, cuda, cuda:1)", optional=True)
        )
        self.add_advanced(
            QgsProcessingParameterNumber(
                THREADS, "CPU threads (0: all cores)", type=INTEGER, defaultValue=0, minValue=0
            )
        )

    def add_advanced(self, parameter: QgsProcessingParameterDefinition) -> None:
        """Add a parameter that few need."""
        parameter.setFlags(parameter.flags() | ADVANCED)
        self.addParameter(parameter)

    # Inputs ----------------------------------------------------------------------------------

    def inputs(self, parameters: dict[str, Any], context: Any, *, folder: Path) -> Inputs:
        """Write raster and clicks for the command; clicks only where the algorithm asks for them.

        Raises:
            QgsProcessingException: a layer that the command cannot take.
        """
        raster_layer = self.parameterAsRasterLayer(parameters, RASTER, context)
        if raster_layer is None:
            raise QgsProcessingException(self.invalidRasterError(parameters, RASTER))
        crs = raster_layer.crs()
        extent = None
        if parameters.get(EXTENT):
            extent = self.parameterAsExtent(parameters, EXTENT, context, crs)
        try:
            raster = raster_for_command(raster_layer, extent, folder)
            clicks = None
            if self.parameterDefinition(POINTS) is not None:
                source = self.parameterAsSource(parameters, POINTS, context)
                if source is None:
                    raise QgsProcessingException(self.invalidSourceError(parameters, POINTS))
                named = {
                    "label": self.parameterAsString(parameters, LABEL_FIELD, context),
                    "class": self.parameterAsString(parameters, CLASS_FIELD, context),
                    "instance": self.parameterAsString(parameters, INSTANCE_FIELD, context),
                }
                clicks, _ = write_clicks(
                    source,
                    folder,
                    fields=named,
                    extent=extent,
                    extent_crs=crs,
                    context=context.transformContext(),
                    name=source.sourceName(),
                )
        except LayerError as error:
            raise QgsProcessingException(str(error)) from error
        copy = Path(raster)
        written = [path for path in (clicks, copy) if path is not None and path.parent == folder]
        return Inputs(raster, clicks, tuple(written))

    def adapter(self, parameters: dict[str, Any], context: Any, feedback: Any) -> str:
        """Give the chosen adapter, and show its card."""
        chosen = self.parameterAsString(parameters, ADAPTER, context).strip()
        card = Path(chosen) / "pointsam.yaml" if chosen else None
        if card is not None and card.is_file():
            feedback.pushInfo(f"Adapter {chosen}:")
            feedback.pushInfo(card.read_text(encoding="utf-8", errors="replace"))
        return chosen

    def machine(self, parameters: dict[str, Any], context: Any) -> Machine:
        """Give device and threads."""
        return Machine(
            self.parameterAsString(parameters, DEVICE, context).strip(),
            self.parameterAsInt(parameters, THREADS, context),
        )

    # The command -----------------------------------------------------------------------------

    def run_command(
        self,
        arguments: list[str],
        feedback: QgsProcessingFeedback,
        *,
        well: tuple[int, ...] = (0,),
    ) -> list[str]:
        """Run the command, with its progress in QGIS's bar, and give the lines of its stdout.

        Args:
            arguments: of the command.
            feedback: of the algorithm.
            well: exit statuses that are no error.

        Raises:
            QgsProcessingException: no command, an error of the command, or a cancel.
        """
        try:
            command, version = usable_command(
                settings.command_option(), settings.environment_folder()
            )
            feedback.pushInfo(f"{command} (pointsam {version})")
            feedback.pushCommandInfo(" ".join(["pointsam", *arguments]))
            shown = _Shown(feedback)
            return run_command(
                [str(command), *arguments],
                on_progress=shown.progress,
                on_line=feedback.pushConsoleInfo,
                is_cancelled=feedback.isCanceled,
                well=well,
            )
        except (CommandNotFoundError, CommandFailedError, CommandCancelledError) as error:
            raise QgsProcessingException(str(error)) from error

    def load_polygons(
        self,
        parameters: dict[str, Any],
        context: Any,
        path: Path,
        *,
        output: str = OUTPUT,
    ) -> str:
        """Copy the command's polygons to the layer that the user asked for, styled by class.

        Raises:
            QgsProcessingException: the polygons cannot be read or written.
        """
        layer = QgsVectorLayer(str(path), "found", "ogr")
        if not layer.isValid():
            raise QgsProcessingException(f"{path} cannot be read as polygons.")
        fields = layer.fields()
        fid = fields.lookupField("fid")
        kept = [place for place in range(fields.count()) if place != fid]
        wanted = type(fields)()
        for place in kept:
            wanted.append(fields.at(place))
        sink, destination = self.parameterAsSink(
            parameters, output, context, wanted, POLYGON, layer.crs()
        )
        if sink is None:
            raise QgsProcessingException(self.invalidSinkError(parameters, output))
        for feature in layer.getFeatures():
            copy = QgsFeature(wanted)
            geometry = feature.geometry()
            geometry.convertToMultiType()
            copy.setGeometry(geometry)
            copy.setAttributes([feature.attribute(place) for place in kept])
            if not sink.addFeature(copy, FAST_INSERT):
                raise QgsProcessingException(unwritten("polygons", destination, sink.lastError()))
        del sink
        # What is buffered is written only now, and a sink that is taken apart says nothing.
        written = QgsProcessingUtils.mapLayerFromString(destination, context)
        if written is None or written.featureCount() < layer.featureCount():
            raise QgsProcessingException(unwritten("polygons", destination, ""))
        if context.willLoadLayerOnCompletion(destination):
            context.layerToLoadOnCompletionDetails(destination).setPostProcessor(Styler.new())
        return destination


class _Shown:
    """Shows lines of progress in QGIS's bar; a new stage is a line of the log."""

    def __init__(self, feedback: QgsProcessingFeedback) -> None:
        self._feedback = feedback
        self._stage = ""

    def progress(self, progress: Progress) -> None:
        """Show one line."""
        if progress.stage != self._stage:
            self._stage = progress.stage
            self._feedback.pushInfo(progress.stage)
        if progress.share is not None:
            self._feedback.setProgress(100 * progress.share)
        left = "" if progress.seconds_left is None else f", {progress.seconds_left:.0f} s left"
        total = "" if progress.total is None else f" of {progress.total:.0f}"
        text = f"{progress.stage}: {progress.done:.0f}{total} {progress.unit}s{left}"
        self._feedback.setProgressText(f"{text} {progress.message}".strip())


def temporary_folder() -> Path:
    """Make an empty folder that goes with the QGIS session."""
    return Path(tempfile.mkdtemp(prefix="pointsam-", dir=QgsProcessingUtils.tempFolder()))


def resumable_folder(name: str) -> tuple[Path, bool]:
    """Name the output folder of a piece of work, and say whether it was begun before.

    Work that is finished is not kept: it is done anew.
    """
    parent = settings.work_folder()
    parent.mkdir(parents=True, exist_ok=True)
    folder = parent / name
    return folder, folder.is_dir()


def forget(folder: Path) -> None:
    """Remove the folder of finished work."""
    shutil.rmtree(folder, ignore_errors=True)
