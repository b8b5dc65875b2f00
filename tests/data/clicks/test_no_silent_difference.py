"""The same clicks in every form, order, case and place on the map are the same clicks."""

import json
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from rasterio.transform import from_origin
from rasterio.warp import transform

from pointsam.data.clicks.formats import read_clicks
from pointsam.data.clicks.writers import write_clicks

WIDTH, HEIGHT = 40, 30
CORNERS = {"a.tif": (500_000.0, 5_500_000.0), "b.tif": (500_100.0, 5_500_000.0)}
UTM = "EPSG:32632"


@dataclass(frozen=True)
class Object:
    """Clicks of one object, in pixels of its image."""

    image: str
    category: str
    number: int
    clicks: tuple[tuple[float, float, int], ...]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    for name, corner in CORNERS.items():
        profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "crs": UTM}
        shape = {"height": HEIGHT, "width": WIDTH, "transform": from_origin(*corner, 1, 1)}
        with rasterio.open(folder / name, "w", **profile, **shape) as out:
            out.write(np.zeros((3, HEIGHT, WIDTH), np.uint8))
    return folder


quarters = st.tuples(
    st.integers(2, 4 * (WIDTH - 1) - 2).map(lambda n: n / 4),
    st.integers(2, 4 * (HEIGHT - 1) - 2).map(lambda n: n / 4),
)


@st.composite
def drawn_objects(draw):
    """Draw objects of two images; each begins with a click on it, and no two share a place."""
    places = iter(draw(st.lists(quarters, min_size=9, max_size=9, unique=True)))
    objects = []
    for number in draw(st.lists(st.integers(1, 99), min_size=1, max_size=3, unique=True)):
        labels = [1, *draw(st.lists(st.integers(0, 1), max_size=2))]
        clicks = tuple((*next(places), label) for label in labels)
        category = draw(st.sampled_from(["ship", "Ship", "tank 2", "=roof", "大"]))
        objects.append(Object(draw(st.sampled_from([*CORNERS])), category, number, clicks))
    return objects


def rows_of(objects, random):
    """List the clicks one by one in any order, but the first of each object before its others."""
    rows = [(one, click) for one in objects for click in one.clicks[1:]]
    firsts = [(one, one.clicks[0]) for one in objects]
    random.shuffle(rows), random.shuffle(firsts)
    return [*firsts, *rows]


def named(one, click, random):
    """Name the class of a click, where background has no label of its own."""
    return one.category if click[2] else random.choice(["background", "Background", "BACKGROUND"])


def on_map(one, click, crs=UTM):
    x, y = CORNERS[one.image][0] + click[0] + 0.5, CORNERS[one.image][1] - click[1] - 0.5
    [across], [down] = transform(UTM, crs, [x], [y])
    return across, down


def table(folder, objects, random):
    places = random.choice(["x,y", "lon,lat", "map_x,map_y"])
    lines = [f"image,{places},label,class,instance"]
    for one, click in rows_of(objects, random):
        place = {"x,y": click[:2], "lon,lat": on_map(one, click, "EPSG:4326"),
                 "map_x,map_y": on_map(one, click)}[places]  # fmt: skip
        ending = f"{click[2]},{one.category.replace('=', chr(39) + '=')},{one.number}"
        lines.append(f"{one.image},{place[0]!r},{place[1]!r},{ending}")
    return text(folder / "a.csv", "\n".join(lines))


def vector(folder, objects, random):
    crs = random.choice([UTM, "EPSG:4326", "EPSG:3857", "EPSG:25833"])
    ending, driver = random.choice([("gpkg", "GPKG"), ("fgb", "FlatGeobuf"),
                                    ("shp", "ESRI Shapefile"), ("geojson", "GeoJSON")])  # fmt: skip
    rows = rows_of(objects, random)
    crs = "EPSG:4326" if ending == "geojson" else crs
    path = folder / f"a.{ending}"
    pyogrio.raw.write(
        path,
        np.array([shapely.to_wkb(shapely.Point(on_map(*row, crs))) for row in rows], dtype=object),
        [np.array([click[2] for _, click in rows]),
         np.array([one.category for one, _ in rows], dtype=object),
         np.array([one.number for one, _ in rows])],
        ["Label", "CLASS", "instance"], geometry_type="Point", crs=crs, driver=driver,
        encoding="UTF-8",
    )  # fmt: skip
    return path


def labelme(folder, objects, random):
    for image in {one.image for one in objects}:
        shapes = [
            {"label": named(one, click, random), "shape_type": "point", "group_id": one.number,
             "points": [[click[0] + 0.5, click[1] + 0.5]]}
            for one, click in rows_of(objects, random) if one.image == image
        ]  # fmt: skip
        content = {"imagePath": image, "imageHeight": HEIGHT, "imageWidth": WIDTH, "shapes": shapes}
        text(folder / "labels" / f"{image}.json", json.dumps(content))
    return folder / "labels"


