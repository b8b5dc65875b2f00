"""Columns and fields under other names, and values that may mean two things, are not guessed."""

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from tests.data.clicks.tool_files import found, image, write

from pointsam.data.clicks.formats import read_clicks
from pointsam.data.clicks.writers import write_clicks
from pointsam.errors import InputError


def raster(path, place, crs):
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "height": 20, "width": 30}
    with rasterio.open(path, "w", crs=crs, transform=from_origin(*place), **profile) as out:
        out.write(np.zeros((1, 20, 30), np.uint8))
    return path


def geojson(path, *features):
    """Write points of EPSG:32632, each a place and its properties."""
    system = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32632"}}
    rows = [
        {"type": "Feature", "properties": known,
         "geometry": {"type": "Point", "coordinates": list(place)}}
        for place, known in features
    ]  # fmt: skip
    return write(path, {"type": "FeatureCollection", "crs": system, "features": rows})


@pytest.mark.parametrize("column", ["image_name", "img", "Image_Path", "filepath"])
def test_the_column_of_images_has_other_names(tmp_path, column):
    picture = image(tmp_path / "I/1.png")
    table = write(tmp_path / "c.csv", f"{column},x,y\n1.png,5,5\n2.png,9,9\n")
    assert found(read_clicks(table, images=picture)) == {"1.png": [("object", (5, 5, 1))]}


@pytest.mark.parametrize("gap", [" ", "-", ".", "_"])
def test_names_of_columns_may_be_of_two_words(tmp_path, gap):
    image(tmp_path / "I/1.png")
    names = f"Image{gap}Name,X,Y,Point{gap}Label,Class{gap}Name,Instance{gap}ID"
    table = write(tmp_path / "c.csv", f"{names}\n1.png,5,5,1,roof,4\n1.png,9,9,0,roof,4\n")
    data = read_clicks(table, images=tmp_path / "I")
    assert found(data) == {"1.png": [("roof", (5, 5, 1), (9, 9, 0))]}
    assert (data.images[0].instances[0].id, data.notes) == (4, ())


def test_fields_may_be_of_two_words(tmp_path):
    scene = raster(tmp_path / "s.tif", (500_000, 5_500_000, 1, 1), "EPSG:32632")
    known = {"Instance ID": 4, "Point Label": 1}
    path = geojson(tmp_path / "c.geojson", ((500_005.5, 5_499_994.5), known))
    data = read_clicks(path, images=scene)
    assert (data.images[0].instances[0].id, data.notes) == (4, ())


def test_two_columns_that_differ_in_a_gap_are_refused(tmp_path):
    image(tmp_path / "I/1.png")
    table = write(tmp_path / "c.csv", "image,x,y,class name,class-name\n1.png,5,5,a,b\n")
    with pytest.raises(InputError, match="has the columns class name and class-name: keep one"):
        read_clicks(table, images=tmp_path / "I")


def test_a_column_that_names_images_is_not_passed_over(tmp_path):
    picture = image(tmp_path / "I/1.png")
    table = write(tmp_path / "c.csv", "bild,x,y\n1.png,5,5\n2.png,9,9\n")
    with pytest.raises(InputError, match=r"bild names images \(1\.png\): call it image"):
        read_clicks(table, images=picture)


@pytest.mark.parametrize("names", ["labels,class_name", "point_label,category_name"])
def test_labels_and_classes_have_other_names(tmp_path, names):
    image(tmp_path / "I/1.png")
    rows = "1.png,5,5,1,roof,4\n1.png,9,9,0,roof,4\n"
    table = write(tmp_path / "c.csv", f"image,x,y,{names},object_id\n{rows}")
    data = read_clicks(table, images=tmp_path / "I")
    assert found(data) == {"1.png": [("roof", (5, 5, 1))]}
    assert data.images[0].background_points == ((9, 9),)
    assert data.notes == (f"{table}: columns not read: object_id",)


def test_fields_of_vector_files_have_the_same_names(tmp_path):
    scene = raster(tmp_path / "s.tif", (500_000, 5_500_000, 1, 1), "EPSG:32632")
    path = geojson(
        tmp_path / "c.geojson",
        ((500_002.5, 5_499_997.5), {"labels": 1, "class_name": "roof", "obj": 4, "empty": None}),
        ((500_005.5, 5_499_997.5), {"labels": 0, "class_name": "roof", "obj": 4, "empty": None}),
    )
    data = read_clicks(path, images=scene)
    assert [i.category for i in data.images[0].instances] == ["roof"]
    assert len(data.images[0].background_points) == 1
    assert data.notes == (f"{path}: columns not read: obj",)


