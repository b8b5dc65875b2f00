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
from ..command.environment import find_python, install, is_own, remove
from ..command.find import CommandNotFoundError, check_version, command_in
from ..command.run import CommandCancelledError, CommandFailedError
from ..compat import FILE
from .base import PointsamAlgorithm

AGREED, VERSION, WHEEL, PYTHON, PIP_OPTIONS = (
    "AGREED", "VERSION", "WHEEL", "PYTHON", "PIP_OPTIONS",
)  # fmt: skip
COMMAND, REMOVED = "COMMAND", "REMOVED"


class _Installing(PointsamAlgorithm):
    """What installing and updating share."""

    yes = ""
    """The consent that is asked for."""

    def initAlgorithm(self, configuration: Any = None) -> None:
        """Ask for consent, version or wheel, and the Python."""
        self.addParameter(QgsProcessingParameterBoolean(AGREED, self.yes, defaultValue=False))
        self.addParameter(
            QgsProcessingParameterString(VERSION, "Version (empty: the newest)", optional=True)
        )
        self.addParameter(
            QgsProcessingParameterFile(
                WHEEL, "Wheel file in place of a version", behavior=FILE, extension="whl",
                optional=True,
            )
        )  # fmt: skip
        self.add_python()
        self.add_advanced(
            QgsProcessingParameterString(PIP_OPTIONS, "More options for pip", optional=True)
        )
        self.addOutput(QgsProcessingOutputString(COMMAND, "The command"))

    def add_python(self) -> None:
        """Ask for the Python that makes the environment."""
        self.add_advanced(
            QgsProcessingParameterFile(
                PYTHON, "Python 3.11 or newer that makes the environment", behavior=FILE,
                optional=True,
            )
        )  # fmt: skip

    def install(self, parameters: dict[str, Any], context: Any, feedback: Any) -> dict[str, str]:
        """Install what was asked for, and look whether it fits this plugin.

        Raises:
            QgsProcessingException: without consent, or where a step failed.
        """
        if not self.parameterAsBoolean(parameters, AGREED, context):
            raise QgsProcessingException(f"nothing was installed: tick '{self.yes}' first.")
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


class InstallPointsam(_Installing):
    """Makes the plugin's own environment; QGIS's Python stays as it is."""

    yes = "Yes, download and install pointsam into its own folder"

    def name(self) -> str:
        """Give the id."""
        return "install"

    def displayName(self) -> str:
        """Give the title."""
        return "Install pointsam"

    def shortHelpString(self) -> str:
        """Say what it does."""
        return (
            f"Makes a virtual environment in {settings.environment_folder()} and installs pointsam "
            "there with pip, PyTorch included: some hundred megabytes, on computers with an NVIDIA "
            "card some gigabytes. Nothing is installed into QGIS's own Python.\n\n"
            "Without a version the newest one is taken; a wheel file is installed as it is. It is "
            "not needed where a pointsam command is on PATH."
        )

    def processAlgorithm(self, parameters, context, feedback):
        """Install."""
        return self.install(parameters, context, feedback)


class UpdatePointsam(_Installing):
    """Brings the plugin's own environment to the newest version, or to one that is named."""

    yes = "Yes, download and install the newer version"

    def name(self) -> str:
        """Give the id."""
        return "update"

    def displayName(self) -> str:
        """Give the title."""
        return "Update pointsam"

    def shortHelpString(self) -> str:
        """Say what it does."""
        return (
            f"Updates pointsam in {settings.environment_folder()}, which 'Install pointsam' has "
            "made, to the newest version or to the one you name; an older one may be named, too. "
            "A pointsam that was installed elsewhere stays as it is."
        )

    def processAlgorithm(self, parameters, context, feedback):
        """Update."""
        environment = settings.environment_folder()
        agreed = self.parameterAsBoolean(parameters, AGREED, context)
        if agreed and not is_own(environment):
            raise QgsProcessingException(
                f"there is nothing to update in {environment}: run 'Install pointsam', or update "
                "the pointsam on PATH as it was installed."
            )
        return self.install(parameters, context, feedback)


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
