"""The QGIS plugin of pointsam. It holds no torch: it starts the installed ``pointsam`` command."""


def classFactory(iface):
    """Give QGIS the plugin; `iface` is None under ``qgis_process``."""
    from .plugin import PointsamPlugin

    return PointsamPlugin(iface)
