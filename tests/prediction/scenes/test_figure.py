import numpy as np
import pyogrio
import pytest
import shapely
from PIL import Image
from rasterio.warp import transform as transform_points
from tests.prediction.colour_model import write_scene

from pointsam.cli.main import main
from pointsam.data.rasters.scene import Scene, open_scene
from pointsam.data.rasters.scene_points import points_on_scene
from pointsam.data.records import ImageRecord, InstanceRecord
from pointsam.errors import InputError
from pointsam.prediction.scenes import figure as scene_figure
from pointsam.prediction.scenes.figure import (
    MAX_OBJECTS,
    draw_part,
    read_outlines,
    window_around,
    window_at,
)

BOXES = [(10, 20, 30, 50), (700, 600, 740, 620)]
"""``(x0, y0, x1, y1)`` in pixels of the file."""
IDS = [7, 9]
SIZE = (800, 900)


def on_map(shape):
    """Of `write_scene`: half a metre a pixel, rows downwards."""
    return shapely.transform(shape, lambda p: p * (0.5, -0.5) + (1000, 5000))


def write_shapes(path, shapes, *, crs="EPSG:32631", kind="Polygon", **fields):
    pyogrio.raw.write(
        str(path),
        np.array([shapely.to_wkb(shape) for shape in shapes], dtype=object),
        [np.array(values) for values in fields.values()],
        list(fields),
        geometry_type=kind,
        crs=crs,
        driver="GPKG",
    )
    return path


@pytest.fixture
def files(tmp_path):
    """A scene, its two objects as polygons, and a click on each and one beside the first."""
    shapes = [on_map(shapely.box(*box)) for box in BOXES]
    clicks = [on_map(shapely.Point(*place)) for place in ((20.5, 35.5), (720.5, 610.5), (40, 35))]
    write_shapes(
        tmp_path / "clicks.gpkg", clicks, kind="Point", instance=[7, 9, 7], label=[1, 1, 0]
    )
    return {
        "scene": write_scene(tmp_path / "scene.tif", BOXES, size=SIZE),
        "masks": write_shapes(tmp_path / "instances.gpkg", shapes, point_id=IDS),
        "points": tmp_path / "clicks.gpkg",
    }


@pytest.fixture
def scene(files):
    with open_scene(files["scene"]) as opened:
        yield opened


@pytest.fixture
def drawn(monkeypatch):
    """What was read and what was drawn, in order."""
    calls = []
    panel, read = scene_figure.draw_panel, Scene.read

    def record_panel(image, **given):
        calls.append(given)
        return panel(image, **given)

    def record_read(scene, window, *, shrink=1):
        calls.append((window, shrink))
        return read(scene, window, shrink=shrink)

    monkeypatch.setattr(scene_figure, "draw_panel", record_panel)
    monkeypatch.setattr(Scene, "read", record_read)
    return calls


def clicked(scene, places):
    """One object a click ``(id, x, y)``, an integer being the middle of a pixel."""
    instances = tuple(InstanceRecord(i, "tank", ((x, y, 1),)) for i, x, y in places)
    return points_on_scene(ImageRecord(1, "scene.tif", SIZE, instances), scene.grid)


def test_a_part_shows_its_own_objects_pixel_by_pixel(files, scene, drawn):
    outlines = read_outlines(files["masks"], scene)
    window = window_at((5, 10), (100, 60), scene)
    draw_part(scene, window, outlines, clicked(scene, [(9, 720, 610), (7, 20, 35)]))
    read, ground, found = drawn
    assert read == (window, 1)
    expected = np.zeros((1, 60, 100), dtype=bool)
    expected[0, 10:40, 5:25] = True
    assert (found["masks"] == expected).all()
    assert found["points"].tolist() == [[[15, 25]]]
    assert found["labels"].tolist() == [[1]]
    assert found["title"] == "1 object"
    assert ground["metres_per_pixel"] == pytest.approx(0.5, rel=0.02)
    assert ground["title"] == "scene.tif, column 5, row 10, 100 x 60 px"
    assert "masks" not in ground


def test_a_large_part_is_averaged_down(files, tmp_path, drawn):
    # 1290 px: every second pixel's worth is shown, and 1291 lose their last one.
    box = (100, 200, 300, 260)
    masks = write_shapes(tmp_path / "large.gpkg", [on_map(shapely.box(*box))])
    path = write_scene(tmp_path / "large.tif", [box], size=(900, 1291))
    with open_scene(path) as scene:
        draw_part(scene, scene.grid.whole, read_outlines(masks, scene), None)
    (window, shrink), ground, found = drawn
    assert (window.width, window.height, shrink) == (1290, 900, 2)
    rows, columns = np.nonzero(found["masks"][0])
    assert (rows.min(), rows.max() + 1) == (100, 130)
    assert (columns.min(), columns.max() + 1) == (50, 150)
    assert ground["metres_per_pixel"] == pytest.approx(1.0, rel=0.02)


