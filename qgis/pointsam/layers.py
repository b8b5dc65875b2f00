"""Layers as the command takes them: rasters by their source, clicks as a small GeoPackage."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from osgeo import gdal
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsFeature,
    QgsFeatureRequest,
    QgsFeatureSource,
    QgsField,
    QgsFields,
    QgsGeometry,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorFileWriter,
    QgsWkbTypes,
)

from .compat import (
    LINE_GEOMETRY,
    OVERWRITE_FILE,
    POINT,
    POLYGON_GEOMETRY,
    WRITER_OK,
    known_type,
)

CLICKS_NAME = "clicks.gpkg"
FIELDS = ("label", "class", "instance")
"""Of a click, as the command reads them."""
MIN_FREE = 2**20
"""Bytes; a disk with less is full."""
_USUAL_NAMES = {
    "label": ("label",),
    "class": ("class", "category"),
    "instance": ("instance", "object"),
}
"""Fields that are taken where none is named."""


class LayerError(Exception):
    """A layer the command cannot take; says why and what to do."""


def unwritten(what: str, path: str, said: str) -> str:
    """Say why a file cannot be written: GDAL's own words seldom name a full disk."""
    folder = Path(path.partition("|")[0]).parent
    if folder.is_dir() and shutil.disk_usage(folder).free < MIN_FREE:
        return f"{what} cannot be written to {path}: the disk is full, free some space."
    return f"{what} cannot be written to {path} ({said or 'GDAL does not say why'})."


def raster_source(layer: QgsRasterLayer) -> str:
    """Give what the command opens for a raster layer: a file, or what GDAL reads over HTTP.

    Raises:
        LayerError: the layer has no file behind it, or no CRS.
    """
    provider = layer.providerType()
    if provider != "gdal":
        raise LayerError(
            f"the layer {layer.name()} comes from {provider}, which has no file that pointsam "
            "could read: export it (Layer > Save As), and give that file."
        )
    if not layer.crs().isValid():
        raise LayerError(
            f"the raster {layer.name()} has no coordinate reference system: set it "
            "(Layer > Set CRS of Layer), so that clicks and polygons have their place."
        )
    return str(layer.source())


def raster_for_command(layer: QgsRasterLayer, extent: QgsRectangle | None, folder: Path) -> str:
    """Give the raster's source, or a copy of the part that an extent limits the work to.

    A CRS that was set in QGIS alone is written into a copy, since the file does not say it.

    Args:
        layer: the raster.
        extent: in the raster's CRS; None takes all of it.
        folder: that a copy is written to.

    Raises:
        LayerError: the raster cannot be read, or the extent lies off it.
    """
    source = raster_source(layer)
    if extent is None and _crs_in_file(source):
        return source
    window = None
    if extent is not None:
        inside = extent.intersect(layer.extent())
        if inside.isEmpty():
            raise LayerError(f"the extent lies off the raster {layer.name()}.")
        window = [inside.xMinimum(), inside.yMaximum(), inside.xMaximum(), inside.yMinimum()]
    copy = folder / "part.tif"
    options = gdal.TranslateOptions(
        format="GTiff",
        projWin=window,
        outputSRS=layer.crs().toWkt(),
        creationOptions=["TILED=YES", "COMPRESS=DEFLATE", "BIGTIFF=IF_SAFER"],
    )
    written = gdal.Translate(str(copy), source, options=options)
    if written is None:
        raise LayerError(f"the raster {layer.name()} cannot be read ({gdal.GetLastErrorMsg()}).")
    gdal.ErrorReset()
    written.FlushCache()
    if gdal.GetLastErrorType() >= gdal.CE_Failure:
        said = gdal.GetLastErrorMsg()
        raise LayerError(unwritten(f"a part of the raster {layer.name()}", str(copy), said))
    return str(copy)


