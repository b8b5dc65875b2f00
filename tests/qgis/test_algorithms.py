"""Every algorithm by ``qgis_process``, as a user without a window runs them."""

import json
import re
import subprocess
import sys
from configparser import ConfigParser
from contextlib import contextmanager

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin
from tests.qgis.plugin_files import QGIS_PROCESS, qgis_environment

pytestmark = pytest.mark.skipif(
    not QGIS_PROCESS.exists(), reason="needs QGIS (Debian's qgis and python3-qgis)"
)

PLACES = [(40, 40), (120, 60), (220, 50), (60, 160), (160, 170), (240, 240)]
"""Upper left corners of six roofs of 40 by 30 pixels."""
PIXEL = 0.5
LEFT, TOP = 500_000, 5_400_000


@pytest.fixture(scope="module")
def qgis(tmp_path_factory):
    """Give a function that runs an algorithm, and the folder that QGIS keeps things in."""
    folder = tmp_path_factory.mktemp("qgis äö")
    variables = qgis_environment(folder)

    def run(*given, check=True, path=None, **inputs):
        answer = subprocess.run(
            [QGIS_PROCESS, *given, *(["--"] if inputs else []),
             *(f"{name}={value}" for name, value in inputs.items())],
            env=variables if path is None else {**variables, "PATH": path},
            capture_output=True,
            text=True,
            timeout=500,
        )  # fmt: skip
        said = answer.stdout + answer.stderr
        assert not check or answer.returncode == 0, said
        return said

    @contextmanager
    def option(key, value):
        """Let an option of the user's profile have a value inside the block."""
        path = folder / "profiles" / "default" / "QGIS" / "QGIS3.ini"
        before = path.read_text()
        kept = ConfigParser(interpolation=None)
        kept.optionxform = str
        kept.read(path)
        section, _, name = key.partition("/")
        if not kept.has_section(section):
            kept.add_section(section)
        kept.set(section, name.replace("/", "\\"), str(value))
        with path.open("w") as file:
            kept.write(file, space_around_delimiters=False)
        yield
        path.write_text(before)

    run.option = option
    run("plugins", "enable", "pointsam")
    return run


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scene mit Leerzeichen")
    noise = np.random.default_rng(0).integers(0, 12, (3, 300, 300))
    pixels = (90 + noise).astype(np.uint8)
    for number, (x, y) in enumerate(PLACES):
        colour = (200, 60, 50) if number % 2 else (40, 60, 220)
        pixels[:, y : y + 30, x : x + 40] = np.array(colour)[:, None, None]
    path = folder / "scene.tif"
    profile = {"driver": "GTiff", "height": 300, "width": 300, "count": 3, "dtype": "uint8"}
    place = {"crs": "EPSG:32632", "transform": from_origin(LEFT, TOP, PIXEL, PIXEL)}
    with rasterio.open(path, "w", **profile, **place) as file:
        file.write(pixels)
    with rasterio.open(
        folder / "nowhere.tif", "w", **profile, transform=place["transform"]
    ) as file:
        file.write(pixels)
    clicks = [
        {
            "type": "Feature",
            "properties": {"kind": "red" if number % 2 else "blue"},
            "geometry": {"type": "Point", "coordinates": middle(x, y)},
        }
        for number, (x, y) in enumerate(PLACES)
    ]
    write(folder / "clicks.geojson", clicks)
    write(folder / "nothing.geojson", [])
    return folder


def middle(x, y):
    return [LEFT + PIXEL * (x + 20), TOP - PIXEL * (y + 15)]


def write(path, features):
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32632"}}
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}))


def read(path):
    """Give a layer's shapes and its values by field."""
    meta, _, shapes, values = pyogrio.raw.read(path)
    return shapely.from_wkb(shapes), dict(zip(meta["fields"], values, strict=True))


def clicks_with(scene, **names):
    """Give the clicks with a field under another name."""
    features = json.loads((scene / "clicks.geojson").read_text())["features"]
    return [
        {**one, "properties": {new: one["properties"][old] for new, old in names.items()}}
        for one in features
    ]


