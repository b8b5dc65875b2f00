"""A vector file is one of a few forms, and no description of another place."""

import json
import shutil
import sqlite3
import zipfile
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from tests.data.rasters.file_server import served

from pointsam.data.rasters import vector_sources
from pointsam.data.rasters.vector_files import POINTS, read_features
from pointsam.errors import InputError


def save(path: Path, driver: str = "GPKG") -> Path:
    geometry = np.array([shapely.to_wkb(shapely.Point(9, 49))], dtype=object)
    pyogrio.raw.write(path, geometry, [], [], geometry_type="Point", crs="EPSG:4326", driver=driver)
    return path


def read(path: Path) -> list[float]:
    found = read_features(path, kinds=POINTS, what="points")
    return shapely.get_coordinates(found.shapes).ravel().round(6).tolist()


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as told:
        read(path)
    return str(told.value)


@pytest.mark.parametrize(
    ("ending", "driver"),
    [("gpkg", "GPKG"), ("geojson", "GeoJSON"), ("json", "GeoJSON"), ("shp", "ESRI Shapefile"),
     ("fgb", "FlatGeobuf"), ("kml", "KML"), ("gml", "GML")],
)  # fmt: skip
def test_every_form_is_read(tmp_path, ending, driver):
    assert read(save(tmp_path / f"a.{ending}", driver)) == [9, 49]


@pytest.mark.parametrize("name", ["UP.ZIP", "a", "a.shz", "a!b"])
def test_a_zip_is_known_whatever_its_name(tmp_path, name):
    save(tmp_path / "a.shp", "ESRI Shapefile")
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        for part in ("a.shp", "a.shx", "a.dbf", "a.prj"):
            archive.write(tmp_path / part, part)
    assert read(tmp_path / name) == [9, 49]


def test_a_zipped_shapefile_needs_its_table_too(tmp_path):
    save(tmp_path / "a.shp", "ESRI Shapefile")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for part in ("a.shp", "a.shx"):
            archive.write(tmp_path / part, part)
    assert "has no .dbf beside a.shp" in refusal(tmp_path / "a.zip")


@pytest.mark.parametrize("name", ["a!b.gpkg", "a;b.gpkg", "a?b.gpkg", "a b.gpkg", "a#b.gpkg"])
def test_a_name_is_no_address(tmp_path, name):
    assert read(save(tmp_path / "plain.gpkg").rename(tmp_path / name)) == [9, 49]


@pytest.mark.parametrize("ending", ["dbf", "DBF"])
def test_a_shapefile_needs_the_table_of_its_fields(tmp_path, ending):
    path = save(tmp_path / "a.shp", "ESRI Shapefile")
    table = (tmp_path / "a.dbf").rename(tmp_path / f"a.{ending}")
    assert read(path) == [9, 49]
    content = bytearray(table.read_bytes())
    content[4] = 0
    table.write_bytes(content)
    assert f"has 1 shapes and a.{ending} 0 rows" in refusal(path)
    table.unlink()
    assert "has no .dbf beside it, which holds its fields: copy all its parts" in refusal(path)


def test_a_zipped_shapefile_is_read_and_nothing_else_beside_it(tmp_path):
    save(tmp_path / "a.shp", "ESRI Shapefile")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in tmp_path.glob("a.*"):
            if path.suffix != ".zip":
                archive.write(path, path.name)
    assert read(tmp_path / "a.zip") == [9, 49]
    with zipfile.ZipFile(tmp_path / "a.zip", "a") as archive:
        archive.writestr("b.vrt", "")
    assert "b.vrt" in refusal(tmp_path / "a.zip")


@pytest.mark.parametrize("name", ["a.zip", "a;b.zip"])
def test_a_zipped_folder_with_a_shapefile_is_read(tmp_path, name):
    save(tmp_path / "a.shp", "ESRI Shapefile")
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        for path in tmp_path.glob("a.???"):
            if path.suffix != ".zip":
                archive.write(path, f"from/office/{path.name}")
        archive.writestr("__MACOSX/from/._a.shp", "")
    assert read(tmp_path / name) == [9, 49]
    with zipfile.ZipFile(tmp_path / name, "a") as archive:
        archive.write(tmp_path / "a.shp", "other/a.shp")
    assert "2 folders with a Shapefile: unpack it" in refusal(tmp_path / name)