def label_studio(folder, objects, random):
    tasks: dict[str, list] = {one.image: [] for one in objects}
    for number, (one, click) in enumerate(rows_of(objects, random)):
        place = {"x": (click[0] + 0.5) / WIDTH * 100, "y": (click[1] + 0.5) / HEIGHT * 100}
        common = {"id": str(number), "original_width": WIDTH, "original_height": HEIGHT,
                  "to_name": "img"}  # fmt: skip
        tasks[one.image] += [
            {**common, "type": "keypointlabels", "from_name": "kp",
             "value": {**place, "keypointlabels": [named(one, click, random)]}},
            {**common, "type": "number", "from_name": "instance",
             "value": {**place, "number": one.number}},
        ]  # fmt: skip
    content = [{"id": n, "data": {"img": f"/data/upload/1/0a1b2c3d-{image}"},
                "annotations": [{"result": result}]}
               for n, (image, result) in enumerate(tasks.items())]  # fmt: skip
    return text(folder / "a.json", json.dumps(content))


def via(folder, objects, random):
    entries: dict[str, dict] = {
        f"{one.image}1": {"filename": one.image, "size": 1, "regions": []} for one in objects
    }
    for one, click in rows_of(objects, random):
        shape = {"name": "point", "cx": click[0] + 0.5, "cy": click[1] + 0.5}
        attributes = {"class": named(one, click, random), "instance": str(one.number)}
        entries[f"{one.image}1"]["regions"].append(
            {"shape_attributes": shape, "region_attributes": attributes}
        )
    return text(folder / "a.json", json.dumps(entries))


def cvat(folder, objects, random):
    images: dict[str, list[str]] = {one.image: [] for one in objects}
    for one, click in rows_of(objects, random):
        images[one.image].append(
            f'<points label="{named(one, click, random)}" points="{click[0] + 0.5},'
            f'{click[1] + 0.5}"><attribute name="instance">{one.number}</attribute></points>'
        )
    inner = "".join(
        f'<image id="{n}" name="{image}" width="{WIDTH}" height="{HEIGHT}">'
        f"{''.join(points)}</image>"
        for n, (image, points) in enumerate(images.items())
    )
    return text(folder / "a.xml", f"<annotations>{inner}</annotations>")


def supervisely(folder, objects, random):
    for image in {one.image for one in objects}:
        figures = [
            {"geometryType": "point", "classTitle": named(one, click, random),
             "tags": [{"name": "instance", "value": one.number}],
             "points": {"exterior": [list(click[:2])], "interior": []}}
            for one, click in rows_of(objects, random) if one.image == image
        ]  # fmt: skip
        content = {"size": {"height": HEIGHT, "width": WIDTH}, "objects": figures}
        text(folder / "ann" / f"{image}.json", json.dumps(content))
    return folder / "ann"


def point_file(folder, objects, random):
    names = sorted({one.category for one in objects})
    shuffled = random.sample([*CORNERS], 2)
    images = {image: n for n, image in enumerate(shuffled, start=random.randint(1, 9))}
    entries = [
        {"id": one.number, "image_id": images[one.image], "category_id": names.index(one.category),
         "points": [list(click) for click in one.clicks]}
        for one in random.sample(objects, len(objects))
    ]  # fmt: skip
    content = {
        "images": [{"id": n, "file_name": image, "height": HEIGHT, "width": WIDTH}
                   for image, n in images.items()],
        "categories": [{"id": n, "name": name} for n, name in enumerate(names)],
        "annotations": entries,
    }  # fmt: skip
    return text(folder / "a.json", json.dumps(content))


def text(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


WRITERS = [table, vector, labelme, label_studio, via, cvat, supervisely, point_file]


def meant(objects):
    """Say what every form must give, with places to a thousandth of a pixel."""
    return sorted(
        (one.image, one.number, one.category,
         sorted((round(x, 3), round(y, 3), label) for x, y, label in one.clicks))
        for one in objects
    )  # fmt: skip


def given_by(data):
    return sorted(
        (image.file_name, one.id, one.category,
         sorted((round(x, 3) + 0.0, round(y, 3) + 0.0, label) for x, y, label in one.points))
        for image in data.images for one in image.instances
    )  # fmt: skip


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
@settings(max_examples=12)
@given(objects=drawn_objects(), seed=st.integers(0, 2**16))
def test_the_same_clicks_are_the_same_in_every_form(write, images, tmp_path_factory, objects, seed):
    folder = tmp_path_factory.mktemp("form")
    data = read_clicks(write(folder, objects, Random(seed)), images=images)
    assert given_by(data) == meant(objects)
    assert not any(image.background_points for image in data.images)
    for ending in (".json", ".csv", ".geojson"):
        write_clicks(data, folder / f"copy{ending}", images=images)
        again = read_clicks(folder / f"copy{ending}", images=images)
        assert given_by(again) == meant(objects)


@settings(max_examples=12)
@given(objects=drawn_objects(), seed=st.integers(0, 2**16))
def test_images_of_one_base_name_stay_two(tmp_path_factory, objects, seed):
    folder: Path = tmp_path_factory.mktemp("form")
    names = {"a.tif": "north/1.png", "b.tif": "south/1.png"}
    lines = ["image,x,y,label,class,instance"]
    for one, (x, y, label) in rows_of(objects, Random(seed)):
        category = one.category.replace("=", "'=")
        lines.append(f"{names[one.image]},{x},{y},{label},{category},{one.number}")
    for name in names.values():
        (folder / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (WIDTH, HEIGHT)).save(folder / "images" / name)
    data = read_clicks(text(folder / "a.csv", "\n".join(lines)), images=folder / "images")
    assert [(names[image], *rest) for image, *rest in meant(objects)] == given_by(data)
