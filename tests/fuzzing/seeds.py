"""Sound inputs of every reader, from which others are made by changes."""

import io
import json
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pyogrio
import shapely
import torch
from PIL import Image
from rasterio.transform import from_origin
from safetensors.torch import save
from tests.cli.good_inputs import CORNER, HEIGHT, WIDTH, picture, save_raster

PLACES = [(CORNER[0] + x, CORNER[1] - y) for x, y in ((22.5, 20.5), (62.5, 50.5))]
SIZE = {"height": HEIGHT, "width": WIDTH}
SQUARE = [10, 10, 34, 10, 34, 30, 10, 30]


def _text(content) -> bytes:
    return (content if isinstance(content, str) else json.dumps(content)).encode()


def coco() -> list[bytes]:
    images = [{"id": 1, "file_name": "1.jpg", **SIZE}, {"id": 2, "file_name": "2.png", **SIZE}]
    head = {"images": images, "categories": [{"id": 1, "name": "ship"}]}
    runs = [1000, 20, HEIGHT * WIDTH - 1020]
    forms = [
        [SQUARE],
        [SQUARE, [50, 40, 70, 40, 60, 60]],
        {"size": [HEIGHT, WIDTH], "counts": runs},
        {"size": [HEIGHT, WIDTH], "counts": "PPYo1"},
    ]
    entries = [
        {"id": n, "image_id": 1, "category_id": 1, "segmentation": form, "label_weight": 0.5,
         "iscrowd": 0, "score": 0.9, "bbox": [10, 10, 24, 20]}
        for n, form in enumerate(forms)
    ]  # fmt: skip
    return [_text({**head, "annotations": [entry]}) for entry in entries]


def points() -> list[bytes]:
    images = [{"id": 1, "file_name": "1.jpg", **SIZE, "background_points": [[3, 4]]}]
    head = {"images": images, "categories": [{"id": 1, "name": "ship"}], "instance_ids_made": True}
    entry = {"id": 7, "image_id": 1, "category_id": 1, "points": [[20, 20, 1], [5, 70, 0]],
             "bbox": [10, 10, 24, 20], "instance": "07"}  # fmt: skip
    keypoints = {"id": 7, "image_id": 1, "category_id": 1, "keypoints": [20, 20, 2, 0, 0, 0],
                 "num_keypoints": 1}  # fmt: skip
    return [_text({**head, "annotations": [entry]}), _text({**head, "annotations": [keypoints]})]


def labelme() -> list[bytes]:
    shape = {"label": "tank", "shape_type": "point", "points": [[20, 20]], "group_id": 2}
    head = {"imagePath": "1.jpg", "imageHeight": HEIGHT, "imageWidth": WIDTH, "version": "5.4.1"}
    return [_text({**head, "shapes": [shape, {**shape, "shape_type": "points"}]})]


def label_studio() -> list[bytes]:
    common = {"original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0,
              "to_name": "img"}  # fmt: skip
    place = {"x": 20, "y": 20, "width": 0.5}
    key = {**common, "id": "a", "type": "keypointlabels", "from_name": "kp",
           "value": {**place, "keypointlabels": ["tank"]}}  # fmt: skip
    field = {**common, "id": "a", "type": "number", "from_name": "instance",
             "value": {**place, "number": 7}}  # fmt: skip
    task = {"id": 1, "data": {"img": "/data/upload/1/0a1b2c3d-1.jpg"},
            "annotations": [{"id": 1, "result": [key, field], "was_cancelled": False}]}  # fmt: skip
    flat = {"image": "s3://b/1.jpg", "id": 4, "annotator": 1,
            "kp": [{**place, "keypointlabels": ["ship"], "original_width": WIDTH,
                    "original_height": HEIGHT}]}  # fmt: skip
    return [_text([task]), _text([flat])]


def via() -> list[bytes]:
    region = {"shape_attributes": {"name": "point", "cx": 20, "cy": 20},
              "region_attributes": {"class": "ship", "instance": "3"}}  # fmt: skip
    entry = {"filename": "1.jpg", "size": 99, "regions": [region], "file_attributes": {}}
    table = (
        "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,"
        'region_attributes\n1.jpg,99,"{}",1,0,"{""name"":""point"",""cx"":9,""cy"":9}","{}"\n'
    )
    project = {
        "project": {"vid_list": ["1"]}, "config": {},
        "attribute": {"1": {"aname": "class", "options": {"0": "ship"}}},
        "file": {"1": {"fid": "1", "fname": "1.jpg", "type": 2, "loc": 1, "src": ""}},
        "metadata": {"1_a": {"vid": "1", "z": [], "xy": [1, 20, 20], "av": {"1": "0"}}},
        "view": {"1": {"fid_list": ["1"]}},
    }  # fmt: skip
    table_3 = (
        "# Exported using VGG Image Annotator\n"
        '# ATTRIBUTE = {"1":{"aname":"class","options":{"0":"ship"}}}\n# CSV_HEADER = metadata_id,'
        "file_list,flags,temporal_coordinates,spatial_coordinates,metadata\n"
        '"1_a","[""1.jpg""]",0,"[]","[1,20,20]","{""1"":""0""}"\n'
    )
    whole = {"_via_img_metadata": {"1.jpg99": entry}}
    return [*map(_text, ({"1.jpg99": entry}, whole, project)), _text(table), _text(table_3)]