def test_clicked_objects_are_those_of_the_command_line(qgis, scene, tmp_path):
    out, instances = tmp_path / "out.gpkg", tmp_path / "instances.tif"
    qgis(
        "run", "pointsam:segmentclicked", RASTER=scene / "scene.tif",
        POINTS=scene / "clicks.geojson", CLASS_FIELD="kind", OUTPUT=out, INSTANCES=instances,
    )  # fmt: skip
    shapes, values = read(out)
    write(tmp_path / "named.geojson", clicks_with(scene, **{"class": "kind"}))
    command = [sys.executable, "-m", "pointsam", "predict", scene / "scene.tif"]
    subprocess.run(
        [*command, "--points", tmp_path / "named.geojson", "--output", tmp_path / "own"],
        check=True,
        capture_output=True,
    )
    own, own_values = read(tmp_path / "own" / "instances.gpkg")
    assert sorted(values["class"]) == ["blue"] * 3 + ["red"] * 3
    assert sorted(values["class"]) == sorted(own_values["class"])
    apart = shapely.symmetric_difference(shapely.union_all(shapes), shapely.union_all(own))
    assert shapely.area(apart) < 1e-6
    with rasterio.open(instances) as file:
        assert np.unique(file.read(1)).tolist() == list(range(7))


def test_the_clicks_are_checked_as_the_command_line_does(qgis, scene, tmp_path):
    features = json.loads((scene / "clicks.geojson").read_text())["features"]
    beside = {**features[0], "geometry": {"type": "Point", "coordinates": [LEFT - 9, TOP]}}
    write(tmp_path / "more.geojson", [*features, features[1], beside])
    said = qgis(
        "run", "pointsam:check", RASTER=scene / "scene.tif", POINTS=tmp_path / "more.geojson",
        CLASS_FIELD="kind",
    )  # fmt: skip
    for part in (
        "8 clicks, 8 objects",
        "categories: blue 4, red 4",
        "object 8 (blue) is clicked at (499991, 5400000), off the scene",
        "instances 2 and 7 of scene.tif are clicked at one place",
    ):
        assert part in said
    assert re.search(r"^NOTES:\s+2$", said, re.MULTILINE)
    assert re.search(r"^FAULTS:\s+0$", said, re.MULTILINE)


def test_clicks_of_another_place_are_a_fault_of_the_check(qgis, scene, tmp_path):
    place = {"type": "Point", "coordinates": [LEFT - 900, TOP]}
    write(tmp_path / "far.geojson", [{"type": "Feature", "properties": {}, "geometry": place}])
    said = qgis(
        "run", "pointsam:check", RASTER=scene / "scene.tif", POINTS=tmp_path / "far.geojson"
    )
    assert re.search(r"^FAULTS:\s+1$", said, re.MULTILINE)
    assert "are the points of this scene?" in said


def test_the_model_goes_from_clicks_to_polygons(qgis, scene, tmp_path):
    adapter, found = tmp_path / "adapter", tmp_path / "found.gpkg"
    given = {"RASTER": scene / "scene.tif", "POINTS": scene / "clicks.geojson", "EPOCHS": 1}
    outputs = {"adapt:Adapter": adapter, "segmentclicked:Polygons": found}
    qgis("run", "pointsam:clicks_to_polygons", **given, CLASS_FIELD="kind", **outputs)
    assert (adapter / "adapter_model.safetensors").is_file()
    _, values = read(found)
    assert sorted(values["class"]) == ["blue"] * 3 + ["red"] * 3
    assert set(values["adapter"]) == {"adapter"}


def test_the_command_of_the_options_is_run(qgis, scene, tmp_path):
    given = {"RASTER": scene / "scene.tif", "POINTS": scene / "clicks.geojson"}
    command = tmp_path / "own command"
    command.write_text("#!/bin/sh\necho pointsam 0.0.5\n")
    command.chmod(0o755)
    with qgis.option("Processing/Configuration/POINTSAM_COMMAND", command):
        said = qgis("run", "pointsam:check", **given, check=False)
    assert f"{command} is pointsam 0.0.5" in said


