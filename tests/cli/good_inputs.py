"""A small folder with one good input of every kind, for the tests to spoil."""

import json

import numpy as np
import pyogrio
import rasterio
import shapely
import yaml
from PIL import Image
from rasterio.transform import from_origin
from tests.models.tiny_models import small_mobile_sam

from pointsam.models.adapters.card import AdapterCard
from pointsam.models.adapters.lora import attach_adapter
from pointsam.models.loading.checkpoints import base_hash

SIDE = 128
"""Of the model's input."""
WIDTH, HEIGHT = 96, 80
"""Of the images and of the scene, in pixels."""
CORNER = (500_000.0, 5_500_000.0)
"""Of the scene, in metres of EPSG:32632; its pixels are 1 m."""

SQUARES = ((10, 10), (50, 40))
"""Corners of the two objects of an image, 24 px wide and 20 high."""


def make_good_inputs(folder):
    """Fill a new folder."""
    make_images(folder)
    make_scene(folder)
    make_clicks(folder)
    make_boxes(folder)
    save_adapter(folder / "adapter", seed=0)
    (folder / "settings.yaml").write_text(yaml.safe_dump({"schedule": {"epochs": 0.5}}))
    (folder / "cache").mkdir()


def picture(filled=True):
    pixels = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    for place, (x, y) in enumerate(SQUARES if filled else ()):
        pixels[y : y + 20, x : x + 24] = 120 + 40 * place
    return pixels


def make_images(folder):
    """Make three images, their masks and points as COCO, and label rasters; the last is empty."""
    images, masks, points = [], [], []
    for name in ("images", "labels"):
        (folder / name).mkdir()
    for number in (1, 2, 3):
        pixels = picture(number < 3)
        name = f"{number}.jpg"
        images.append({"id": number, "file_name": name, "height": HEIGHT, "width": WIDTH})
        for place, (x, y) in enumerate(SQUARES if number < 3 else ()):
            entry = {"id": 10 * number + place, "image_id": number, "category_id": place + 1}
            square = [x, y, x + 24, y, x + 24, y + 20, x, y + 20]
            masks.append(entry | {"segmentation": [square]})
            points.append(entry | {"points": [[x + 12, y + 10, 1], [5, 70, 0]]})
        Image.fromarray(pixels).save(folder / "images" / name)
        Image.fromarray((pixels[..., 0] > 0) * np.uint8(255)).save(folder / f"labels/{number}.png")
    head = {"images": images, "categories": [{"id": 1, "name": "tank"}, {"id": 2, "name": "ship"}]}
    (folder / "masks.json").write_text(json.dumps(head | {"annotations": masks}))
    (folder / "points.json").write_text(json.dumps(head | {"annotations": points}))


def make_scene(folder):
    """Make a scene, clicks on it as a vector file, and its objects as polygons."""
    save_raster(folder / "scene.tif", np.moveaxis(picture(), -1, 0))
    places = [(CORNER[0] + x + 12, CORNER[1] - y - 10) for x, y in SQUARES]
    save_vector(folder / "clicks.gpkg", [shapely.Point(place) for place in places])
    roofs = [shapely.box(x - 12, y - 10, x + 12, y + 10) for x, y in places]
    save_vector(folder / "roofs.gpkg", roofs)


def save_raster(path, values, **profile):
    """Write bands first."""
    usual = {"driver": "GTiff", "crs": "EPSG:32632", "transform": from_origin(*CORNER, 1, 1)}
    count, height, width = values.shape
    shape = {"count": count, "height": height, "width": width, "dtype": values.dtype}
    with rasterio.open(path, "w", **usual | shape | profile) as raster:
        raster.write(values)


def save_vector(path, shapes, *, crs="EPSG:32632", **fields):
    """Write a GeoPackage, or GeoJSON by its ending."""
    pyogrio.raw.write(
        str(path),
        np.array(shapely.to_wkb(np.array(shapes, dtype=object)), dtype=object),
        [np.array(values) for values in fields.values()],
        list(fields),
        geometry_type=shapes[0].geom_type if shapes else "Point",
        crs=crs,
        driver={".gpkg": "GPKG", ".geojson": "GeoJSON"}[path.suffix],
    )


def make_clicks(folder):
    """Make clicks in the forms of other tools."""
    (folder / "clicks.csv").write_text("image,x,y,label\n1.jpg,20,20,1\n2.jpg,60,50,1\n")
    shape = {"label": "tank", "shape_type": "point", "points": [[20, 20]]}
    labelme = {"imagePath": "1.jpg", "imageHeight": HEIGHT, "imageWidth": WIDTH, "shapes": [shape]}
    (folder / "labelme.json").write_text(json.dumps(labelme))
    value = {"x": 20, "y": 20, "keypointlabels": ["tank"]}
    region = {"id": "a", "type": "keypointlabels", "from_name": "p", "value": value}
    region |= {"original_height": HEIGHT, "original_width": WIDTH}
    task = {"id": 1, "data": {"img": "/data/1.jpg"}, "annotations": [{"result": [region]}]}
    (folder / "studio.json").write_text(json.dumps([task]))
    (folder / "cvat.xml").write_text(
        f'<annotations><image id="0" name="1.jpg" width="{WIDTH}" height="{HEIGHT}">'
        '<points label="tank" points="20,20"/></image></annotations>'
    )
    for name, line in (("yolo", "0 0.2 0.2 0.1 0.1"), ("nwpu", "(10,10),(34,30),1")):
        (folder / name).mkdir()
        (folder / name / "1.txt").write_text(line + "\n")


def make_boxes(folder):
    """Make the boxes of the objects as DOTA has them."""
    (folder / "labelTxt").mkdir()
    lines = [f"{x} {y} {x + 24} {y} {x + 24} {y + 20} {x} {y + 20} ship 0" for x, y in SQUARES]
    for number in (1, 2):
        (folder / f"labelTxt/{number}.txt").write_text("\n".join(lines) + "\n")


def save_adapter(folder, *, seed):
    """Save an adapter that changes nothing, on a small model with weights of this seed."""
    model = small_mobile_sam(SIDE, seed=seed)
    card = AdapterCard(
        family=model.family,
        base="mobile_sam",
        base_hash=base_hash(model),
        side=SIDE,
        first_block=2,
        rank=2,
        settings={},
    )
    adapter = attach_adapter(model, rank=2, first_block=2, seed=0)
    adapter.save(folder)
    card.save(folder)
    return folder
