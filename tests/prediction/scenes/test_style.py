"""QGIS finds a colour for each class, beside the file or in it."""

import sqlite3
from xml.etree import ElementTree

import numpy as np
import pyogrio
import shapely

from pointsam.prediction.scenes.style import qgis_style, store_style


def test_each_class_has_a_symbol_of_its_own():
    text = qgis_style(["ship", 'a "b" & <c>'], objects=7)
    assert text.startswith("<!DOCTYPE qgis")
    root = ElementTree.fromstring(text)
    categories = list(root.iter("category"))
    assert [entry.get("value") for entry in categories] == ["ship", 'a "b" & <c>']
    assert root.find("renderer-v2").get("attr") == "class"
    symbols = {symbol.get("name"): symbol for symbol in root.iter("symbol")}
    colours = [
        next(o.get("value") for o in symbols[entry.get("symbol")].iter("Option")
             if o.get("name") == "outline_color")
        for entry in categories
    ]  # fmt: skip
    assert len(set(colours)) == 2


def test_a_stored_style_is_the_default_of_its_layer(tmp_path):
    path = tmp_path / "found.gpkg"
    square = np.array([shapely.to_wkb(shapely.box(0, 0, 1, 1))], dtype=object)
    pyogrio.raw.write(
        str(path), square, [np.array([1])], ["instance"], geometry_type="Polygon",
        crs="EPSG:32632", layer="instances", dataset_options={"VERSION": "1.2"},
    )  # fmt: skip
    store_style(path, "instances", ["ship"], objects=1)
    with sqlite3.connect(path) as database:
        rows = database.execute("SELECT f_table_name, useAsDefault, styleQML FROM layer_styles")
        [(layer, default, text)] = rows
    database.close()
    assert (layer, default) == ("instances", 1)
    assert "ship" in text
    assert [str(name) for name, _ in pyogrio.list_layers(path)] == ["instances", "layer_styles"]