def test_fields_that_gdal_adds_to_gpx_are_read(tmp_path):
    scene = raster(tmp_path / "s.tif", (9, 50, 0.01, 0.01), "EPSG:4326")
    points = "".join(
        f'<wpt lat="49.905" lon="{lon}"><extensions><ogr:label>{label}</ogr:label>'
        "<ogr:instance>7</ogr:instance></extensions></wpt>"
        for lon, label in ((9.105, 1), (9.205, 0))
    )
    path = write(
        tmp_path / "c.gpx",
        '<?xml version="1.0"?><gpx version="1.1" creator="GDAL" xmlns:ogr="http://osgeo.org/gdal" '
        f'xmlns="http://www.topografix.com/GPX/1/1">{points}</gpx>',
    )
    [one] = read_clicks(path, images=scene).images[0].instances
    assert (one.id, [label for *_, label in one.points]) == (7, [1, 0])


@pytest.fixture
def tiles(tmp_path):
    """Two tiles that share their middle."""
    for name, x in (("a.tif", 500_000), ("b.tif", 500_010)):
        raster(tmp_path / "T" / name, (x, 5_500_000, 1, 1), "EPSG:32632")
    return tmp_path / "T"


SHARED = (500_015.5, 5_499_990.5), (500_020.5, 5_499_995.5)


def test_a_click_is_on_the_tile_that_its_field_names(tmp_path, tiles):
    names = ("a.tif", "b.tif")
    path = geojson(
        tmp_path / "c.geojson",
        *((place, {"image": name}) for place, name in zip(SHARED, names, strict=True)),
    )
    rows = "".join(f"{n},{x},{y}\n" for n, (x, y) in zip(names, SHARED, strict=True))
    table = write(tmp_path / "c.csv", f"image,map_x,map_y\n{rows}")
    data = read_clicks(path, images=tiles)
    assert found(data) == found(read_clicks(table, images=tiles))
    assert {name: len(clicks) for name, clicks in found(data).items()} == {"a.tif": 1, "b.tif": 1}
    assert found(read_clicks(path, images=tiles / "b.tif")).keys() == {"b.tif"}
    assert found(read_clicks(path, images=tiles / "b.tif"))["b.tif"] == found(data)["b.tif"]


def test_objects_of_overlapping_tiles_come_back_from_geojson(tmp_path, tiles):
    rows = "a.tif,15.5,5,\na.tif,5,5,1\nb.tif,5.5,5,1\nb.tif,8,9,\n"
    table = write(tmp_path / "c.csv", f"image,x,y,instance\n{rows}")
    data = read_clicks(table, images=tiles)
    write_clicks(data, tmp_path / "o.geojson", images=tiles)
    again = found(read_clicks(tmp_path / "o.geojson", images=tiles))
    assert {name: len(objects) for name, objects in again.items()} == {"a.tif": 2, "b.tif": 2}
    for name, objects in found(data).items():
        for (_, point), (_, back) in zip(objects, again[name], strict=True):
            assert point == pytest.approx(back, abs=1e-3)


def test_a_field_that_names_no_image_is_said(tmp_path, tiles):
    path = geojson(tmp_path / "c.geojson", (SHARED[0], {"image": "DCIM/photo 7.jpg"}))
    data = read_clicks(path, images=tiles)
    assert {name: len(clicks) for name, clicks in found(data).items()} == {"a.tif": 1, "b.tif": 1}
    [note] = data.notes
    assert "no image is called DCIM/photo 7.jpg: the field image is not read" in note


