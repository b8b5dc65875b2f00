import json

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.warp import transform

from pointsam.data.clicks.formats import ClickFile
from pointsam.data.clicks.pictures import Picture
from pointsam.errors import InputError

UTM = CRS.from_epsg(32631).to_wkt()
PLACE = {
    "file_name": "scene.tif",
    "size": (100, 200),
    "transform": (0.5, 0.0, 1000.0, 0.0, -0.5, 5000.0),
    "crs": UTM,
}


def read_vector_points(path, *, file_name, size, transform, crs):
    picture = Picture(file_name, size, transform, crs)
    return ClickFile(path).on_scene(path.parent / file_name, picture)


def _write(path, places, *, crs="EPSG:32631", kind=shapely.Point, **fields):
    geometry = np.array([shapely.to_wkb(kind(place)) for place in places], dtype=object)
    pyogrio.raw.write(
        path,
        geometry,
        [np.array(column) for column in fields.values()],
        list(fields),
        geometry_type=kind.__name__,
        crs=crs,
    )
    return path


@pytest.mark.parametrize("ending", [".gpkg", ".geojson", ".shp"])
def test_each_click_is_an_object_in_pixels(tmp_path, ending):
    path = _write(tmp_path / f"a{ending}", [(1000.25, 4999.75), (1001.0, 4990.0)])
    record = read_vector_points(path, **PLACE)
    assert record.size == (100, 200)
    assert [instance.points for instance in record.instances] == [
        ((0.0, 0.0, 1),),
        ((1.5, 19.5, 1),),
    ]
    first = 1 if ending == ".gpkg" else 0
    assert [instance.id for instance in record.instances] == [first, first + 1]
    assert record.instances[0].category == "object"


def test_instances_labels_and_classes_come_from_fields(tmp_path):
    places = [(1000.25 + i, 4999.75) for i in range(4)]
    path = _write(
        tmp_path / "a.gpkg",
        places,
        Instance=np.array([7.0, 7.0, 9.0, np.nan]),
        LABEL=np.array([1, 0, 1, 0]),
        category=np.array(["ship", "ship", "tank", None], dtype=object),
    )
    record = read_vector_points(path, **PLACE)
    assert [(i.id, i.category, i.points) for i in record.instances] == [
        (7, "ship", ((0.0, 0.0, 1), (2.0, 0.0, 0))),
        (9, "tank", ((4.0, 0.0, 1),)),
    ]
    assert record.background_points == ((6.0, 0.0),)


def test_points_in_another_system_are_moved(tmp_path):
    [longitude], [latitude] = transform(UTM, "EPSG:4326", [1010.25], [4989.75])
    path = _write(tmp_path / "a.geojson", [(longitude, latitude)], crs="EPSG:4326")
    [instance] = read_vector_points(path, **PLACE).instances
    assert instance.points[0][:2] == pytest.approx((20, 20), abs=0.01)


def test_multi_points_are_several_objects_named_from_one(tmp_path):
    path = _write(
        tmp_path / "a.gpkg", [[(1000.25, 4999.75), (1001.25, 4999.75)]], kind=shapely.MultiPoint
    )
    assert [i.id for i in read_vector_points(path, **PLACE).instances] == [1, 2]


def test_a_file_without_features_has_no_objects(tmp_path):
    path = _write(tmp_path / "a.gpkg", [])
    assert read_vector_points(path, **PLACE).instances == ()