def test_clicks_without_a_mask_keep_their_colour(files, scene, drawn):
    outlines = read_outlines(files["masks"], scene)
    points = clicked(scene, [(8, 60, 30), (7, 20, 35)])
    draw_part(scene, window_at((0, 0), (100, 100), scene), outlines, points)
    found = drawn[-1]
    assert found["masks"].any(axis=(1, 2)).tolist() == [True, False]
    assert found["points"].tolist() == [[[20, 35]], [[60, 30]]]


def test_ground_without_objects_is_drawn(files, scene, drawn):
    outlines = read_outlines(files["masks"], scene)
    points = clicked(scene, [(7, 20, 35)])
    for given in (None, points):
        draw_part(scene, window_at((300, 300), (100, 100), scene), outlines, given)
        assert drawn[-1]["masks"].shape == (0, 100, 100)
        assert drawn[-1]["title"] == "0 objects"


def test_outlines_in_degrees_lie_on_the_same_pixels(files, scene, tmp_path):
    def to_degrees(places):
        moved = transform_points("EPSG:32631", "EPSG:4326", *places.T.tolist())
        return np.stack([np.array(values) for values in moved], axis=1)

    shapes = [shapely.transform(on_map(shapely.box(*box)), to_degrees) for box in BOXES]
    path = write_shapes(tmp_path / "degrees.gpkg", shapes, crs="EPSG:4326", name=["a", "b"])
    outlines = read_outlines(path, scene)
    corner = (scene.grid.x, scene.grid.y) * 2
    for shape, box in zip(outlines.shapes, BOXES, strict=True):
        np.testing.assert_allclose(np.subtract(shape.bounds, corner), box, atol=1e-3)
    assert outlines.ids == (None, None)


def test_a_window_ends_where_the_scene_does(scene):
    window = window_at((-10, 750), (100, 100), scene)
    assert window.box == (2000, -10000 + 750, 2000 + 90, -10000 + 800)
    with pytest.raises(InputError, match=r"column 900, row 0 shows nothing of .* \(900 x 800 px\)"):
        window_at((900, 0), (10, 10), scene)


def test_a_view_around_an_object_has_it_in_the_middle(files, scene):
    outlines = read_outlines(files["masks"], scene)
    x0, y0, x1, y1 = window_around(9, outlines, None, scene).box
    assert (x0 + x1) / 2 - scene.grid.x == 720
    assert (x1 - x0, y1 - y0) == (256, 256)
    far = clicked(scene, [(9, 500, 610)])
    assert window_around(9, outlines, far, scene).width == 640  # of 720: the scene ends there
    with pytest.raises(InputError, match="has the id 8"):
        window_around(8, outlines, far, scene)


def test_too_many_objects_are_refused(files, scene, tmp_path):
    boxes = [on_map(shapely.box(i, 0, i + 1, 1)) for i in range(MAX_OBJECTS + 1)]
    outlines = read_outlines(write_shapes(tmp_path / "many.gpkg", boxes), scene)
    with pytest.raises(InputError, match="shows 257 objects, more than 256"):
        draw_part(scene, scene.grid.whole, outlines, None)


def test_the_command_draws_a_part_and_says_what_it_cannot(files, tmp_path, capsys):
    asked = ["figure", "--scene", str(files["scene"]), "--masks", str(files["masks"])]
    points = ["--points", str(files["points"])]
    out = ["-o", str(tmp_path / "part.png")]
    window = ["--window", "0,0,100,100"]
    assert main([*asked, *points, *window, *out]) == 0
    with Image.open(tmp_path / "part.png") as picture:
        assert picture.width == 2 * 640 + 10
    assert main([*asked, "--around", "9", "-o", str(tmp_path / "other.png")]) == 0
    other = ["-o", str(tmp_path / "a.png")]
    refused = {
        "exists already": [*asked, *window, *out],
        "give --window X,Y,W,H or --around": [*asked, *other],
        "goes with --masks": [*asked[:3], *window, *other],
        "--skip-broken: for --images alone": [*asked, *window, "--skip-broken", *other],
        "is one .png file": [*asked, *window, "-o", str(tmp_path / "a")],
        "no file of polygons": [*asked[:4], str(tmp_path / "none.gpkg"), *window, *other],
        "give --images DIR and --points FILE, or --scene": ["figure", *points, *other],
        "--window: for --scene alone": ["figure", "--images", ".", *points, *window, *other],
        "width and height are at least 1": [*asked, "--window", "0,0,0,5", *other],
    }
    for message, arguments in refused.items():
        try:
            status = main(arguments)
        except SystemExit as stopped:  # argparse
            status = stopped.code
        assert status == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize("ids", [[7.0, 9.0], ["7", "9"], ["7", "b"]])
def test_ids_are_numbers_however_the_field_holds_them(scene, tmp_path, ids):
    shapes = [on_map(shapely.box(*box)) for box in BOXES]
    values = np.array(ids, dtype=object) if isinstance(ids[0], str) else ids
    outlines = read_outlines(write_shapes(tmp_path / "other.gpkg", shapes, point_id=values), scene)
    assert outlines.ids == (7, None if ids[1] == "b" else 9)
    assert window_around(7, outlines, None, scene).width > 0