def write_clicks(
    source: QgsFeatureSource,
    folder: Path,
    *,
    fields: dict[str, str],
    extent: QgsRectangle | None,
    extent_crs: QgsCoordinateReferenceSystem,
    context: QgsCoordinateTransformContext,
    name: str,
) -> tuple[Path, int]:
    """Write the points that are seen, whatever holds them, as ``clicks.gpkg``.

    The same points give the same bytes, so that a run knows its clicks again.

    Args:
        source: what the user sees: filtered, selected or edited features.
        folder: that the file is written to.
        fields: names of the source's fields for ``label``, ``class`` and ``instance``; empty
            names take usual ones that are there.
        extent: limits the clicks; None takes all.
        extent_crs: of `extent`.
        context: of the project.
        name: of the layer, for messages.

    Returns:
        The file, and how many points are in it.

    Raises:
        LayerError: no points, a field that is not there, or a file that cannot be written.
    """
    # A file without features often says of no geometry what it is.
    if QgsWkbTypes.geometryType(source.wkbType()) in (LINE_GEOMETRY, POLYGON_GEOMETRY):
        kind = QgsWkbTypes.displayString(source.wkbType())
        raise LayerError(f"the layer {name} holds {kind}, not points: choose a point layer.")
    places = field_places(source.fields(), fields, name=name)
    wanted = QgsFields()
    for field in FIELDS:
        if field in places:
            own = source.fields().at(places[field])
            wanted.append(QgsField(field, known_type(own.type())))
    path = folder / CLICKS_NAME
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName, options.layerName = "GPKG", "clicks"
    options.actionOnExistingFile = OVERWRITE_FILE
    before = gdal.GetConfigOption("OGR_CURRENT_DATE")
    gdal.SetConfigOption("OGR_CURRENT_DATE", "2000-01-01T00:00:00.000Z")
    try:
        writer = QgsVectorFileWriter.create(
            str(path), wanted, POINT, source.sourceCrs(), context, options
        )
        if writer.hasError() != WRITER_OK:
            raise LayerError(unwritten("the clicks", str(path), writer.errorMessage()))
        request = _request(source, extent, extent_crs, context)
        count = 0
        for feature in source.getFeatures(request):
            count += _add_points(writer, feature, wanted, places)
        fault = writer.errorMessage() if writer.hasError() != WRITER_OK else ""
        del writer
    finally:
        gdal.SetConfigOption("OGR_CURRENT_DATE", before)
    if fault:
        raise LayerError(unwritten("the clicks", str(path), fault))
    if not count:
        where = " inside the extent" if extent is not None else ""
        raise LayerError(f"the point layer {name} has no point{where}: click some objects first.")
    return path, count


def field_places(fields: QgsFields, named: dict[str, str], *, name: str) -> dict[str, int]:
    """Find the fields of label, class and instance; those that are not there are left out.

    Raises:
        LayerError: a field that was named is not there.
    """
    places = {}
    for field in FIELDS:
        given = named.get(field, "")
        candidates = (given,) if given else _USUAL_NAMES[field]
        found = [place for place in map(fields.lookupField, candidates) if place >= 0]
        if given and not found:
            known = ", ".join(fields.names()) or "none"
            raise LayerError(
                f"the layer {name} has no field {given!r} (its fields: {known}): choose another "
                f"field for the {field}, or none."
            )
        if found:
            places[field] = found[0]
    return places


def _request(
    source: QgsFeatureSource,
    extent: QgsRectangle | None,
    extent_crs: QgsCoordinateReferenceSystem,
    context: QgsCoordinateTransformContext,
) -> QgsFeatureRequest:
    request = QgsFeatureRequest()
    if extent is not None:
        back = QgsCoordinateTransform(extent_crs, source.sourceCrs(), context)
        request.setFilterRect(back.transformBoundingBox(extent))
    return request


def _add_points(
    writer: QgsVectorFileWriter, feature: QgsFeature, fields: QgsFields, places: dict[str, int]
) -> int:
    """Write a feature's points, one feature each, and count them."""
    geometry = feature.geometry()
    if geometry.isNull():
        return 0
    count = 0
    for vertex in geometry.vertices():
        point = QgsFeature(fields)
        point.setGeometry(QgsGeometry.fromPointXY(_flat(vertex)))
        point.setAttributes([feature.attribute(places[field.name()]) for field in fields])
        if writer.addFeature(point):
            count += 1
    return count


def _flat(vertex: Any) -> Any:
    """Leave heights and measures out."""
    from qgis.core import QgsPointXY

    return QgsPointXY(vertex.x(), vertex.y())


def _crs_in_file(source: str) -> bool:
    found = gdal.Open(source)
    return found is not None and bool(found.GetProjection())


def write_polygons(layer: Any, path: Path, context: QgsCoordinateTransformContext) -> Path:
    """Write the polygons of a layer that are seen to a GeoPackage.

    Raises:
        LayerError: the layer is empty, or the file cannot be written.
    """
    if not layer.featureCount():
        raise LayerError(f"the layer {layer.name()} has no polygon.")
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName, options.layerName = "GPKG", "polygons"
    options.skipAttributeCreation = False
    options.attributes = [
        place for place, field in enumerate(layer.fields()) if field.name().lower() != "fid"
    ]
    done = QgsVectorFileWriter.writeAsVectorFormatV3(layer, str(path), context, options)
    if done[0] != WRITER_OK:
        raise LayerError(unwritten("the polygons", str(path), done[1]))
    return path
