"""Every command with each kind of data it cannot use: how it is spoilt, and what is said."""

from pathlib import Path

import numpy as np
import shapely
from PIL import Image
from tests.cli.commands import (
    BOX_POINTS,
    BOX_SCORES,
    BOXES,
    CONVERT,
    DRAW,
    EVALUATE,
    FIGURE,
    GRID,
    IMAGES,
    LABELS,
    MAP_BOXES,
    POLYGONS,
    PREDICT,
    SCENE,
    SCENE_GRID,
    SPLIT,
    TRAIN,
    TRAIN_SCENE,
    WHU,
    cases,
)
from tests.cli.good_inputs import CORNER, HEIGHT, WIDTH
from tests.cli.spoiling import (
    a_file,
    a_folder,
    a_loop,
    changed,
    cut,
    empty,
    entry,
    gone,
    holds,
    moved,
    raster,
    together,
    vector,
)
from tests.data.deep_png import save_deep_png

NAN, INF = float("nan"), float("inf")
FAR = 1e300
HERE = shapely.Point(CORNER[0] + 20, CORNER[1] - 20)
DEGREES_FILE = holds("clicks.csv", "image,lon,lat\n1.jpg,9,50\n")


def picture(name, mode="RGB", size=(WIDTH, HEIGHT), fill=None):
    return lambda: Image.new(mode, size, fill or 0).save(name)


def noise(name, kind):
    """Write a picture that does not compress, so that a cut takes pixels."""
    pixels = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    return lambda: Image.fromarray(pixels).save(name, kind)


def point(value):
    return entry("points.json", 2, "points", [value])


def mask(value):
    return entry("masks.json", 0, "segmentation", value)


COCO = [
    ("masks of 0 bytes", EVALUATE, empty("masks.json"), "masks.json is not JSON"),
    ("points of 0 bytes", TRAIN, empty("points.json"), "points.json is not JSON"),
    ("masks cut short", DRAW, cut("masks.json"), "masks.json is not JSON"),
    ("points that are a list", PREDICT, holds("points.json", [1]), "it has no list images"),
    ("masks that are a number", SPLIT, holds("masks.json", 3), "masks.json is not COCO JSON"),
    ("masks not in UTF-8", FIGURE, holds("masks.json", b"\xff\xfe"), "masks.json is not JSON"),
    (
        "masks without annotations",
        BOXES,
        changed("masks.json", lambda content: content.pop("annotations")),
        "masks.json is not COCO JSON: it has no list annotations",
    ),
    ("points that are a folder", PREDICT, a_folder("points.json"), "points.json is a folder"),
    ("masks that link to themselves", DRAW, a_loop("masks.json"), "no annotation file masks.json"),
    ("no masks", EVALUATE, gone("masks.json"), "no annotation file masks.json"),
    ("category unknown", TRAIN, entry("points.json", 1, "category_id", 9), "has category 9, known"),
    ("an id twice", FIGURE, entry("points.json", 1, "id", 10), "annotations id 10 appears more"),
    ("image unknown", BOXES, entry("masks.json", 1, "image_id", 9), "belongs to image 9, which"),
    ("a file name twice", SPLIT, entry("masks.json", 1, "file_name", "1.jpg", kind="images"),
     "file name 1.jpg appears more than once"),
    ("a size below 0", DRAW, entry("masks.json", 1, "height", -5, kind="images"), "has height -5"),
    ("a size as text", DRAW, entry("masks.json", 1, "height", "80", kind="images"),
     "images[1] has height '80', expected a whole number"),
    ("a point at NaN", TRAIN, point([NAN, 5, 1]), "annotation 20 of 2.jpg: point (nan, 5) is off"),
    ("a point at infinity", PREDICT, point([INF, 5, 1]), "point (inf, 5) is off the image"),
    ("a point below 0", EVALUATE, point([-3, 5, 1]), "point (-3, 5) is off the image, which is"),
    ("a point far off", FIGURE, point([FAR, 5, 1]), "point (1e+300, 5) is off the image"),
    ("a point as text", TRAIN, point(["5", 5, 1]), "point ['5', 5, 1] is not [x, y, label]"),
    ("a point that is true", TRAIN, point([True, 5, 1]), "point [True, 5, 1] is not [x, y, label]"),
    ("a label of 2", EVALUATE, point([5, 5, 2]), "is not [x, y, label] with label 1 or 0"),
    ("no label", PREDICT, point([5, 5]), "point [5, 5] is not [x, y, label]"),
    ("a mask at NaN", DRAW, mask([[NAN] * 8]), "annotation 10 has a mask that cannot be drawn"),
    ("a mask of two corners", BOXES, mask([[1, 2, 3, 4]]), "at least three corners"),
    ("an RLE of another size", EVALUATE, mask({"counts": "x", "size": [9, 9]}), "RLE of size"),
    ("a score as text", BOXES, entry("masks.json", 0, "score", "high"), "annotation 10 has score"),
    ("no masks to click on", DRAW, changed("masks.json", lambda c: c["annotations"].clear()),
     "masks.json holds no masks to click on"),
    ("points for masks", "predict --images images --points masks.json --output out", None,
     'masks.json has no "points"'),
]  # fmt: skip