@pytest.mark.parametrize(
    "text",
    [
        "<OGRVRTDataSource><OGRVRTLayer name='a'><SrcDataSource>a.gpkg</SrcDataSource>"
        "</OGRVRTLayer></OGRVRTDataSource>",
        "<OGRWFSDataSource><URL>http://127.0.0.1:9/wfs</URL></OGRWFSDataSource>",
        '{"type": "gdal_streamed_alg", "command_line": "gdal vector pipeline ! read a.gpkg"}',
        '{"type": "FeatureCollection", "x": "<OGRVRTDataSource></OGRVRTDataSource>"}',
        "http://127.0.0.1:9/a.geojson",
    ],
)
def test_descriptions_of_other_places_are_refused(tmp_path, text):
    save(tmp_path / "a.gpkg")
    (tmp_path / "a.geojson").write_text(text)
    refusal(tmp_path / "a.geojson")


@pytest.mark.parametrize("kind", ["link", "url", "LINK", "l\\u0069nk"])
@pytest.mark.parametrize("lines", [False, True])
def test_no_address_is_asked_for_a_coordinate_system(tmp_path, kind, lines):
    with served() as server:
        place = server.address + "/crs"
        system = {"type": kind, "properties": {"href": place, "url": place}}
        point = {"type": "Feature", "properties": {}}
        point |= {"geometry": {"type": "Point", "coordinates": [9, 49]}}
        whole = {"type": "FeatureCollection", "features": [point], "crs": system}
        texts = [point, point | {"crs": system}] if lines else [whole]
        text = "\n".join(json.dumps(one) for one in texts).replace("\\\\", "\\")
        (tmp_path / "a.geojson").write_text(text)
        assert "names an address for its coordinate system" in refusal(tmp_path / "a.geojson")
        assert server.asked == []


def test_geojson_that_names_its_system_is_read(tmp_path):
    point = {"type": "Point", "coordinates": [9, 49]}
    system = {"type": "name", "properties": {"name": "EPSG:4326"}}
    (tmp_path / "a.geojson").write_text(json.dumps(point | {"crs": system}))
    assert read(tmp_path / "a.geojson") == [9, 49]


def test_text_in_another_encoding_is_named(tmp_path):
    text = '{"type": "Point", "coordinates": [9, 49]}'
    (tmp_path / "a.geojson").write_bytes(text.encode("utf-16"))
    assert "not text in UTF-8" in refusal(tmp_path / "a.geojson")


def test_a_view_that_does_not_end_is_refused_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr(vector_sources, "MAX_VIEW_SECONDS", 0.2)
    view = (
        "CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT i AS fid, NULL AS geom FROM n"
    )
    path = save(tmp_path / "a.gpkg")
    with sqlite3.connect(path) as database:
        database.execute(view)
    assert "does not end" in refusal(path)


def test_a_database_that_is_no_geopackage_is_refused(tmp_path):
    with sqlite3.connect(tmp_path / "a.gpkg") as database:
        database.execute("CREATE TABLE points (x REAL)")
    assert "no GeoPackage" in refusal(tmp_path / "a.gpkg")
    shutil.copy(tmp_path / "a.gpkg", tmp_path / "a.geojson")
    assert "no GeoPackage" in refusal(tmp_path / "a.geojson")


@pytest.mark.parametrize(
    ("names", "advice"),
    [
        (["[Content_Types].xml", "xl/workbook.xml"], "a workbook of Excel: save its sheet as CSV"),
        (["mimetype", "content.xml"], "of LibreOffice: save its sheet as CSV"),
        (["doc.kml"], "a KMZ archive: unpack it, and give the .kml file"),
        (["annotations.xml", "images/1.jpg"], "an export of CVAT: unpack it, and give annotations"),
        (["annotations/person_keypoints_default.json"], "unpack it, and give the .json file"),
        (["clicks.csv"], "unpack it, and give the .csv file"),
    ],
)
def test_another_archive_is_refused_with_what_to_do(tmp_path, names, advice):
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    assert advice in refusal(tmp_path / "a.xlsx")