def test_an_extent_limits_the_work(qgis, scene, tmp_path):
    out = tmp_path / "out.gpkg"
    right, bottom = LEFT + 110 * PIXEL, TOP - 110 * PIXEL
    qgis(
        "run", "pointsam:segmentclicked", RASTER=scene / "scene.tif",
        POINTS=scene / "clicks.geojson", OUTPUT=out,
        EXTENT=f"{LEFT},{right},{bottom},{TOP} [EPSG:32632]",
    )  # fmt: skip
    shapes, _ = read(out)
    assert len(shapes) == 1
    x, y = PLACES[0]
    assert shapely.covers(shapes[0], shapely.Point(*middle(x, y)))


def test_adapt_then_segment_alike_then_boxes_and_scores(qgis, scene, tmp_path):
    adapter, found, boxes = tmp_path / "adapter", tmp_path / "found.gpkg", tmp_path / "boxes.gpkg"
    raster, clicks = scene / "scene.tif", scene / "clicks.geojson"
    inputs = {"RASTER": raster, "POINTS": clicks, "CLASS_FIELD": "kind"}
    qgis("run", "pointsam:adapt", **inputs, EPOCHS=1, THREADS=1, OUTPUT=adapter)
    assert (adapter / "adapter_model.safetensors").is_file()
    said = qgis(
        "run", "pointsam:segmentalike", RASTER=raster, GRID=16, ADAPTER=adapter, OUTPUT=found
    )
    assert "base_hash" in said  # the adapter's card is shown
    shapes, _ = read(found)
    assert len(shapes)
    qgis("run", "pointsam:boxes", POLYGONS=found, OUTPUT=boxes)
    around, _ = read(boxes)
    assert len(around) == len(shapes)
    scores = qgis("run", "pointsam:score", FOUND=found, TRUTH=found)
    assert re.search(r"^IOU:\s+1$", scores, re.MULTILINE)


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"CLASS_FIELD": "sort"}, "has no field 'sort' (its fields: kind)"),
        ({"POINTS": "nothing.geojson"}, "has no point: click some objects first"),
        ({"RASTER": "nowhere.tif"}, "has no coordinate reference system: set it"),
        ({"POINTS": "areas.geojson"}, "holds Polygon, not points: choose a point layer"),
        ({"ADAPTER": "no-such-adapter"}, "no-such-adapter"),
    ],
)
def test_bad_input_is_one_clear_message(qgis, scene, tmp_path, inputs, says):
    square = [[[LEFT, TOP], [LEFT + 9, TOP], [LEFT + 9, TOP - 9], [LEFT, TOP]]]
    area = {"type": "Polygon", "coordinates": square}
    write(scene / "areas.geojson", [{"type": "Feature", "properties": {}, "geometry": area}])
    given = {"RASTER": "scene.tif", "POINTS": "clicks.geojson", **inputs}
    for name in ("RASTER", "POINTS"):
        given[name] = scene / given[name]
    out = tmp_path / "out.gpkg"
    said = qgis("run", "pointsam:segmentclicked", **given, OUTPUT=out, check=False)
    assert says in said
    assert "Traceback" not in said
    assert not out.exists()


def test_a_command_that_is_missing_or_too_old_is_told(qgis, scene, tmp_path):
    given = {"RASTER": scene / "scene.tif", "POINTS": scene / "clicks.geojson"}
    given |= {"OUTPUT": tmp_path / "out.gpkg", "check": False}
    path = f"{tmp_path}:/usr/bin:/bin"
    said = qgis("run", "pointsam:segmentclicked", **given, path=path)
    assert "run the algorithm 'Install pointsam'" in said
    old = tmp_path / "pointsam"
    old.write_text("#!/bin/sh\necho pointsam 0.0.9\n")
    old.chmod(0o755)
    said = qgis("run", "pointsam:segmentclicked", **given, path=path)
    assert "pointsam 0.0.9, this plugin works with 0.1.0 up to" in said


def test_nothing_is_installed_or_removed_without_a_yes(qgis):
    assert "nothing was installed" in qgis("run", "pointsam:install", AGREED=0, check=False)
    assert "nothing was installed" in qgis("run", "pointsam:update", AGREED=0, check=False)
    assert "nothing to update in" in qgis("run", "pointsam:update", AGREED=1, check=False)
    assert "nothing was removed" in qgis("run", "pointsam:remove", AGREED=0, check=False)
