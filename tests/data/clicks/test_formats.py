import json

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from PIL import Image
from rasterio.transform import from_origin

from pointsam.data.clicks.formats import read_clicks
from pointsam.data.clicks.writers import write_clicks
from pointsam.data.coco.annotations import read_points, write_points
from pointsam.data.records import Dataset, ImageRecord, InstanceRecord
from pointsam.errors import InputError


@pytest.fixture
def images(tmp_path):
    """Two plain images, 30 px wide and 20 px high."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (30, 20)).save(folder / name)
    return folder


def save_raster(path, corner, crs="EPSG:32632"):
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "height": 20, "width": 30}
    with rasterio.open(path, "w", crs=crs, transform=from_origin(*corner, 2, 2), **profile) as out:
        out.write(np.zeros((1, 20, 30), dtype=np.uint8))


@pytest.fixture
def rasters(tmp_path):
    """Two images of 2 m pixels, the second 100 km east of the first."""
    folder = tmp_path / "rasters"
    folder.mkdir()
    save_raster(folder / "a.tif", (500_000, 5_500_000))
    save_raster(folder / "b.tif", (600_000, 5_500_000))
    return folder


def read(path, images=None, negative="background"):
    return read_clicks(path, images=images, negative=negative)


def write(path, content):
    path.parent.mkdir(exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def found(data):
    """Class and points of each instance, and the background points, by image."""
    return {
        image.file_name: (
            [(i.category, *i.points) for i in image.instances],
            list(image.background_points),
        )
        for image in data.images
    }


def data_of(names, size=(20, 30)):
    first = InstanceRecord(4, "ship", ((1.5, 2.0, 1), (3.0, 4.0, 1), (9.0, 9.0, 0)))
    second = InstanceRecord(9, "tänk", ((29.25, 19.0, 1),))
    third = InstanceRecord(2, "ship", ((0.0, 0.0, 1),))
    return Dataset(
        (
            ImageRecord(1, names[0], size, (first, second), ((7.0, 8.0),)),
            ImageRecord(2, names[1], size, (third,)),
        ),
        ("ship", "tänk"),
    )


@pytest.mark.parametrize("ending", [".csv", ".json"])
def test_what_is_written_comes_back(tmp_path, images, ending):
    data = data_of(["a.png", "b.png"])
    write_clicks(data, tmp_path / f"clicks{ending}", images=None)
    assert read(tmp_path / f"clicks{ending}", images) == data


def test_geojson_comes_back_through_the_map(tmp_path, rasters):
    data = data_of(["a.tif", "b.tif"])
    write_clicks(data, tmp_path / "clicks.geojson", images=rasters)
    back = read(tmp_path / "clicks.geojson", rasters)
    assert [[(i.id, i.category) for i in image.instances] for image in back.images] == [
        [(4, "ship"), (9, "tänk")], [(2, "ship")]
    ]  # fmt: skip
    for image, again in zip(data.images, back.images, strict=True):
        for instance, read_again in zip(image.instances, again.instances, strict=True):
            assert np.allclose(instance.points, read_again.points, atol=1e-3)
    assert np.allclose(back.images[0].background_points, [(7, 8)], atol=1e-3)


def test_a_csv_of_pixels_alone_is_an_object_a_click(tmp_path, images):
    path = write(tmp_path / "c.csv", "\ufeffImage;X;Y\n a.png; 3 ;4.5\nb.png;0;0\n\na.png;1;1\n")
    data = read(path, images)
    assert found(data) == {
        "a.png": ([("object", (3, 4.5, 1)), ("object", (1, 1, 1))], []),
        "b.png": ([("object", (0, 0, 1))], []),
    }
    assert [i.id for image in data.images for i in image.instances] == [1, 3, 2]


def test_a_class_can_mark_the_background(tmp_path, images):
    path = write(tmp_path / "c.csv", "image,x,y,class\na.png,3,4,ship\na.png,5,6,water\n")
    data = read(path, images, negative="water")
    assert found(data) == {"a.png": ([("ship", (3, 4, 1))], [(5, 6)])}


def test_instances_of_two_images_may_share_a_name(tmp_path, images):
    path = write(tmp_path / "c.csv", "image,x,y,label,instance\na.png,3,4,1,7\na.png,8,8,0,7\n"
                 "b.png,5,6,1,7\n")  # fmt: skip
    data = read(path, images)
    assert [len(i.points) for image in data.images for i in image.instances] == [2, 1]
    assert [i.id for image in data.images for i in image.instances] == [1, 2]


def test_degrees_find_their_pixel(tmp_path, rasters):
    # The first raster's upper left corner: easting 500 000 is the meridian of 9 degrees.
    with rasterio.open(rasters / "a.tif") as raster:
        [lon], [lat] = rasterio.warp.transform(raster.crs, "EPSG:4326", [500_021], [5_499_993])
    assert lon == pytest.approx(9, abs=1e-3)
    path = write(tmp_path / "c.csv", f"image,lon,lat\na.tif,{lon},{lat}\n")
    [(x, y, _)] = read(path, rasters).images[0].instances[0].points
    assert (x, y) == pytest.approx((10, 3), abs=1e-6)


@pytest.mark.parametrize("crs", ["EPSG:32632", "EPSG:3857", "EPSG:4326"])
@pytest.mark.parametrize("ending", ["gpkg", "shp"])
def test_map_points_of_any_system_land_on_their_image(tmp_path, rasters, crs, ending):
    # Pixel (10, 3) of each image, and a place on neither.
    places = np.array([(500_021, 5_499_993), (600_021, 5_499_993), (500_021, 5_600_000)])
    moved = np.stack(rasterio.warp.transform("EPSG:32632", crs, *places.T), axis=1)
    path = tmp_path / f"clicks.{ending}"
    options = {"dataset_options": {"VERSION": "1.2"}} if ending == "gpkg" else {}
    pyogrio.raw.write(
        str(path), shapely.to_wkb(shapely.points(moved)), [np.array(["ship", "tank", "ship"])],
        ["class"], geometry_type="Point", crs=crs, **options,
    )  # fmt: skip
    data = read(path, rasters)
    assert [image.file_name for image in data.images] == ["a.tif", "b.tif"]
    assert [image.instances[0].category for image in data.images] == ["ship", "tank"]
    for image in data.images:
        [(x, y, label)] = image.instances[0].points
        assert (x, y) == pytest.approx((10, 3), abs=1e-3)
        assert label == 1


LABELME = {
    "imagePath": "..\\pictures\\a.png",
    "imageHeight": 20,
    "imageWidth": 30,
    "shapes": [
        {"label": "ship", "points": [[3.5, 4.5]], "shape_type": "point", "group_id": 1},
        {"label": "background", "points": [[9.5, 4.5]], "shape_type": "point", "group_id": 1},
        {"label": "ship", "points": [[20.5, 4.5]], "shape_type": "point", "group_id": None},
        {"label": "background", "points": [[0.5, 0.5]], "shape_type": "point", "group_id": None},
        {"label": "ship", "points": [[0, 0], [5, 5]], "shape_type": "rectangle"},
    ],
}


def test_labelme_folders_are_read(tmp_path):
    write(tmp_path / "lm/a.json", LABELME)
    write(tmp_path / "lm/b.json", LABELME | {"imagePath": "b.png", "shapes": []})
    data = read(tmp_path / "lm")
    assert found(data) == {
        "a.png": ([("ship", (3, 4, 1), (9, 4, 0)), ("ship", (20, 4, 1))], [(0, 0)]),
        "b.png": ([], []),
    }
    assert data.dropped == (f"{tmp_path / 'lm/a.json'}: 1 shapes that are no points",)
    assert found(read(tmp_path / "lm/b.json")) == {"b.png": ([], [])}


def studio_region(number, x, y, label="ship"):
    return {
        "id": number, "type": "keypointlabels", "from_name": "kp", "to_name": "img",
        "original_width": 30, "original_height": 20,
        "value": {"x": x, "y": y, "width": 0.3, "keypointlabels": [label]},
    }  # fmt: skip


def studio_field(number, value):
    return {"id": number, "type": "number", "from_name": "instance", "value": {"number": value}}


def studio_task(image, *results):
    return {
        "id": 5,
        "data": {"image": image},
        "annotations": [{"result": list(r)} for r in results],
    }


def test_label_studio_exports_are_read(tmp_path):
    regions = [studio_region("r1", 10, 50), studio_region("r2", 50, 25), studio_field("r1", 3),
               studio_field("r2", 3), studio_region("r3", 100, 100, "background")]  # fmt: skip
    tasks = [
        studio_task("/data/upload/1/0a1b2c3d-a-b.png", regions, []),
        studio_task("/data/local-files/?d=some/dir/c%20d.png", [studio_region("r1", 0, 0)]),
        studio_task("s3://bucket/empty.png", []),
    ]
    data = read(write(tmp_path / "export.json", tasks))
    assert found(data) == {
        "a-b.png": ([("ship", (2.5, 9.5, 1), (14.5, 4.5, 1))], [(29.5, 19.5)]),
        "c d.png": ([("ship", (-0.5, -0.5, 1))], []),
    }
    assert [line.partition(": task 5: ")[2] for line in data.dropped] == [
        "1 further annotations, the first is read",
        "no key points",
    ]


CVAT = """<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version>
<image id="0" name="sub/a.png" width="30" height="20">
  <points label="ship" points="3.50,4.50;5.50,4.50"></points>
  <points label="ship" points="10.5,4.5"><attribute name="instance">8</attribute></points>
  <points label="background" points="12.5,4.5"><attribute name="instance">8</attribute></points>
  <points label="tank" group_id="2" points="20.5,4.5"></points>
  <points label="background" points="0.5,0.5"></points>
  <box label="ship" xtl="0" ytl="0" xbr="3" ybr="3"></box>
