"""Files as the tools' own exporters write them; each names the tool and the version."""

from dataclasses import replace

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin
from tests.data.clicks.tool_files import found, image, write

from pointsam.data.clicks.formats import ClickFile, read_clicks
from pointsam.data.clicks.pictures import Picture
from pointsam.data.clicks.writers import write_clicks
from pointsam.errors import InputError


def region(number, x, y, *, label="ship", to="image", **more):
    """A key point of Label Studio 1.13."""
    return {
        "original_width": 30, "original_height": 20, "image_rotation": 0,
        "value": {"x": x, "y": y, "width": 0.5, "keypointlabels": [label]},
        "id": number, "from_name": "kp", "to_name": to, "type": "keypointlabels",
        "origin": "manual", **more,
    }  # fmt: skip


def field(number, kind, value, *, name="instance"):
    """A control that belongs to a region: Label Studio repeats the region's place in it."""
    return {
        "original_width": 30, "original_height": 20, "image_rotation": 0,
        "value": {"x": 10, "y": 10, "width": 0.5, **value},
        "id": number, "from_name": name, "to_name": "image", "type": kind, "origin": "manual",
    }  # fmt: skip


def task(data, result, number=1):
    return {"id": number, "data": data, "annotations": [{"id": number, "result": result}]}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("number", {"number": 7}),
        ("textarea", {"text": ["7"]}),
        ("choices", {"choices": ["7"]}),
    ],
)
def test_label_studio_fields_of_a_region_join_its_clicks(tmp_path, kind, value):
    results = [region("a", 10, 10), region("b", 50, 50), field("a", kind, value),
               field("b", kind, value)]  # fmt: skip
    data = read_clicks(write(tmp_path / "e.json", [task({"image": "s3://b/1.jpg"}, results)]))
    [instance] = data.images[0].instances
    assert instance.id == 7
    assert instance.points == ((2.5, 1.5, 1), (14.5, 9.5, 1))
    assert not data.ids_made


def test_label_studio_key_points_with_labels_beside_them(tmp_path):
    # <KeyPoint> and <Labels>: two results of one id.
    point = {**region("a", 10, 10), "type": "keypoint", "value": {"x": 10, "y": 10, "width": 1}}
    results = [point, field("a", "labels", {"labels": ["tank"]}, name="labels")]
    data = read_clicks(write(tmp_path / "e.json", [task({"image": "s3://b/1.jpg"}, results)]))
    assert found(data) == {"1.jpg": [("tank", (2.5, 1.5, 1))]}


def test_label_studio_clicks_are_on_the_image_that_they_name(tmp_path):
    two = task({"before": "s3://b/p0.jpg", "after": "s3://b/p1.jpg"},
               [region("a", 10, 10, to="before"), region("b", 50, 50, to="after")])  # fmt: skip
    listed = task({"pages": ["s3://b/q0.jpg", "s3://b/q1.jpg"]},
                  [region("a", 10, 10, item_index=1)])  # fmt: skip
    data = read_clicks(write(tmp_path / "e.json", [two, listed]))
    assert set(found(data)) == {"p0.jpg", "p1.jpg", "q1.jpg"}
    unknown = task({"a": "s3://b/0.jpg", "b": "s3://b/1.jpg"}, [region("a", 1, 1, to="c")])
    with pytest.raises(InputError, match="has 2 images, and 'c', which the click is on"):
        read_clicks(write(tmp_path / "u.json", [unknown]))


def test_label_studio_texts_beside_the_image_are_no_image(tmp_path):
    data = {"captured": "2024-05-01", "img": "/data/upload/3/0a1b2c3d-t1.jpg", "note": "a.b"}
    path = write(tmp_path / "e.json", [task(data, [region("a", 10, 10)])])
    assert set(found(read_clicks(path))) == {"t1.jpg"}


def test_label_studio_folders_and_uploads_of_one_name_are_two_images(tmp_path):
    links = ("s3://b/north/001.jpg", "s3://b/south/001.jpg")
    tasks = [task({"image": link}, [region("a", 10 * (1 + i), 50)]) for i, link in enumerate(links)]
    path = write(tmp_path / "e.json", tasks)
    assert set(found(read_clicks(path))) == {"north/001.jpg", "south/001.jpg"}
    for name in ("north/001.jpg", "south/001.jpg"):
        image(tmp_path / "I" / name)
    assert set(found(read_clicks(path, images=tmp_path / "I"))) == {
        "north/001.jpg",
        "south/001.jpg",
    }
    image(tmp_path / "flat/001.jpg")
    with pytest.raises(InputError, match=r"are two images, and both would be 001\.jpg"):
        read_clicks(path, images=tmp_path / "flat")
    uploads = [task({"image": f"/data/upload/1/{digits}-001.jpg"}, [region("a", 10, 10)])
               for digits in ("0a1b2c3d", "9f8e7d6c")]  # fmt: skip
    path = write(tmp_path / "u.json", uploads)
    with pytest.raises(InputError, match=r"are two images, and both would be 001\.jpg"):
        read_clicks(path)
    for digits in ("0a1b2c3d", "9f8e7d6c"):
        image(tmp_path / f"K/{digits}-001.jpg")
    assert len(read_clicks(path, images=tmp_path / "K").images) == 2


