import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from pointsam.data.coco.annotations import read_coco
from pointsam.data.dataset import draw_masks
from pointsam.data.prepare.chips import Outlined, cut_chips, read_polygons
from pointsam.data.rasters.images import read_image
from pointsam.errors import InputError

CORNER = (500_000, 5_500_000)
SIZE = (50, 70)


@pytest.fixture
def scene(tmp_path):
    """A raster of 2 m pixels whose values say where they are."""
    values = np.arange(50 * 70, dtype=np.uint16).reshape(1, *SIZE) % 251
    profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "height": 50, "width": 70}
    with rasterio.open(
        tmp_path / "scene.tif",
        "w",
        crs="EPSG:32632",
        transform=from_origin(*CORNER, 2, 2),
        **profile,
    ) as out:
        out.write(values.astype(np.uint8).repeat(3, axis=0))
    return tmp_path / "scene.tif"


def on_map(shape):
    """From pixels to the scene's map."""
    return shapely.transform(shape, lambda p: np.array(CORNER) + p * (2, -2))


def save(path, shapes, crs="EPSG:32632", kind="Polygon", **fields):
    if crs not in (None, "EPSG:32632"):
        shapes = shapely.transform(
            np.array(shapes),
            lambda p: np.stack(rasterio.warp.transform("EPSG:32632", crs, *p.T), axis=1),
        )
    options = {"dataset_options": {"VERSION": "1.2"}} if path.suffix == ".gpkg" else {}
    pyogrio.raw.write(
        str(path), np.array(shapely.to_wkb(shapes), dtype=object),
        [np.array(v, dtype=object) for v in fields.values()], list(fields),
        geometry_type=kind, crs=crs, **options,
    )  # fmt: skip
    return path


RING = shapely.Polygon([(5, 5), (15, 5), (15, 15), (5, 15)], [[(8, 8), (12, 8), (12, 12), (8, 12)]])
WIDE = shapely.box(20, 30, 60, 34)


@pytest.mark.parametrize(("name", "crs"), [("p.gpkg", "EPSG:3857"), ("p.geojson", "EPSG:4326"),
                                           ("p.shp", "EPSG:32632")])  # fmt: skip
def test_polygons_of_any_system_come_to_pixels(tmp_path, scene, name, crs):
    path = save(tmp_path / name, [on_map(RING), on_map(WIDE)], crs, Class=["roof", None])
    outlined = read_polygons(path, scene, category="object")
    assert outlined.categories == ["roof", "object"]
    for shape, expected in zip(outlined.shapes, (RING, WIDE), strict=True):
        assert shape.symmetric_difference(expected).area < 1e-3


def test_chips_cover_the_scene_and_each_holds_its_part(tmp_path, scene):
    outlined = Outlined(np.array([RING, WIDE]), ["roof", "quay"])
    paths = list(cut_chips(scene, outlined, tmp_path / "out", side=32, overlap=8))
    assert [p.name for p in paths] == [
        f"scene_{top}_{left}.tif" for top in (0, 18) for left in (0, 24, 38)
    ]  # fmt: skip
    data = read_coco(tmp_path / "out/masks.json")
    whole = read_image(scene)
    union = np.zeros((2, *SIZE), dtype=bool)
    for path, record, masks in zip(paths, data.images, draw_masks(data.images), strict=True):
        top, left = map(int, path.stem.split("_")[1:])
        assert record.size == (32, 32)
        assert np.array_equal(read_image(path), whole[top : top + 32, left : left + 32])
        for instance, mask in zip(record.instances, masks.numpy(), strict=True):
            union[int(instance.category == "quay"), top : top + 32, left : left + 32] |= mask
        with rasterio.open(path) as chip:
            assert chip.transform.c == CORNER[0] + 2 * left
            assert chip.transform.f == CORNER[1] - 2 * top
    assert union[0].sum() == 100 - 16
    assert union[1].sum() == 160
    assert union[1, 30:34, 20:60].all()