PICTURES = [
    ("an image of 0 bytes", GRID, empty("images/1.jpg"), "images/1.jpg is empty (0 bytes)"),
    ("an image in another case", FIGURE, moved("images/1.jpg", "images/1.JPG"),
     "no image images/1.jpg: there is 1.JPG, upper and lower case differ"),
    ("an image that links to itself", TRAIN, a_loop("images/1.jpg"), "no image images/1.jpg"),
    ("an image that is a folder", EVALUATE, a_folder("images/1.jpg"), "no image images/1.jpg"),
    ("images that are a file", PREDICT, a_file("images"), "no image folder images"),
    ("a JPEG cut short", TRAIN, cut("images/1.jpg"), "images/1.jpg is damaged"),
    ("a PNG cut short", PREDICT, together(noise("images/1.jpg", "PNG"), cut("images/1.jpg", 0.9)),
     "images/1.jpg is damaged"),
    ("a TIFF cut short", EVALUATE, together(noise("images/1.jpg", "TIFF"), cut("images/1.jpg")),
     "images/1.jpg is damaged"),
    ("an image of another size", FIGURE, picture("images/1.jpg", size=(50, 40)),
     "images/1.jpg is 40 x 50 px (height x width), its annotations say 80 x 96"),
    ("16-bit colour", TRAIN,
     lambda: save_deep_png(Path("images/1.jpg"), np.full((HEIGHT, WIDTH, 3), 900)),
     "images/1.jpg has 16-bit RGB pixels, expected 8-bit grey or colour: make 8-bit images with"),
    ("six bands", EVALUATE, raster("images/1.jpg", (6, HEIGHT, WIDTH)), "rasters of many bands"),
    ("another number of bands", IMAGES, raster("images/4.tif", (4, 8, 8)), "has 4 bands of uint8"),
    ("a raster of NaN", "data images deep --output out",
     lambda: (Path("deep").mkdir(), raster("deep/1.tif", np.full((3, 8, 8), NAN, np.float32))()),
     "deep: no image holds a value that is known"),
    ("two images of one name", IMAGES, picture("images/1.png"), "images of one name"),
    ("a stretch that is a list", f"{IMAGES} --like s.json", holds("s.json", []), "is not a str"),
    ("images without a map", f"{SPLIT} --by place --images images", None,
     "images/1.jpg has no coordinate system: split by image"),
    ("a damaged image to hash", f"{SPLIT} --by duplicates --images images", cut("images/2.jpg"),
     "images/2.jpg is damaged"),
]  # fmt: skip