def points(path: Path, *fields: dict[str, object]) -> Path:
    """Write GeoJSON with a point for each set of fields."""
    features = [
        {"type": "Feature", "properties": one, "geometry": {"type": "Point", "coordinates": [9, n]}}
        for n, one in enumerate(fields)
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def test_two_fields_of_one_name_are_refused_where_they_count(tmp_path):
    path = points(tmp_path / "a.geojson", {"Class": "roof", "CLASS": "tank", "n": 1, "N": 2})
    found = read_features(path, kinds=POINTS, what="points")
    with pytest.raises(InputError, match="has the fields Class, CLASS, expected one of them"):
        found.column("class")
    assert found.column("label") == [None]


def test_ids_that_run_together_are_refused(tmp_path):
    path = points(tmp_path / "a.geojson", {"i": 2**53}, {"i": 2**53 + 1}, {"i": None})
    with pytest.raises(InputError, match="more than 15 digits run together: write it as whole"):
        read_features(path, kinds=POINTS, what="points").column("i")
    path = points(tmp_path / "b.geojson", {"i": 2**53}, {"i": 2**53 + 1})
    whole = read_features(path, kinds=POINTS, what="points")
    assert whole.column("i") == [2**53, 2**53 + 1]


def named(path: Path, texts: list[str], encoding: str, *, field: str = "class") -> Path:
    """A Shapefile that does not say what its texts are in, as many tools write it."""
    shapes = np.array([shapely.to_wkb(shapely.Point(9, 49))] * len(texts), dtype=object)
    pyogrio.raw.write(
        path, shapes, [np.array(texts, dtype=object), np.arange(len(texts))], [field, "i"],
        geometry_type="Point", crs="EPSG:4326", driver="ESRI Shapefile", encoding=encoding,
    )  # fmt: skip
    path.with_suffix(".cpg").unlink()
    return path


@pytest.mark.parametrize(
    ("texts", "encoding"),
    [
        (["Gebäude", "roof", None], "UTF-8"),
        (["建物", "屋根"], "UTF-8"),
        (["Gebäude", "Straße"], "ISO-8859-1"),
        # One text that is no UTF-8 speaks for all.
        (["Gebäude", "Ã¤"], "ISO-8859-1"),
        (["roof"], "UTF-8"),
    ],
)
def test_texts_of_a_shapefile_without_cpg_are_utf8_where_all_of_them_can_be(
    tmp_path, texts, encoding
):
    found = read_features(named(tmp_path / "a.shp", texts, encoding), kinds=POINTS, what="points")
    assert found.column("class") == texts
    assert found.column("i") == list(range(len(texts)))


def test_a_field_is_found_by_its_name_in_utf8(tmp_path):
    path = named(tmp_path / "a.shp", ["roof"], "UTF-8", field="größe")
    assert read_features(path, kinds=POINTS, what="points").column("größe") == ["roof"]


def test_a_declared_encoding_is_believed(tmp_path):
    path = named(tmp_path / "a.shp", ["Ã¤"], "ISO-8859-1")
    path.with_suffix(".cpg").write_text("ISO-8859-1")
    assert read_features(path, kinds=POINTS, what="points").column("class") == ["Ã¤"]


def test_a_system_that_is_no_text_is_one_line(tmp_path):
    path = tmp_path / "a.shp"
    point = shapely.to_wkb(np.array([shapely.Point(9, 50)]))
    pyogrio.raw.write(path, point, [], fields=[], geometry_type="Point", crs="EPSG:4326")
    system = path.with_suffix(".prj")
    system.write_bytes(system.read_bytes().replace(b"WGS_1984", b"WGS\xff1984"))
    with pytest.raises(InputError, match="letters that are not UTF-8"):
        read_features(path, kinds=POINTS, what="points")