def test_label_studio_json_min_and_a_target_storage(tmp_path):
    flat = {
        "image": "/data/upload/1/0a1b2c3d-1.jpg", "id": 4, "annotator": 1, "annotation_id": 2,
        "created_at": "2024-01-01", "updated_at": "2024-01-01", "lead_time": 3.0,
        "kp": [{"x": 10, "y": 10, "width": 0.5, "keypointlabels": ["ship"],
                "original_width": 30, "original_height": 20}],
    }  # fmt: skip
    assert found(read_clicks(write(tmp_path / "min.json", [flat]))) == {
        "1.jpg": [("ship", (2.5, 1.5, 1))]
    }
    stored = {"id": 9, "result": [region("a", 10, 10)], "task": {"data": {"image": "s3://b/1.jpg"}}}
    assert set(found(read_clicks(write(tmp_path / "9.json", stored)))) == {"1.jpg"}


def test_label_studio_images_turned_in_the_tool_are_refused(tmp_path):
    turned = task({"image": "s3://b/1.jpg"}, [{**region("a", 10, 10), "image_rotation": 90}])
    with pytest.raises(InputError, match="was turned by 90 degrees"):
        read_clicks(write(tmp_path / "e.json", [turned]))


CVAT_IMAGES = """<annotations><version>1.1</version>
<image id="0" name="north/1.jpg" width="30" height="20" subset="Train" task_id="3">
  <skeleton label="boat" source="manual" z_order="0" group_id="0">
    <points label="bow" source="manual" outside="0" occluded="0" points="3.50,4.50"></points>
    <points label="stern" source="manual" outside="0" occluded="1" points="9.50,4.50"></points>
    <points label="mast" source="manual" outside="1" occluded="0" points="20.50,4.50"></points>
  </skeleton>
  <points label="BACKGROUND" source="manual" occluded="0" points="1.50,1.50" z_order="0"></points>
</image>
<image id="1" name="south/1.jpg" width="30" height="20">
  <points label="ship" source="manual" occluded="0" points="5.50,5.50" z_order="0"></points>
</image></annotations>"""


def test_cvat_skeletons_are_objects_without_what_is_outside(tmp_path):
    # CVAT 2.x, "CVAT for images 1.1".
    data = read_clicks(write(tmp_path / "annotations.xml", CVAT_IMAGES))
    assert found(data) == {
        "north/1.jpg": [("boat", (3, 4, 1), (9, 4, 1))],
        "south/1.jpg": [("ship", (5, 5, 1))],
    }
    assert data.images[0].background_points == ((1, 1),)
    unpacked = write(tmp_path / "export/annotations.xml", CVAT_IMAGES).parent
    assert read_clicks(unpacked) == data


def test_cvat_tracks_are_objects_of_their_frames(tmp_path):
    # CVAT 2.x, "CVAT for video 1.1": a shape of the last frame is closed by one that is outside.
    text = """<annotations><meta><task><original_size><width>30</width><height>20</height>
    </original_size></task></meta><track id="5" label="ship" source="manual">
    <points frame="0" outside="0" occluded="0" keyframe="1" points="3.50,4.50"></points>
    <points frame="1" outside="0" occluded="0" keyframe="0" points="4.50,4.50"></points>
    <points frame="2" outside="1" occluded="0" keyframe="1" points="4.50,4.50"></points>
    </track></annotations>"""
    path = write(tmp_path / "annotations.xml", text)
    assert found(read_clicks(path)) == {
        "frame_000000.PNG": [("ship", (3, 4, 1))],
        "frame_000001.PNG": [("ship", (4, 4, 1))],
    }


def labelme(path, name, *shapes, **more):
    """A file of LabelMe 5.4."""
    content = {
        "version": "5.4.1", "flags": {}, "shapes": list(shapes), "imagePath": name,
        "imageData": None, "imageHeight": 20, "imageWidth": 30, **more,
    }  # fmt: skip
    return write(path, content)


