"""The plugin: its provider in the toolbox and, in QGIS with a window, its dock."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsApplication

from .provider import PointsamProvider


class PointsamPlugin:
    """What QGIS starts and stops."""

    def __init__(self, iface: Any) -> None:
        self._iface = iface
        self._provider: PointsamProvider | None = None
        self._dock: Any = None
        self._action: Any = None

    def initProcessing(self) -> None:
        """Add the provider; ``qgis_process`` calls this alone."""
        self._provider = PointsamProvider()
        QgsApplication.processingRegistry().addProvider(self._provider)
        # A model finds the algorithms it is made of only once their provider is known.
        self._provider.refreshAlgorithms()

    def initGui(self) -> None:
        """Add the provider, and an action that opens the dock."""
        from pathlib import Path

        from qgis.PyQt.QtGui import QIcon

        try:  # Qt 6 has moved it
            from qgis.PyQt.QtGui import QAction
        except ImportError:
            from qgis.PyQt.QtWidgets import QAction

        self.initProcessing()
        icon = QIcon(str(Path(__file__).parent / "icon.svg"))
        self._action = QAction(icon, "pointsam: click objects", self._iface.mainWindow())
        self._action.setCheckable(True)
        self._action.toggled.connect(self._show_dock)
        self._iface.addToolBarIcon(self._action)
        self._iface.addPluginToMenu("pointsam", self._action)

    def unload(self) -> None:
        """Take everything away again, the server included."""
        if self._dock is not None:
            self._dock.stop()
            self._iface.removeDockWidget(self._dock)
            self._dock.deleteLater()
            self._dock = None
        if self._action is not None:
            self._iface.removeToolBarIcon(self._action)
            self._iface.removePluginMenu("pointsam", self._action)
            self._action = None
        if self._provider is not None:
            QgsApplication.processingRegistry().removeProvider(self._provider)
            self._provider = None

    def _show_dock(self, shown: bool) -> None:
        from .dock.dock import ClickDock

        if self._dock is None:
            self._dock = ClickDock(self._iface)
            self._iface.addDockWidget(self._dock.usual_area(), self._dock)
            self._dock.visibilityChanged.connect(self._action.setChecked)
        self._dock.setVisible(shown)
