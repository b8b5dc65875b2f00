"""Where a click lies: in the project's CRS, in the point layer's, in pixels of the raster."""

from __future__ import annotations

from collections.abc import Sequence

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsGeometry,
    QgsPointXY,
    QgsProject,
    QgsRasterLayer,
)


class RasterPlaces:
    """Map coordinates and pixels of one raster; an integer is a pixel's middle."""

    def __init__(self, layer: QgsRasterLayer) -> None:
        from osgeo import gdal

        opened = gdal.Open(layer.source())
        self._forward = opened.GetGeoTransform()
        self._back = gdal.InvGeoTransform(self._forward)
        self._crs = layer.crs()
        self.size = (opened.RasterYSize, opened.RasterXSize)

    def to_pixel(self, point: QgsPointXY, crs: QgsCoordinateReferenceSystem) -> tuple[float, float]:
        """Give ``(x, y)`` in pixels of a point in any CRS."""
        moved = QgsCoordinateTransform(crs, self._crs, QgsProject.instance()).transform(point)
        a, b, c, d, e, f = self._back
        column = a + b * moved.x() + c * moved.y()
        row = d + e * moved.x() + f * moved.y()
        return column - 0.5, row - 0.5

    def holds(self, pixel: tuple[float, float]) -> bool:
        """Say whether a pixel is on the raster."""
        height, width = self.size
        return -0.5 <= pixel[0] < width - 0.5 and -0.5 <= pixel[1] < height - 0.5

    def outline(
        self, rings: Sequence[Sequence[float]], crs: QgsCoordinateReferenceSystem
    ) -> QgsGeometry:
        """Bring a mask's rings, ``[x0, y0, x1, y1, ...]`` along pixel edges, to a CRS.

        Rings are combined by even and odd, so that holes stay holes.
        """
        a, b, c, d, e, f = self._forward
        whole = QgsGeometry()
        for ring in rings:
            corners = [
                QgsPointXY(a + b * x + c * y, d + e * x + f * y)
                for x, y in zip(ring[::2], ring[1::2])
            ]
            part = QgsGeometry.fromPolygonXY([corners])
            whole = part if whole.isNull() else whole.symDifference(part)
        if not whole.isNull():
            whole.transform(QgsCoordinateTransform(self._crs, crs, QgsProject.instance()))
        return whole