def supervisely() -> list[bytes]:
    figure = {"geometryType": "point", "classTitle": "ship", "tags": [{"name": "instance",
              "value": 3}], "points": {"exterior": [[20, 20]], "interior": []}}  # fmt: skip
    return [_text({"description": "", "tags": [], "size": SIZE, "objects": [figure]})]


def cvat() -> list[bytes]:
    image = (
        f'<annotations><version>1.1</version><image id="0" name="1.jpg" width="{WIDTH}" '
        f'height="{HEIGHT}"><points label="tank" points="20,20;30,30" group_id="1">'
        '<attribute name="instance">4</attribute></points><skeleton label="s">'
        '<points label="1" outside="0" points="9,9"/></skeleton></image></annotations>'
    )
    track = (
        "<annotations><meta><task><original_size><width>96</width><height>80</height>"
        '</original_size></task></meta><track id="0" label="ship"><points frame="0" outside="0" '
        'points="20,20"/></track></annotations>'
    )
    return [_text(image), _text(track)]


def table() -> list[bytes]:
    return [
        _text("image,x,y,label,class,instance\n1.jpg,20,20,1,ship,2\n1.jpg,5,70,0,,\n"),
        _text("sep=;\nimage;x;y\n1.jpg;20,5;20,5\n"),
        _text("image\tmap_x\tmap_y\nscene.tif\t500022.5\t5499979.5\n"),
        _text("lon,lat\n9.0003,49.6526\n"),
    ]


def yolo() -> list[bytes]:
    return [_text("0 0.2 0.2 0.1 0.1\n1 0.5 0.5 0.2 0.2 0.9\n")]


def dota() -> list[bytes]:
    return [_text("imagesource:x\ngsd:0.1\n10 10 34 10 34 30 10 30 ship 0\n")]


def nwpu() -> list[bytes]:
    return [_text("(10,10),(34,30),1\n( 50,40),(74,60),2 \n")]


def names() -> list[bytes]:
    return [_text("names:\n  0: ship\n  1: tank\n"), _text("nc: 2\nnames: ['ship', \"tank\"]\n")]


def _vector(ending: str, driver: str, *, crs: str = "EPSG:32632", polygons: bool = False) -> bytes:
    places = PLACES if crs.endswith("32632") else [(9.0003, 49.6526), (9.0008, 49.6524)]
    shapes = [shapely.Point(place) for place in places]
    if polygons:
        shapes = [shapely.box(x, y, x + 5, y + 5) for x, y in places]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{ending}"
        fields = [] if ending == ".gpx" else ["class", "label", "instance"]
        columns = [["ship", "tank"], [1, 1], ["a", "2"]] if fields else []
        pyogrio.raw.write(
            str(path),
            np.array([shapely.to_wkb(shape) for shape in shapes], dtype=object),
            [np.array(column, dtype=object if isinstance(column[0], str) else None)
             for column in columns],
            fields, geometry_type=shapes[0].geom_type, crs=crs, driver=driver,
            **({"layer": "waypoints"} if ending == ".gpx" else {}),
        )  # fmt: skip
        if ending != ".shp":
            return path.read_bytes()
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for file in sorted(Path(folder).iterdir()):
                archive.write(file, file.name)
        return buffer.getvalue()


def vectors() -> list[bytes]:
    return [
        _vector(".geojson", "GeoJSON", crs="EPSG:4326"),
        _vector(".fgb", "FlatGeobuf"),
        _vector(".kml", "KML", crs="EPSG:4326"),
        _vector(".gpx", "GPX", crs="EPSG:4326"),
        _vector(".gml", "GML"),
    ]


def databases() -> list[bytes]:
    return [_vector(".gpkg", "GPKG")]


def archives() -> list[bytes]:
    return [_vector(".shp", "ESRI Shapefile")]


def polygons() -> list[bytes]:
    return [_vector(".geojson", "GeoJSON", crs="EPSG:4326", polygons=True),
            _vector(".fgb", "FlatGeobuf", polygons=True)]  # fmt: skip