def test_what_is_no_point_file_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no point file"):
        read_vector_points(tmp_path / "missing.gpkg", **PLACE)
    (tmp_path / "a.gpkg").write_text("nothing")
    with pytest.raises(InputError, match="no vector file"):
        read_vector_points(tmp_path / "a.gpkg", **PLACE)
    lines = _write(tmp_path / "b.gpkg", [[(0, 0), (1, 1)]], kind=shapely.LineString)
    with pytest.raises(InputError, match="holds shapes of kind LineString"):
        read_vector_points(lines, **PLACE)
    labels = _write(tmp_path / "c.gpkg", [(1000.0, 4999.0)], label=np.array([3]))
    with pytest.raises(InputError, match="feature 1 has label 3"):
        read_vector_points(labels, **PLACE)
    alone = _write(
        tmp_path / "d.gpkg", [(1000.0, 4999.0)], label=np.array([0]), instance=np.array([4])
    )
    clicks = ClickFile(alone)
    record = clicks.on_scene(tmp_path / "scene.tif", Picture(*PLACE.values()))
    assert record.instances == ()
    assert clicks.dropped == [f"{alone}: feature 1: instance 4 has no positive point"]


def test_a_class_may_be_the_number_nought(tmp_path):
    places = [(1000.25 + i, 4999.75) for i in range(3)]
    path = _write(tmp_path / "a.gpkg", places, **{"class": np.array([0.0, 1.0, np.nan])})
    record = read_vector_points(path, **PLACE)
    assert [one.category for one in record.instances] == ["0", "1", "object"]


@pytest.mark.parametrize(
    ("places", "crs"),
    [([(13.4, 52.5)], "EPSG:4326"), ([(1000.25, 4999.75)], "EPSG:32631")],
)
def test_places_on_earth_are_no_pixels_of_an_image_on_no_map(tmp_path, places, crs):
    path = _write(tmp_path / "a.gpkg", places, crs=crs)
    plain = {**PLACE, "crs": None, "transform": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)}
    with pytest.raises(InputError, match="are places on earth, but the image has no coordinate"):
        read_vector_points(path, **plain)


def test_geojson_in_pixels_is_read_on_a_plain_image(tmp_path):
    path = _write(tmp_path / "a.geojson", [(310.5, 122.5)], crs="EPSG:4326")
    plain = {**PLACE, "crs": None, "transform": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)}
    [one] = read_vector_points(path, **plain).instances
    assert one.points == ((310.0, 122.0, 1),)


@pytest.mark.parametrize("beside", ["a.dbf", "a.prj", "b.gpkg-wal"])
def test_what_lies_beside_a_file_of_clicks_names_it_too(tmp_path, beside):
    path = _write(tmp_path / ("a.shp" if beside[0] == "a" else "b.gpkg"), [(1000.25, 4999.75)])
    before = ClickFile(path).content_hash()
    assert ClickFile(path).content_hash() == before
    (tmp_path / beside).write_bytes(b"other")
    assert ClickFile(path).content_hash() != before
    assert ClickFile(path, negative="tree").content_hash() != before


def test_features_without_a_place_are_counted(tmp_path, caplog):
    point = {"type": "Point", "coordinates": [310.5, 122.5]}
    rows = [{"type": "Feature", "properties": {}, "geometry": one} for one in (None, point, None)]
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": rows}))
    clicks = ClickFile(path)
    plain = {**PLACE, "crs": None, "transform": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)}
    record = clicks.on_scene(tmp_path / "scene.tif", Picture(*plain.values()))
    assert [one.id for one in record.instances] == [1]
    assert caplog.messages == [f"{path}: left out: 2 features without a place"]


def test_an_object_that_is_clicked_off_alone_is_named(tmp_path):
    path = _write(
        tmp_path / "a.gpkg",
        [(500_002.5, 5_499_997.5), (500_004.5, 5_499_997.5)],
        crs="EPSG:32632",
        instance=["roof", "shed"],
        label=[1, 0],
    )
    (tmp_path / "I").mkdir()
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "height": 9, "width": 9}
    place = {"crs": "EPSG:32632", "transform": from_origin(500_000, 5_500_000, 1, 1)}
    with rasterio.open(tmp_path / "I/a.tif", "w", **profile, **place) as out:
        out.write(np.zeros((1, 9, 9), np.uint8))
    data = ClickFile(path).read(tmp_path / "I")
    assert [i.key for i in data.images[0].instances] == ["roof"]
    assert data.dropped == (f"{path}: instance shed has no positive point",)