def shape(x, y, *, label="ship", group=None, kind="point"):
    return {"label": label, "points": [[x, y]], "group_id": group, "shape_type": kind, "flags": {}}


def test_labelme_folders_keep_images_of_one_name_apart(tmp_path):
    for folder in ("north", "south"):
        labelme(tmp_path / f"L/{folder}/001.json", "001.jpg", shape(1.5, 2.5))
    assert set(found(read_clicks(tmp_path / "L"))) == {"north/001.jpg", "south/001.jpg"}


def test_labelme_files_of_one_image_are_refused(tmp_path):
    for name in ("a", "b"):
        labelme(tmp_path / f"L/{name}.json", "old.jpg", shape(1.5, 2.5))
    with pytest.raises(InputError, match=r"a\.json and .*b\.json are both of old\.jpg"):
        read_clicks(tmp_path / "L")
    for name in ("a", "b"):  # renamed with their images
        image(tmp_path / f"I/{name}.jpg")
    data = read_clicks(tmp_path / "L", images=tmp_path / "I")
    assert set(found(data)) == {"a.jpg", "b.jpg"}
    assert "imagePath old.jpg is not there, a.jpg of the same name is read" in data.dropped[0]


def test_labelme_of_version_3_takes_the_size_of_the_image(tmp_path):
    old = labelme(tmp_path / "a.json", "a.jpg", shape(1.5, 2.5), imageHeight=None, imageWidth=None,
                  imageData="AAAA", version="3.16.7")  # fmt: skip
    with pytest.raises(InputError, match=r"states no size of a\.jpg: give --images"):
        read_clicks(old)
    image(tmp_path / "I/a.jpg")
    assert read_clicks(old, images=tmp_path / "I").images[0].size == (20, 30)
    image(tmp_path / "J/a.jpg", size=(60, 40))
    labelme(tmp_path / "b.json", "a.jpg", shape(1.5, 2.5))
    with pytest.raises(InputError, match="another version of the image"):
        read_clicks(tmp_path / "b.json", images=tmp_path / "J")


@pytest.mark.parametrize("name", ["0.json", "_config.json", "z.json"])
def test_other_json_in_a_folder_of_labelme_is_passed_over(tmp_path, name):
    labelme(tmp_path / "L/a.json", "a.jpg", shape(1.5, 2.5))
    write(tmp_path / "L" / name, {"images": [], "annotations": [], "categories": []})
    data = read_clicks(tmp_path / "L")
    assert found(data) == {"a.jpg": [("ship", (1, 2, 1))]}
    assert data.notes == (f"{tmp_path / 'L'}: 1 .json files are not LabelMe's",)


@pytest.mark.parametrize("sides", [(20.0, 30.0), ("20", "30")])
def test_a_size_is_a_whole_number_however_it_is_written(tmp_path, sides):
    size = {"imageHeight": sides[0], "imageWidth": sides[1]}
    path = labelme(tmp_path / "a.json", "a.jpg", shape(1.5, 2.5), **size)
    assert read_clicks(path).images[0].size == (20, 30)
    odd = labelme(tmp_path / "b.json", "a.jpg", shape(1.5, 2.5), imageHeight=20.5)
    with pytest.raises(InputError, match=r"a side of a\.jpg is 20\.5 px, expected a whole number"):
        read_clicks(odd)


def key_points(name, size=(20, 30)):
    return {
        "images": [{"id": 1, "file_name": name, "height": size[0], "width": size[1]}],
        "categories": [{"id": 1, "name": "ship"}],
        "annotations": [{"id": 7, "image_id": 1, "category_id": 1, "keypoints": [3, 4, 2]}],
    }


@pytest.mark.parametrize("name", ["train/1.jpg", "C:\\data\\1.jpg", "1.jpg"])
def test_key_points_are_of_the_image_that_their_longest_path_names(tmp_path, name):
    path = write(tmp_path / "k.json", key_points(name))
    image(tmp_path / "I/1.jpg")
    assert found(read_clicks(path, images=tmp_path / "I")) == {"1.jpg": [("ship", (3, 4, 1))]}
    assert set(found(read_clicks(path))) == {name.replace("\\", "/")}