SCENES = [
    ("a scene of 0 bytes", SCENE, empty("scene.tif"), "scene.tif is empty (0 bytes): get it again"),
    ("a scene cut short", SCENE, cut("scene.tif"), "scene.tif is damaged (at column 0, row 0"),
    ("a scene cut short, no clicks", SCENE_GRID, cut("scene.tif"), "scene.tif is damaged"),
    ("a scene cut short to train on", TRAIN_SCENE, cut("scene.tif"), "scene.tif is damaged (at"),
    ("a scene of NaN", SCENE, raster("scene.tif", np.full((3, 80, 96), NAN, np.float32)),
     "scene.tif holds no value that is known"),
    ("a scene of 16 bits", SCENE, raster("scene.tif", np.ones((3, 80, 96), np.uint16)),
     "scene.tif holds uint16, not bytes: say which values are black and white"),
    ("a complex scene", SCENE, raster("scene.tif", np.ones((1, 80, 96), np.complex64)),
     "scene.tif holds complex numbers"),
    ("a palette", SCENE, raster("scene.tif", (1, 80, 96), photometric="palette"),
     "scene.tif holds colour numbers, not colours"),
    ("a scene without a map", POLYGONS, raster("scene.tif", (3, 80, 96), crs=None),
     "scene.tif has no coordinate system: roofs.gpkg cannot be laid on it"),
    ("a scene on another map", SCENE, raster("scene.tif", (3, 80, 96), crs="EPSG:32631"),
     "none of the 2 objects has a positive point on scene.tif"),
    ("polygons of another map", POLYGONS, raster("scene.tif", (3, 80, 96), crs="EPSG:32631"),
     "none of the 2 polygons lies on scene.tif"),
    ("a map without a way to it", SCENE,
     raster("scene.tif", (3, 80, 96), crs='LOCAL_CS["site",UNIT["m",1]]'),
     "clicks.gpkg: its points, the first at"),
    ("clicks of 0 bytes", SCENE, empty("clicks.gpkg"), "clicks.gpkg is no vector file of points"),
    ("clicks cut short", SCENE, cut("clicks.gpkg"), "clicks.gpkg cannot be read"),
    ("no clicks", SCENE, gone("clicks.gpkg"), "no point file clicks.gpkg"),
    ("a layer of nothing", SCENE, vector("clicks.gpkg", []), "no object of scene.tif has a point"),
    ("clicks beside the scene to train on", TRAIN_SCENE,
     vector("clicks.gpkg", [shapely.Point(0, 0)]), "no positive point of clicks.gpkg is on scene"),
    ("lines for points", SCENE, vector("clicks.gpkg", [shapely.LineString([(0, 0), (1, 1)])]),
     "clicks.gpkg holds shapes of kind LineString, expected points"),
    ("clicks beside the scene", SCENE, vector("clicks.gpkg", [shapely.Point(0, 0)]),
     "none of the 1 objects has a positive point on scene.tif"),
    ("clicks on no map", SCENE, vector("clicks.gpkg", [shapely.Point(FAR, 0)]),
     "clicks.gpkg: feature 1 lies at (1e+300, 0), which is on no map"),
    ("metres said to be degrees", SCENE, vector("clicks.gpkg", [HERE], crs="EPSG:4326"),
     "cannot be moved from EPSG:4326 to EPSG:32632"),
    ("a click's label of 2", SCENE, vector("clicks.gpkg", [HERE], label=[2]),
     "clicks.gpkg: feature 1 has label 2, expected 1 (on"),
    ("GeoJSON that is none", "predict scene.tif --points c.geojson --output out --side 128",
     holds("c.geojson", "[1]"), "c.geojson is no vector file of points"),
    ("points for polygons", POLYGONS, vector("roofs.gpkg", [HERE]), "expected polygons"),
    ("roofs cut short", MAP_BOXES, cut("roofs.gpkg"), "roofs.gpkg cannot be read"),
    ("roofs on no map", MAP_BOXES, vector("roofs.gpkg", [shapely.box(0, 0, FAR, FAR)]),
     "roofs.gpkg: feature 1 lies at (1e+300, 0), which is on no map"),
]  # fmt: skip

