"""What the plugin remembers, and the folders it works in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import QgsSettings
from qgis.PyQt.QtCore import QStandardPaths

COMMAND_NAME = "POINTSAM_COMMAND"
"""Of the option, among those of Processing."""
COMMAND_KEY = f"Processing/Configuration/{COMMAND_NAME}"
FORMER_COMMAND_KEY = "pointsam/command"


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
    kept = QgsSettings()
    return str(kept.value(COMMAND_KEY, "") or kept.value(FORMER_COMMAND_KEY, "") or "")


def add_options(group: str, icon: Any) -> None:
    """Add the option to Settings > Options > Processing > Providers, where QGIS has a window."""
    from processing.core.ProcessingConfig import ProcessingConfig, Setting

    ProcessingConfig.settingIcons[group] = icon
    ProcessingConfig.addSetting(
        Setting(
            group,
            COMMAND_NAME,
            "Path of the pointsam command (empty: PATH, then the plugin's own environment)",
            "",
            valuetype=Setting.FILE,
        )
    )
    ProcessingConfig.readSettings()


def remove_options() -> None:
    """Take the option away; its value stays in the user's profile."""
    from processing.core.ProcessingConfig import ProcessingConfig

    ProcessingConfig.removeSetting(COMMAND_NAME)