def test_key_points_of_a_missing_image_or_of_another_size_are_refused(tmp_path):
    image(tmp_path / "I/1.jpg")
    missing = write(tmp_path / "m.json", key_points("2.jpg"))
    with pytest.raises(FileNotFoundError, match=r"no image .*2\.jpg"):
        read_clicks(missing, images=tmp_path / "I")
    other = write(tmp_path / "o.json", key_points("1.jpg", size=(40, 60)))
    with pytest.raises(InputError, match="another version of the image"):
        read_clicks(other, images=tmp_path / "I")
    for path in (missing, other):  # as data check reads, which lists such faults on its own
        faults = []
        ClickFile(path).read(tmp_path / "I", on_fault=faults.append)
        assert faults == []


def test_a_class_off_the_objects_that_no_click_has_is_said(tmp_path):
    image(tmp_path / "I/1.jpg")
    rows = "1.jpg,5,5,roof\n1.jpg,9,9,background\n"
    path = write(tmp_path / "c.csv", f"image,x,y,class\n{rows}")
    [note] = read_clicks(path, images=tmp_path / "I", negative="hintergrund").notes
    assert note == (
        "no click is of the class hintergrund (--negative); these are there: roof, background"
    )
    for negative in ("Background", "ROOF"):
        assert read_clicks(path, images=tmp_path / "I", negative=negative).notes == ()


def test_supervisely_points(tmp_path):
    figure = {
        "id": 1, "classTitle": "ship", "geometryType": "point", "tags": [],
        "points": {"exterior": [[4, 5]], "interior": []},
    }  # fmt: skip
    ann = {"description": "", "tags": [], "size": {"height": 20, "width": 30}, "objects": [figure]}
    for name in ("north", "south"):
        write(tmp_path / f"P/{name}/ann/1.jpg.json", ann)
    write(tmp_path / "P/meta.json", {"classes": [], "tags": []})
    assert found(read_clicks(tmp_path / "P")) == {
        "north/1.jpg": [("ship", (4, 5, 1))],
        "south/1.jpg": [("ship", (4, 5, 1))],
    }


def test_supervisely_projects_are_read_whole(tmp_path):
    # As the tool's own SDK writes a project: meta.json above, ann and img in each data set, places
    # of points as whole numbers.
    for place in ("north", "south"):
        image(tmp_path / "P" / place / "img/1.jpg")
        write(tmp_path / "P" / place / "ann/1.jpg.json", {
            "description": "", "tags": [], "size": {"height": 20, "width": 30},
            "objects": [{"id": 1, "classId": 2, "labelerLogin": "a", "createdAt": "2024-01-01",
                         "updatedAt": "2024-01-01", "geometryType": "point", "classTitle": place,
                         "description": "", "tags": [],
                         "points": {"exterior": [[7, 5]], "interior": []}}],
        })  # fmt: skip
    write(tmp_path / "P/meta.json", {"classes": [], "tags": [], "projectType": "images"})
    data = read_clicks(tmp_path / "P", images=tmp_path / "P")
    assert found(data) == {
        "north/img/1.jpg": [("north", (7, 5, 1))],
        "south/img/1.jpg": [("south", (7, 5, 1))],
    }


def test_one_image_is_told_by_its_folders(tmp_path):
    for name in ("north/001.jpg", "south/001.jpg"):
        image(tmp_path / "I" / name)
    path = write(tmp_path / "c.csv", "image,x,y\nnorth/001.jpg,1,2\nsouth/001.jpg,3,4\n")
    data = read_clicks(path, images=tmp_path / "I/south/001.jpg")
    assert found(data) == {"001.jpg": [("object", (3, 4, 1))]}
    one = write(tmp_path / "d.csv", "image,x,y\nnorth/001.jpg,1,2\n")
    elsewhere = read_clicks(one, images=tmp_path / "I/south/001.jpg")
    assert "north/001.jpg is taken for" in elsewhere.notes[0]


def test_forms_are_told_by_content_and_not_by_ending(tmp_path):
    image(tmp_path / "I/a.jpg")
    table = write(tmp_path / "clicks.dat", "image;x;y\na.jpg;4,5;5\n")
    assert ClickFile(table).format.name == "CSV"
    assert found(read_clicks(table, images=tmp_path / "I")) == {"a.jpg": [("object", (4.5, 5, 1))]}
    shape_file = {"type": "FeatureCollection", "features": []}
    assert ClickFile(write(tmp_path / "c.json", shape_file)).on_map


def ids(data):
    return [(i.id, i.key) for record in data.images for i in record.instances]