CLICKS = [
    ("a table of 0 bytes", CONVERT, empty("clicks.csv"), "clicks.csv is empty"),
    ("a table without clicks", CONVERT, holds("clicks.csv", "image,x,y\n"), "holds no clicks"),
    ("other columns", CONVERT, holds("clicks.csv", "a,b\n1,2\n"), "has the columns a, b"),
    ("another delimiter", CONVERT, holds("clicks.csv", "image|x|y\n1.jpg|3|4\n"), "expected image"),
    ("a line too short", CONVERT, holds("clicks.csv", "image,x,y\n1.jpg,3\n"),
     "clicks.csv: line 2 has 2 values for 3 columns"),
    ("a number as text", CONVERT, holds("clicks.csv", "image,x,y\n1.jpg,a,4\n"),
     "clicks.csv: line 2: 'a' is not a number"),
    ("a table in Latin-1", CONVERT,
     holds("clicks.csv", "image,x,y,class\n1.jpg,3,4,dépôt\n".encode("latin-1")),
     "clicks.csv is not text in UTF-8 (at byte 27): save it as UTF-8"),
    ("a cell without an end", CONVERT, holds("clicks.csv", 'image,x,y\n1.jpg,"3,4\n'),
     "clicks.csv: line 2 cannot be read"),
    ("a click off its image", CONVERT, holds("clicks.csv", "image,x,y\n1.jpg,500,4\n"),
     "clicks.csv: line 2: point (500, 4) is off 1.jpg, which is 96 x 80 px"),
    ("a click's image in another case", CONVERT, holds("clicks.csv", "image,x,y\n1.JPG,3,4\n"),
     "no image images/1.JPG: there is 1.jpg"),
    ("degrees without a map", CONVERT, DEGREES_FILE, "is in degrees, but images/1.jpg has no"),
    ("LabelMe without an image", "points convert labelme.json --output out.json",
     changed("labelme.json", lambda content: content.pop("imagePath")),
     "labelme.json is not as LabelMe writes it (it has no 'imagePath')"),
    ("LabelMe of no size", "points convert labelme.json --output out.json",
     changed("labelme.json", lambda content: content.update(imageHeight=-4)),
     "1.jpg is said to be 96 x -4 px"),
    ("Label Studio of numbers", "points convert studio.json --output out.json",
     holds("studio.json", [1]), "studio.json is not COCO JSON"),
    ("CVAT that is no XML", "points convert cvat.xml --output out.json", cut("cvat.xml"),
     "cvat.xml is not XML"),
    ("YOLO with letters", "points convert yolo --images images --output out.json",
     holds("yolo/1.txt", "0 a b c d\n"), "yolo/1.txt: line 1 is not numbers"),
    ("YOLO of no image", "points convert yolo --images images --output out.json",
     moved("yolo/1.txt", "yolo/7.txt"), "yolo/7.txt has no image 7.* in images"),
    ("NWPU of no class", "points convert nwpu --images images --output out.json",
     holds("nwpu/1.txt", "(1,2),(3,4),99\n"), "nwpu/1.txt: line 1 has class 99, known are 1 to 10"),
    ("points without a map to GeoJSON",
     "points convert points.json --images images --output out.geojson", None,
     "images/1.jpg has no coordinate system for GeoJSON"),
]  # fmt: skip

RASTERS_AND_BOXES = [
    ("labels of 0 bytes", LABELS, empty("labels/1.png"), "labels/1.png is not a label raster"),
    ("labels of another size", LABELS, picture("labels/1.png", "L", (5, 5)), "is 5 x 5 px"),
    ("an image without labels", LABELS, gone("labels/1.png"), "images/1.jpg has no label raster"),
    ("a label value unknown", LABELS,
     lambda: Image.fromarray(np.arange(80 * 96, dtype=np.uint8).reshape(80, 96)).save(
         "labels/1.png"),
     "labels/1.png holds the values [2, 3, 4, 5, 6] beside object=1: which class are they?"),
    ("labels of NaN", LABELS, raster("labels/1.png", np.full((1, 80, 96), NAN, np.float32)),
     "labels/1.png holds fractions or NaN"),
    ("labels of 16-bit colour", LABELS,
     lambda: save_deep_png(Path("labels/1.png"), np.full((80, 96, 3), 900)),
     "labels/1.png has 16-bit RGB pixels"),
    ("no WHU tree", WHU, None, "no WHU Building in WHU: looked for WHU/images/train"),
    ("a WHU split of nothing", WHU, lambda: Path("WHU/images/train").mkdir(parents=True),
     "no image folder WHU/images/train"),
    ("a box with letters", BOX_SCORES, holds("labelTxt/1.txt", "a b c d e f g h ship 0\n"),
     "labelTxt/1.txt, line 1: 'a b c d e f g h ship 0' is not eight numbers, a class"),
    ("a box without a class", BOX_SCORES, holds("labelTxt/1.txt", "1 2 3 4 5 6 7 8\n"),
     "is not eight numbers, a class and a difficulty"),
    ("a box at NaN", BOX_POINTS, holds("labelTxt/1.txt", "nan 2 3 4 5 6 7 8 ship 0\n"), "line 1"),
    ("boxes in no text", BOX_POINTS, holds("labelTxt/1.txt", b"\xff\xfa"), "is not text in UTF-8"),
    ("boxes of no image", BOX_POINTS, moved("labelTxt/1.txt", "labelTxt/9.txt"), "no image 9.*"),
    ("masks for boxes", "boxes evaluate --truth labelTxt --boxes points.json", None,
     "points.json: annotation 10 is no box of four corners: make boxes of masks first"),
]  # fmt: skip

BAD_DATA = cases([*COCO, *PICTURES, *SCENES, *CLICKS, *RASTERS_AND_BOXES])
