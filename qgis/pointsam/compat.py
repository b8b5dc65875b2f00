"""Names that QGIS 3.22 to 4 spell differently: enums are scoped by today's Qt and QGIS."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    Qgis,
    QgsFeatureSink,
    QgsMapLayerProxyModel,
    QgsProcessing,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterFile,
    QgsProcessingParameterNumber,
    QgsVectorFileWriter,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QMetaType, QVariant


def member(owner: Any, scope: str, *names: str) -> Any:
    """Give an enum's member, whether it lies in its scope or, as once, in the class around it.

    Raises:
        AttributeError: this QGIS knows none of the names.
    """
    for place in (getattr(owner, scope, None), owner):
        for name in names:
            if place is not None and hasattr(place, name):
                return getattr(place, name)
    raise AttributeError(f"{owner.__name__} has none of {', '.join(names)}")


FAST_INSERT = member(QgsFeatureSink, "Flag", "FastInsert")
VECTOR_POINT = member(QgsProcessing, "SourceType", "TypeVectorPoint", "VectorPoint")
VECTOR_POLYGON = member(QgsProcessing, "SourceType", "TypeVectorPolygon", "VectorPolygon")
FOLDER = member(QgsProcessingParameterFile, "Behavior", "Folder")
FILE = member(QgsProcessingParameterFile, "Behavior", "File")
INTEGER = member(QgsProcessingParameterNumber, "Type", "Integer")
DOUBLE = member(QgsProcessingParameterNumber, "Type", "Double")
ADVANCED = member(QgsProcessingParameterDefinition, "Flag", "FlagAdvanced")
WRITER_OK = member(QgsVectorFileWriter, "WriterError", "NoError")
OVERWRITE_FILE = member(QgsVectorFileWriter, "ActionOnExistingFile", "CreateOrOverwriteFile")
POINT = member(QgsWkbTypes, "Type", "Point")
POLYGON = member(QgsWkbTypes, "Type", "MultiPolygon")
POINT_GEOMETRY = member(QgsWkbTypes, "GeometryType", "PointGeometry", "Point")
POLYGON_GEOMETRY = member(QgsWkbTypes, "GeometryType", "PolygonGeometry", "Polygon")
LINE_GEOMETRY = member(QgsWkbTypes, "GeometryType", "LineGeometry", "Line")
WARNING = member(Qgis, "MessageLevel", "Warning")
INFO = member(Qgis, "MessageLevel", "Info")
CRITICAL = member(Qgis, "MessageLevel", "Critical")
FILTER_RASTER = member(QgsMapLayerProxyModel, "Filter", "RasterLayer")
FILTER_POINT = member(QgsMapLayerProxyModel, "Filter", "PointLayer")


FIRST_WITH_META_TYPES = 33800
"""Version of QGIS; PyQt6 has no types in QVariant."""


def _field_type(name: str, former: str) -> Any:
    """Give a type of field: a QMetaType where QGIS takes one, a QVariant before."""
    if Qgis.QGIS_VERSION_INT >= FIRST_WITH_META_TYPES:
        return getattr(QMetaType.Type, name)
    return getattr(QVariant, former)


FIELD_TEXT = _field_type("QString", "String")
FIELD_WHOLE = _field_type("Int", "Int")


def known_type(kind: Any) -> Any:
    """Give a field's type, text where the file does not say it."""
    return kind if getattr(kind, "value", kind) else FIELD_TEXT


def _folder_mode() -> Any:
    from qgis.gui import QgsFileWidget

    return member(QgsFileWidget, "StorageMode", "GetDirectory")


def __getattr__(name: str) -> Any:
    """Give what only a QGIS with a window has."""
    if name == "GET_FOLDER":
        return _folder_mode()
    raise AttributeError(name)