def test_numbers_that_name_objects_are_kept_and_names_come_back(tmp_path):
    image(tmp_path / "I/1.jpg")
    rows = "1.jpg,1,1,20\n1.jpg,2,2,2.0\n1.jpg,3,3,07\n1.jpg,4,4,7\n1.jpg,5,5,north roof\n"
    path = write(tmp_path / "c.csv", f"image,x,y,instance\n{rows}")
    data = read_clicks(path, images=tmp_path / "I")
    assert ids(data) == [(20, ""), (2, ""), (21, "07"), (7, ""), (22, "north roof")]
    assert data.ids_made
    write_clicks(data, tmp_path / "o.json", images=None)
    again = read_clicks(tmp_path / "o.json")
    assert replace(again, notes=()) == replace(data, notes=())
    write_clicks(data, tmp_path / "o.csv", images=None)
    assert ids(read_clicks(tmp_path / "o.csv", images=tmp_path / "I")) == ids(data)


def test_a_click_on_the_border_of_two_tiles_is_of_one(tmp_path):
    (tmp_path / "I").mkdir()
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "height": 20, "width": 20}
    for name, x in (("a.tif", 500_000), ("b.tif", 500_020)):
        place = {"crs": "EPSG:32632", "transform": from_origin(x, 5_500_000, 1, 1)}
        with rasterio.open(tmp_path / "I" / name, "w", **profile, **place) as out:
            out.write(np.zeros((1, 20, 20), np.uint8))
    rows = "500020,5499990,40\n500005,5499990,30\n"
    path = write(tmp_path / "c.csv", f"map_x,map_y,instance\n{rows}")
    data = read_clicks(path, images=tmp_path / "I")
    assert found(data) == {
        "a.tif": [("object", (4.5, 9.5, 1))],
        "b.tif": [("object", (-0.5, 9.5, 1))],
    }
    assert ids(data) == [(30, ""), (40, "")]
    assert not data.ids_made


@pytest.mark.parametrize("word", ["background", "Background", " BACKGROUND "])
def test_background_means_the_same_in_every_form(tmp_path, word):
    image(tmp_path / "I/1.jpg")
    table = write(tmp_path / "c.csv", f"image,x,y,class\n1.jpg,9,9,a\n1.jpg,1,1,{word}\n")
    tool = labelme(tmp_path / "l.json", "1.jpg", shape(9.5, 9.5, label="a"),
                   shape(1.5, 1.5, label=word))  # fmt: skip
    for path in (table, tool):
        record = read_clicks(path, images=tmp_path / "I").images[0]
        assert record.background_points == ((1, 1),)
        other = read_clicks(path, images=tmp_path / "I", negative="A").images[0]
        assert other.background_points == ((9, 9),)


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffimage,x,y,label\n1.jpg,9.5,9,1.0\n1.jpg,1,1,0.0\n".encode(),
        "image\tx\ty\tlabel\n1.jpg\t9.5\t9\tTRUE\n1.jpg\t1\t1\tfalse\n".encode("utf-16"),
        b"sep=;\nimage;x;y;label\n1.jpg;9,5;9;1\n1.jpg;1;1;0\n",
    ],
)
def test_tables_of_other_programs_say_the_same(tmp_path, content):
    image(tmp_path / "I/1.jpg")
    (tmp_path / "c.csv").write_bytes(content)
    record = read_clicks(tmp_path / "c.csv", images=tmp_path / "I").images[0]
    assert [i.points for i in record.instances] == [((9.5, 9, 1),)]
    assert record.background_points == ((1, 1),)


@pytest.mark.filterwarnings("ignore:'crs' was not provided:UserWarning")
def test_the_layer_of_points_is_read_or_asked_for(tmp_path):
    image(tmp_path / "I/1.jpg")
    path, place = tmp_path / "c.gpkg", Picture("s.tif", (9, 9), (1, 0, 0, 0, -1, 9), None)

    def layer(name, shape, append):
        kind = shape.geom_type
        pyogrio.raw.write(path, np.array([shapely.to_wkb(shape)], dtype=object), [], [],
                          geometry_type=kind, crs=None, layer=name, append=append)  # fmt: skip

    layer("area", shapely.box(0, 0, 9, 9), False)
    layer("clicks", shapely.Point(4.5, 4.5), True)
    scene = tmp_path / "s.tif"
    assert ClickFile(path).on_scene(scene, place).instances[0].points == ((4, 4, 1),)
    layer("old", shapely.Point(1.5, 4.5), True)
    with pytest.raises(InputError, match="has 2 layers of points, clicks, old: say which"):
        ClickFile(path).on_scene(scene, place)
    chosen = ClickFile(path, layer="old").on_scene(scene, place)
    assert chosen.instances[0].points == ((1, 4, 1),)
    with pytest.raises(InputError, match="has no layer new: it has area, clicks, old"):
        ClickFile(path, layer="new").on_scene(scene, place)