def pictures() -> list[bytes]:
    found = []
    small = Image.fromarray(picture()[:40, :48])
    for form, mode in (("PNG", "RGB"), ("JPEG", "RGB"), ("BMP", "L"), ("GIF", "P"),
                       ("TIFF", "RGBA"), ("WEBP", "RGB"), ("PNG", "P"), ("JPEG2000", "RGB"),
                       ("PNG", "I;16"), ("TIFF", "CMYK")):  # fmt: skip
        buffer = io.BytesIO()
        deep = np.zeros((9, 9), np.uint16)
        (Image.fromarray(deep) if mode == "I;16" else small.convert(mode)).save(buffer, form)
        found.append(buffer.getvalue())
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", exif=exif)
    return [*found, buffer.getvalue()]


def _raster(values: np.ndarray, **profile) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tif"
        save_raster(path, values, transform=from_origin(*CORNER, 1, 1), **profile)
        return path.read_bytes()


def scenes() -> list[bytes]:
    small = np.moveaxis(picture()[:40, :48], -1, 0)
    return [
        _raster(small),
        _raster(small.astype(np.uint16) * 9, compress="deflate", nodata=0),
        _raster(small.astype(np.float32), compress="lzw", tiled=True, blockxsize=16, blockysize=16),
        _raster(small[:1], driver="PNG", crs=None),
        _raster(small, driver="JP2OpenJPEG"),
        _raster(small, driver="HFA"),
    ]


def labels() -> list[bytes]:
    found = []
    for values in (picture()[..., 0], picture(), picture()[..., 0].astype(np.int32)):
        buffer = io.BytesIO()
        Image.fromarray(values).save(buffer, "TIFF" if values.dtype == np.int32 else "PNG")
        found.append(buffer.getvalue())
    return found


def card() -> list[bytes]:
    return [_text(
        "family: mobile_sam\nbase: mobile_sam\nbase_hash: abc\nside: 128\nfirst_block: 2\nrank: 2\n"
        "adapt: [query-value]\nground_size: 0.5\nstretch: {bands: [1, 2, 3], low: [0, 0, 0], "
        "high: [255, 255, 255], kind: bytes}\nsettings: {seed: 0}\ndata: {images: 3}\n"
        "checksums: {adapter_config.json: [abc]}\nversions: {torch: '2'}\n"
    )]  # fmt: skip


def adapter_config() -> list[bytes]:
    from tests.fuzzing.adapted import saved_adapter

    return [(saved_adapter() / "adapter_config.json").read_bytes()]


def adapter_weights() -> list[bytes]:
    from tests.fuzzing.adapted import saved_adapter

    return [(saved_adapter() / "adapter_model.safetensors").read_bytes()]


def settings() -> list[bytes]:
    model = "seed: 1\nmodel: {name: mobile_sam, side: 128, adapt: [query-value]}\n"
    return [_text(f"{model}schedule:\n  epochs: 0.5\n  decay_epochs: [1, 2]\n")]


def stretch() -> list[bytes]:
    return [_text({"bands": [1, 2, 3], "low": [0, 0, 0], "high": [9, 9, 9], "kind": "bytes"})]


def parts() -> list[bytes]:
    from pointsam.prediction.scenes.logit_maps import LogitMap
    from pointsam.prediction.scenes.objects import SceneMask
    from pointsam.prediction.scenes.parts import write_part

    logits = LogitMap(np.zeros((8, 8), dtype=np.float16), (0.0, 0.0), (1.0, 1.0))
    masks = [SceneMask(0, logits, 0.5, 32, False, 0.9, 0.5),
             SceneMask(1, None, 0.0, 32, True, 0.9, 0.5)]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.npz"
        write_part(path, masks, run="run")
        return [path.read_bytes()]


def manifests() -> list[bytes]:
    return [_text({"scene": "abc", "window": 128})]


def states() -> list[bytes]:
    buffer = io.BytesIO()
    torch.save({"step": 3, "data_key": {"settings": "a"}, "adapter": {"a": torch.ones(3)}}, buffer)
    return [buffer.getvalue()]


def checkpoints() -> list[bytes]:
    buffer = io.BytesIO()
    torch.save({"model": {"a.weight": torch.ones(2, 3)}}, buffer)
    return [save({"a.weight": torch.ones(2, 3)}), buffer.getvalue()]


def projects() -> list[bytes]:
    one = {"id": 1, "class": "ship", "points": [[20, 20, 1]], "score": 0.5}
    first = {"version": 1, "image": "1.jpg", "revision": 3, "objects": [one]}
    told = {"version": 2, "size": [80, 96], "content": "file 0a1b", "background": [[3, 4]]}
    named = one | {"key": "A7", "box": [9, 9, 30, 30]}
    return [_text(first), _text(first | told | {"objects": [named]})]


def journals() -> list[bytes]:
    from pointsam.data.prepare.conversion import _write_journal
    from pointsam.data.prepare.label_rasters import LabelRule

    entry = {"file_name": "1.jpg", **SIZE, "label": "abc", "instances": []}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        _write_journal(path, LabelRule(), entry)
        _write_journal(path, LabelRule(), entry | {"file_name": "2.jpg"})
        return [path.read_bytes()]