def test_a_small_scene_is_one_chip(tmp_path, scene):
    nothing = Outlined(np.array([], dtype=object), [])
    [path] = cut_chips(scene, nothing, tmp_path / "out", side=512, overlap=0)
    data = read_coco(tmp_path / "out/masks.json")
    assert (path.name, data.images[0].size, data.instance_count) == ("scene_0_0.tif", SIZE, 0)


@pytest.mark.parametrize(
    "options", [{"NBITS": "4"}, {"photometric": "MINISWHITE"}, {}], ids=["bits", "white", "plain"]
)
def test_chips_keep_what_decides_how_they_look(tmp_path, options):
    values = np.arange(40 * 60, dtype=np.uint8).reshape(1, 40, 60) % 16
    place = {"crs": "EPSG:32632", "transform": from_origin(*CORNER, 2, 2)}
    shape = {"driver": "GTiff", "count": 1, "dtype": "uint8", "height": 40, "width": 60}
    seen = np.zeros((40, 60), dtype=bool)
    seen[:30] = True
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(tmp_path / "scene.tif", "w", **shape, **place, **options) as out,
    ):
        out.write(values)
        out.write_mask(seen)
        out.descriptions, out.units = ("nir",), ("reflectance",)
        out.scales, out.offsets = (0.5,), (3.0,)
    nothing = Outlined(np.array([], dtype=object), [])
    [path] = cut_chips(tmp_path / "scene.tif", nothing, tmp_path / "out", side=64, overlap=0)
    with rasterio.open(path) as chip, rasterio.open(tmp_path / "scene.tif") as whole:
        assert np.array_equal(chip.read(), values)
        assert np.array_equal(chip.dataset_mask() > 0, seen)
        for name in ("descriptions", "units", "scales", "offsets", "colorinterp"):
            assert getattr(chip, name) == getattr(whole, name)
        bits, white = (
            [one.tags(*band, ns="IMAGE_STRUCTURE").get(name) for one in (chip, whole)]
            for band, name in (((1,), "NBITS"), ((), "MINISWHITE"))
        )
        assert bits[0] == bits[1]
        assert white[0] == white[1]
    assert not list((tmp_path / "out/images").glob("*.msk"))


def test_specks_at_a_border_are_left_out(tmp_path, scene):
    outlined = Outlined(np.array([shapely.box(30, 0, 33, 10)]), ["roof"])
    for least, counts in ((1, [1, 1]), (15, [1, 0])):
        list(cut_chips(scene, outlined, tmp_path / f"{least}", side=32, overlap=0, min_area=least))
        images = read_coco(tmp_path / f"{least}/masks.json").images
        assert [len(images[i].instances) for i in (0, 1)] == counts


def test_what_is_wrong_is_said(tmp_path, scene):
    nothing = Outlined(np.array([], dtype=object), [])
    with pytest.raises(InputError, match="chips of 32 px cannot overlap by 32 px"):
        list(cut_chips(scene, nothing, tmp_path / "out", side=32, overlap=32))
    points = save(tmp_path / "points.gpkg", [shapely.Point(CORNER)], kind="Point")
    with pytest.raises(InputError, match="holds shapes of kind Point, expected polygons"):
        read_polygons(points, scene, category="object")
    (tmp_path / "no.gpkg").write_text("nothing")
    with pytest.raises(InputError, match=r"no\.gpkg is no vector file"):
        read_polygons(tmp_path / "no.gpkg", scene, category="object")
    with pytest.raises(FileNotFoundError, match="no file"):
        read_polygons(tmp_path / "nowhere.gpkg", scene, category="object")
    good = save(tmp_path / "p.gpkg", [on_map(RING)])
    (tmp_path / "bad.tif").write_text("nothing")
    with pytest.raises(InputError, match=r"bad\.tif is no raster"):
        read_polygons(good, tmp_path / "bad.tif", category="object")
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "height": 5, "width": 5}
    with rasterio.open(
        tmp_path / "plain.tif", "w", transform=from_origin(9, 9, 1, 1), **profile
    ) as o:
        o.write(np.zeros((1, 5, 5), dtype=np.uint8))
    with pytest.raises(InputError, match=r"plain\.tif has no coordinate system"):
        read_polygons(good, tmp_path / "plain.tif", category="object")