def test_degrees_called_x_and_y_are_no_pixels(tmp_path):
    # QGIS, "Save features as CSV" with GEOMETRY=AS_XY.
    scene = raster(tmp_path / "s.tif", (5, 52, 0.2, 0.2), "EPSG:4326")
    rows = "6.5,51,1,roof\n"
    table = write(tmp_path / "c.csv", f"X,Y,fid,class\n{rows}")
    with pytest.raises(InputError, match=r"\(6\.5, 51\) is off .*in degrees.*columns lon,lat"):
        read_clicks(table, images=scene)
    large = raster(tmp_path / "l.tif", (-5, 12, 0.8, 0.8), "EPSG:4326")
    table = write(tmp_path / "d.csv", "X,Y\n6.5,5\n8,9\n")
    with pytest.raises(InputError, match=r"places in degrees too.*lon,lat; or, .*a column image"):
        read_clicks(table, images=large)
    table = write(tmp_path / "e.csv", "image,X,Y\nl.tif,6.5,5\nl.tif,8,9\n")
    assert found(read_clicks(table, images=large))["l.tif"][0] == ("object", (6.5, 5, 1))


@pytest.mark.parametrize("named", ["", "image,"])
def test_metres_called_x_and_y_are_no_pixels(tmp_path, named):
    scene = raster(tmp_path / "s.tif", (500_000, 5_500_000, 1, 1), "EPSG:32632")
    first = "s.tif," if named else ""
    table = write(tmp_path / "c.csv", f"{named}X,Y\n{first}500010,5499990\n")
    with pytest.raises(InputError, match=r"lies on it as a place on its map: .* map_x,map_y"):
        read_clicks(table, images=scene)


def test_pixels_of_a_scene_stay_pixels(tmp_path):
    scene = raster(tmp_path / "s.tif", (500_000, 5_500_000, 1, 1), "EPSG:32632")
    table = write(tmp_path / "c.csv", "x,y\n5,6\n")
    assert found(read_clicks(table, images=scene)) == {"s.tif": [("object", (5, 6, 1))]}


@pytest.fixture
def large(tmp_path):
    image(tmp_path / "I/1.png", size=(2000, 1500))
    return tmp_path / "I"


def test_a_comma_that_may_group_thousands_is_refused(tmp_path, large):
    table = write(tmp_path / "c.csv", 'image,x,y\n1.png,"1,234","1,100"\n')
    with pytest.raises(InputError, match=r"line 2: '1,234' may be 1234 or 1\.234: write it in one"):
        read_clicks(table, images=large)
    table = write(tmp_path / "d.csv", 'image,x,y\n1.png,"1,234.5",7\n')
    with pytest.raises(InputError, match=r"'1,234\.5' is not a number: write 1234\.5"):
        read_clicks(table, images=large)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image;x;y\n1.png;1.234;1.100\n", True),
        ("image;x;y\n1.png;1.234;1.1\n", False),
        ("image;x;y\n1.png;1,234;1,100\n", False),
        ("image;x;y\n1.png;0.234;1.5\n", False),
        ("image\tx\ty\n1.png\t1,234\t1,100\n", True),
        ("image,x,y\n1.png,1.234,1.100\n", False),
    ],
)
def test_decimals_that_may_be_thousands_are_noted(tmp_path, large, text, said):
    notes = read_clicks(write(tmp_path / "c.csv", text), images=large).notes
    assert [("groups thousands" in note) for note in notes] == [True] * said


def test_a_name_that_a_table_program_shortened_is_refused(tmp_path, large):
    rows = "1.png,5,5,1.23457E+11\n1.png,90,90,1.23457E+11\n"
    table = write(tmp_path / "c.csv", f"image,x,y,instance\n{rows}")
    with pytest.raises(InputError, match=r"table program shortened.*format the column as text"):
        read_clicks(table, images=large)
    whole = write(tmp_path / "d.csv", "image,x,y,instance\n1.png,5,5,E+11\n1.png,9,9,1E11\n")
    assert len(found(read_clicks(whole, images=large))["1.png"]) == 2


@pytest.mark.parametrize(
    "text",
    [
        "image,x,y\n1.png,5,6,\n",
        "\n \nimage,x,y\n1.png,5,6\n",
        "\nsep=;\n\nimage;x;y\n1.png;5;6;;\n",
    ],
)
def test_blank_ends_and_lines_say_nothing(tmp_path, large, text):
    table = write(tmp_path / "c.csv", text)
    assert found(read_clicks(table, images=large)) == {"1.png": [("object", (5, 6, 1))]}


def test_lines_are_counted_from_the_start_of_the_file(tmp_path, large):
    table = write(tmp_path / "c.csv", "\n\nimage,x,y\n1.png,5,zwei\n")
    with pytest.raises(InputError, match="line 4: 'zwei'"):
        read_clicks(table, images=large)