</image><image id="1" name="b.png" width="30" height="20"></image></annotations>"""


def test_cvat_exports_are_read(tmp_path):
    assert found(read(write(tmp_path / "annotations.xml", CVAT))) == {
        "sub/a.png": (
            [
                ("ship", (3, 4, 1)),
                ("ship", (5, 4, 1)),
                ("ship", (10, 4, 1), (12, 4, 0)),
                ("tank", (20, 4, 1)),
            ],
            [(0, 0)],
        ),
        "b.png": ([], []),
    }


def test_yolo_boxes_are_clicked_in_the_middle(tmp_path, images):
    write(tmp_path / "yolo/a.txt", "1 0.5 0.25 0.1 0.1\n\n0 0 0 0.1 0.1 0.9\n")
    write(tmp_path / "yolo/b.txt", "")
    assert found(read(tmp_path / "yolo", images)) == {
        "a.png": ([("class 1", (14.5, 4.5, 1)), ("class 0", (-0.5, -0.5, 1))], []),
        "b.png": ([], []),
    }
    write(tmp_path / "yolo/classes.txt", "ship\ntank\n")
    assert read(tmp_path / "yolo", images).categories == ("tank", "ship")


def test_coco_key_points_are_the_clicks_of_their_annotation(tmp_path):
    content = {
        "images": [{"id": 1, "file_name": "a.png", "height": 20, "width": 30}],
        "categories": [{"id": 1, "name": "ship"}],
        "annotations": [
            {"id": 7, "image_id": 1, "category_id": 1, "keypoints": [3, 4, 2, 0, 0, 0, 5, 6, 1]},
            {"id": 8, "image_id": 1, "category_id": 1, "keypoints": [0, 0, 0]},
        ],
    }
    data = read(write(tmp_path / "kp.json", content))
    assert found(data) == {"a.png": ([("ship", (3, 4, 1), (5, 6, 1))], [])}
    assert data.images[0].instances[0].id == 7


def test_nwpu_boxes_are_clicked_in_the_middle(tmp_path, images):
    write(tmp_path / "ground truth/a.txt", "\n(2,4),(10,8),1 \n( 0, 0),(29,19),10\n")
    assert found(read(tmp_path / "ground truth", images)) == {
        "a.png": ([("airplane", (6, 6, 1)), ("vehicle", (14.5, 9.5, 1))], [])
    }


def test_nwpu_boxes_come_back_from_a_point_file(tmp_path, images):
    write(tmp_path / "ground truth/a.txt", "(2,4),(10,8),1\n")
    write_points(read(tmp_path / "ground truth", images), tmp_path / "points.json")
    [entry] = json.loads((tmp_path / "points.json").read_text())["annotations"]
    assert entry["bbox"] == [2.5, 4.5, 8, 4]  # COCO counts from the image's edge
    [instance] = read_points(tmp_path / "points.json").images[0].instances
    assert instance.box == (2, 4, 10, 8)
    assert instance.points == ((6, 6, 1),)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("boxes/a.txt", "(10,8),(2,4),1\n", "from its upper left to its lower right"),
        ("c.csv", "name,x,y\n", "has the columns name, x, y; expected image and x, y"),
        ("c.csv", "", "is empty"),
        ("c.csv", "image,x,y\na.png,\"1,2\n", "line 2 cannot be read"),
        ("c.csv", "bild;x;y\n", "has the columns bild, x, y; expected"),
        ("c.csv", "image,x,y\na.png,1\n", "line 2 has 2 values for 3 columns"),
        ("c.csv", "image,x,y\na.png,1,zwei\n", "line 2: 'zwei' is not a number"),
        ("c.csv", "image,x,y\na.png,nan,2\n", r"line 2: point \(nan, 2\) is off a.png"),
        ("c.csv", "image,x,y\na.png,30,2\n", r"point \(30, 2\) is off a.png, which is 30 x 20"),
        ("c.csv", "image,x,y,label\na.png,1,2,7\n", "line 2 has label '7', expected 1"),
        ("c.csv", "image,lon,lat\na.png,9,50\n", "is in degrees, but .*a.png has no coordinate"),
        ("c.txt", "x", "is in no form that is known"),
        ("c.xml", "<a>", "is not XML"),
        ("c.xml", "<a></a>", "has no images"),
        ("c.xml", '<a><image name="a.png" width="3"/></a>', "not as CVAT writes it .*'height'"),
        ("c.json", "3", "is not COCO JSON"),
        ("c.json", "{", "is not JSON"),
        ("c.json", [{"id": 5, "data": {}}], "task 5 is not as Label Studio exports it"),
        ("c.json", [{"id": 7, "data": {}}, 8], "task 7 is not as Label Studio"),
        ("c.json", [7], "is not COCO JSON"),
        ("c.json", {**LABELME, "imagePath": 3}, "is not as LabelMe writes it"),
        ("c.json", {"type": "FeatureCollection", "features": []}, "no georeferenced image"),
        ("c.json", {"a": 1}, "is not COCO JSON"),
        ("c.gpkg", "nothing", "is no vector file of points"),
        ("yolo/a.txt", "0 1 2\n", "a.txt: line 1 has 3 values, expected a box"),
        ("yolo/a.txt", "0 1 2 x 4\n", "line 1 is not numbers"),
        ("yolo/c.txt", "", r"c.txt has no image c\.\* in"),
        ("gt/a.txt", "(1,2),(3,4),11\n", "line 1 has class 11, known are 1 to 10"),
        ("gt/a.txt", "(1,2),(3,4),1\n(1,2),(3\n", r"line 2 is '\(1,2\),\(3', expected"),
        ("gt/c.txt", "(1,2),(3,4),1\n", r"c.txt has no image c\.\* in"),
        ("none/notes.md", "", "is a folder that holds no clicks: give "),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_by_name(tmp_path, images, name, content, message):
    path = write(tmp_path / name, content)
    with pytest.raises((InputError, FileNotFoundError), match=message) as caught:
        read(path if path.parent == tmp_path else path.parent, images)
    assert str(tmp_path) in str(caught.value)


def test_missing_files_and_folders_are_named(tmp_path, images):
    with pytest.raises(FileNotFoundError, match="no point file"):
        read(tmp_path / "nowhere.csv", images)
    path = write(tmp_path / "c.csv", "image,x,y\nc.png,1,2\n")
    with pytest.raises(FileNotFoundError, match=r"no image .*c\.png"):
        read(path, images)
    with pytest.raises(InputError, match="give --images DIR"):
        read(path)


def test_an_ending_that_cannot_be_written_is_refused(tmp_path, images):
    data = data_of(["a.png", "b.png"])
    with pytest.raises(InputError, match=r"written to \.json, \.csv, \.geojson"):
        write_clicks(data, tmp_path / "c.kml", images=None)
    with pytest.raises(InputError, match=r"a\.png has no coordinate system"):
        write_clicks(data, tmp_path / "c.geojson", images=images)
    assert not (tmp_path / "c.geojson").exists()
