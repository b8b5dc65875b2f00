"""Install, update and remove pointsam in an environment of the plugin's own."""

from __future__ import annotations

import shlex
from typing import Any

from qgis.core import (
    QgsProcessingException,
    QgsProcessingOutputString,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterFile,
    QgsProcessingParameterString,
)

from .. import settings
from ..command.environment import find_python, install, remove
from ..command.find import CommandNotFoundError, check_version, command_in
from ..command.run import CommandCancelledError, CommandFailedError
from ..compat import FILE
from .base import PointsamAlgorithm

AGREED, VERSION, WHEEL, PYTHON, PIP_OPTIONS = (
    "AGREED", "VERSION", "WHEEL", "PYTHON", "PIP_OPTIONS",
)  # fmt: skip
COMMAND, REMOVED = "COMMAND", "REMOVED"


class InstallPointsam(PointsamAlgorithm):
    """Makes or updates the plugin's own environment; QGIS's Python stays as it is."""

    def name(self) -> str:
        """Give the id."""
        return "install"

    def displayName(self) -> str:
        """Give the title."""
        return "Install pointsam (or update it)"

    def shortHelpString(self) -> str:
        """Say what it does."""
        return (
            f"Makes a virtual environment in {settings.environment_folder()} and installs pointsam "
            "there with pip, PyTorch included: some hundred megabytes, on computers with an NVIDIA "
            "card some gigabytes. Nothing is installed into QGIS's own Python.\n\n"
            "Run it again to update. Without a version the newest one is taken; a wheel file is "
            "installed as it is. It is not needed where a pointsam command is on PATH."
        )

    def initAlgorithm(self, configuration: Any = None) -> None:
        """Ask for consent, version or wheel, and the Python."""
        self.addParameter(
            QgsProcessingParameterBoolean(
                AGREED, "Yes, download and install pointsam into its own folder", defaultValue=False
            )
        )
        self.addParameter(
            QgsProcessingParameterString(VERSION, "Version (empty: the newest)", optional=True)
        )
        self.addParameter(
            QgsProcessingParameterFile(
                WHEEL, "Wheel file in place of a version", behavior=FILE, extension="whl",
                optional=True,
            )
        )  # fmt: skip
        self.add_advanced(
            QgsProcessingParameterFile(
                PYTHON, "Python 3.11 or newer that makes the environment", behavior=FILE,
                optional=True,
            )
        )  # fmt: skip
        self.add_advanced(
            QgsProcessingParameterString(PIP_OPTIONS, "More options for pip", optional=True)
        )
        self.addOutput(QgsProcessingOutputString(COMMAND, "The command"))

    def processAlgorithm(self, parameters, context, feedback):
        """Install."""
        if not self.parameterAsBoolean(parameters, AGREED, context):
            raise QgsProcessingException(
                "nothing was installed: tick 'Yes, download and install pointsam' first."
            )
        version = self.parameterAsString(parameters, VERSION, context).strip()
        wheel = self.parameterAsString(parameters, WHEEL, context).strip()
        if version and wheel:
            raise QgsProcessingException("give a version or a wheel file, not both.")
        environment = settings.environment_folder()
        command = command_in(environment)
        try:
            found = install(
                environment,
                python=find_python(self.parameterAsString(parameters, PYTHON, context).strip()),
                what=wheel or (f"pointsam=={version}" if version else "pointsam"),
                pip_options=shlex.split(self.parameterAsString(parameters, PIP_OPTIONS, context)),
                on_line=feedback.pushConsoleInfo,
                is_cancelled=feedback.isCanceled,
            )
            check_version(found, command=command)
        except (CommandNotFoundError, CommandFailedError, CommandCancelledError) as error:
            raise QgsProcessingException(str(error)) from error
        feedback.pushInfo(f"pointsam {found} is in {environment}.")
        return {COMMAND: str(command)}


class RemovePointsam(PointsamAlgorithm):
    """Removes the plugin's own environment."""

    def name(self) -> str:
        """Give the id."""
        return "remove"

    def displayName(self) -> str:
        """Give the title."""
        return "Remove pointsam's own environment"

    def shortHelpString(self) -> str:
        """Say what it does."""
        return (
            f"Removes {settings.environment_folder()}, which 'Install pointsam' has made. A "
            "pointsam that was installed elsewhere stays."
        )

    def initAlgorithm(self, configuration: Any = None) -> None:
        """Ask for consent."""
        self.addParameter(
            QgsProcessingParameterBoolean(AGREED, "Yes, remove it", defaultValue=False)
        )
        self.addOutput(QgsProcessingOutputString(REMOVED, "What was removed"))

    def processAlgorithm(self, parameters, context, feedback):
        """Remove."""
        if not self.parameterAsBoolean(parameters, AGREED, context):
            raise QgsProcessingException("nothing was removed: tick 'Yes, remove it' first.")
        environment = settings.environment_folder()
        removed = remove(environment)
        feedback.pushInfo(f"{environment} {'is gone' if removed else 'was not there'}.")
        return {REMOVED: str(environment) if removed else ""}
