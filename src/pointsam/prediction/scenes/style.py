"""The QGIS style of the polygons: one half-transparent colour for each class."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from pointsam.figures import PALETTE
from pointsam.files import replacing

_LAYER_STYLES = """
CREATE TABLE layer_styles (
  id INTEGER PRIMARY KEY AUTOINCREMENT, f_table_catalog TEXT(256), f_table_schema TEXT(256),
  f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT,
  styleSLD TEXT, useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30),
  update_time DATETIME DEFAULT CURRENT_TIMESTAMP)
"""


def qgis_style(classes: Sequence[str], *, objects: int) -> str:
    """Describe a style by the field ``class``, as QGIS's ``.qml``.

    QGIS reads the same file for the raster of that name, which it shows in grey by instance.

    Args:
        classes: each once; each gets a colour.
        objects: highest number in the raster.
    """
    root = ElementTree.Element("qgis", version="3.22")
    _add_raster_part(root, objects)
    renderer = ElementTree.SubElement(
        root, "renderer-v2", type="categorizedSymbol", attr="class", symbollevels="0"
    )
    categories = ElementTree.SubElement(renderer, "categories")
    symbols = ElementTree.SubElement(renderer, "symbols")
    for number, name in enumerate(classes):
        ElementTree.SubElement(
            categories, "category", value=name, label=name, symbol=str(number), render="true"
        )
        _add_symbol(symbols, str(number), PALETTE[number % len(PALETTE)])
    ElementTree.indent(root)
    head = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
    return head + ElementTree.tostring(root, encoding="unicode")


def _add_symbol(symbols: ElementTree.Element, name: str, colour: tuple[int, int, int]) -> None:
    """Draw half-transparent areas with a line around them."""
    symbol = ElementTree.SubElement(
        symbols, "symbol", type="fill", name=name, alpha="1", clip_to_extent="1"
    )
    layer = ElementTree.SubElement(
        symbol, "layer", {"class": "SimpleFill"}, enabled="1", locked="0"
    )
    red, green, blue = colour
    options = ElementTree.SubElement(layer, "Option", type="Map")
    for key, value in (
        ("color", f"{red},{green},{blue},60"),
        ("outline_color", f"{red},{green},{blue},255"),
        ("outline_style", "solid"),
        ("outline_width", "0.5"),
        ("outline_width_unit", "MM"),
        ("style", "solid"),
    ):
        ElementTree.SubElement(options, "Option", type="QString", name=key, value=value)


def _add_raster_part(root: ElementTree.Element, objects: int) -> None:
    """Show a raster of numbers in grey."""
    pipe = ElementTree.SubElement(root, "pipe")
    grey = ElementTree.SubElement(
        pipe,
        "rasterrenderer",
        type="singlebandgray",
        grayBand="1",
        alphaBand="-1",
        opacity="0.6",
        gradient="BlackToWhite",
    )
    contrast = ElementTree.SubElement(grey, "contrastEnhancement")
    for tag, value in (
        ("minValue", "0"),
        ("maxValue", str(objects)),
        ("algorithm", "StretchToMinimumMaximum"),
    ):
        ElementTree.SubElement(contrast, tag).text = value


def write_style(path: Path, classes: Sequence[str], *, objects: int) -> None:
    """Write a ``.qml`` beside files of the same name; QGIS reads it with them."""
    with replacing(path) as temporary:
        temporary.write_text(qgis_style(classes, objects=objects), encoding="utf-8")


def store_style(path: Path, layer: str, classes: Sequence[str], *, objects: int) -> None:
    """Store the style in a GeoPackage, too, so that it is copied with the file.

    Other readers see it as a second layer, without geometry.
    """
    with sqlite3.connect(path) as database:
        database.execute(_LAYER_STYLES)
        database.execute(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, "
            "f_geometry_column, styleName, styleQML, styleSLD, useAsDefault, description) "
            "VALUES ('', '', ?, 'geom', 'pointsam', ?, '', 1, '')",
            (layer, qgis_style(classes, objects=objects)),
        )
        database.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier) "
            "VALUES ('layer_styles', 'attributes', 'layer_styles')"
        )
    database.close()
