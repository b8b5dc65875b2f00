"""What the plugin remembers, and the folders it works in."""

from __future__ import annotations

from pathlib import Path

from qgis.core import QgsSettings
from qgis.PyQt.QtCore import QStandardPaths

COMMAND_KEY = "pointsam/command"


def _location(kind: str) -> Path:
    scope = getattr(QStandardPaths, "StandardLocation", QStandardPaths)
    return Path(QStandardPaths.writableLocation(getattr(scope, kind)))


def environment_folder() -> Path:
    """Give the folder of the plugin's own environment, in the user's data folder."""
    return _location("GenericDataLocation") / "pointsam" / "environment"


def work_folder() -> Path:
    """Give the folder in which unfinished work waits to be taken up again."""
    return _location("GenericCacheLocation") / "pointsam" / "qgis-work"


def command_option() -> str:
    """Give the command that the user has named; empty where none."""
    return str(QgsSettings().value(COMMAND_KEY, "") or "")


def remember_command(path: str) -> None:
    """Keep the command that the user names."""
    QgsSettings().setValue(COMMAND_KEY, path)
