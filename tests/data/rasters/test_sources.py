"""Addresses that the user types: GeoTIFFs and STAC items over HTTP, and map tiles."""

import io
import json
import pickle

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from PIL import Image
from tests.data.rasters.file_server import served
from tests.data.rasters.test_opening import PIXELS, PLACE

from pointsam.data.rasters.opening import open_raster
from pointsam.data.rasters.remote import Source, content_of
from pointsam.data.rasters.scene import open_scene
from pointsam.data.rasters.sources import Asked, is_address, source_of
from pointsam.data.rasters.tiles import MAX_TILES, tile_range
from pointsam.data.rasters.windows import Window
from pointsam.errors import InputError

AREA = (9.0, 51.0, 20.0, 55.0)
"""Degrees; at zoom 6 it touches the tiles 33 to 35, 20 to 21."""


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with served() as server:
        yield server


@pytest.fixture
def cog(tmp_path):
    values = np.arange(3 * 600 * 700, dtype=np.uint32).reshape(3, 600, 700) % 251
    shape = {"count": 3, "height": 600, "width": 700, "dtype": "uint8"}
    with rasterio.open(tmp_path / "plain.tif", "w", driver="GTiff", **shape, **PLACE) as out:
        out.write(values.astype("uint8"))
    rasterio.shutil.copy(tmp_path / "plain.tif", tmp_path / "cog.tif", driver="COG", blocksize=128)
    return tmp_path / "cog.tif"


def test_a_geotiff_is_read_in_parts_under_the_address_as_typed(server, cog):
    server.files["/a/scene.tif"] = cog.read_bytes()
    source = source_of(f"{server.address}/a/scene.tif?sig=S%2Fecret&v=2", Asked())
    assert source.name == "scene.tif"
    with open_scene(source) as scene, open_scene(cog) as local:
        assert scene.transform == local.transform
        window = Window(local.grid.x + 64, local.grid.y + 64, 128, 128)
        assert np.array_equal(scene.read(window), local.read(window))
    assert {path for path in server.asked if "tif" in path} == {"/a/scene.tif?sig=S%2Fecret&v=2"}
    assert all(agent.startswith("pointsam/") for agent in server.agents)


def test_a_signature_is_shown_to_nobody(server):
    source = source_of(f"{server.address}/gone.tif?sig=secret", Asked())
    with pytest.raises(InputError) as told, open_raster(source):
        pass
    assert "404" in str(told.value)
    assert f"{server.address}/gone.tif" in str(told.value)
    assert "secret" not in str(told.value) + str(source) + repr(source)


def test_a_server_that_is_silent_is_one_line():
    with pytest.raises(InputError, match=r"^http://127.0.0.1:9/a.tif is no raster that can be"):
        with open_raster(source_of("http://127.0.0.1:9/a.tif", Asked())):
            pass


def test_what_a_file_on_a_server_names_is_not_asked_for(server, tmp_path):
    server.files["/other.tif"] = b"II*\0"
    shape = {"count": 3, "height": 12, "width": 16, "dtype": "uint8"}
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", **shape, **PLACE) as out:
        out.write(PIXELS)
        out.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=f"/vsicurl/{server.address}/other.tif")
    server.files["/a.tif"] = (tmp_path / "a.tif").read_bytes()
    with pytest.raises(InputError), open_raster(source_of(f"{server.address}/a.tif", Asked())):
        pass
    assert set(server.asked) == {"/a.tif"}
    server.files["/m.tif"] = f"<VRTDataset><!--{server.address}/other.tif--></VRTDataset>".encode()
    with pytest.raises(InputError), open_raster(source_of(f"{server.address}/m.tif", Asked())):
        pass
    assert set(server.asked) == {"/a.tif", "/m.tif"}


def test_a_source_is_told_by_its_address_without_what_signs_it():
    def content(query):
        return content_of(source_of(f"https://host/a.tif?{query}", Asked()))

    assert content("id=1&X-Amz-Signature=a&sig=b") == content("id=1&X-Amz-Signature=c")
    assert content("id=1") != content("id=2")


def test_a_source_survives_a_pickle():
    source = source_of("https://host/a.tif?sig=1", Asked())
    again = pickle.loads(pickle.dumps(source))
    assert isinstance(again, Source)
    assert (again.opened, again.driver, str(again), again.name) == (
        "/vsicurl/https://host/a.tif?sig=1",
        "GTiff",
        "https://host/a.tif",
        "a.tif",
    )


def tile(path):
    """Colour each tile by where it is asked for; none at column 35."""
    z, x, y = map(int, path.split("?")[0].removesuffix(".png").strip("/").split("/"))
    if x == 35:
        return None
    content = io.BytesIO()
    Image.new("RGB", (256, 256), (z, x, y)).save(content, "PNG")
    return content.getvalue()


@pytest.mark.parametrize(
    ("template", "rows"),
    [
        ("{z}/{x}/{y}.png?key=a&b=1", (20, 21)),
        ("{z}/{x}/{-y}.png", (43, 42)),
        ("{TileMatrix}/{TileCol}/{TileRow}.png", (20, 21)),
    ],
)
def test_tiles_of_an_area_are_one_raster_fetched_once(server, template, rows):
    server.files["*"] = tile
    source = source_of(f"{server.address}/{template}", Asked(zoom=6, area=AREA))
    for _ in range(2):
        with open_raster(source) as raster:
            assert raster.crs.to_epsg() == 3857
            assert raster.shape == (512, 768)
            left, _, _, top = raster.bounds
            assert left == pytest.approx((33 / 32 - 1) * 20037508.34)
            assert top == pytest.approx((1 - 20 / 32) * 20037508.34)
            values = raster.read()
    assert values[:, 10, 10].tolist() == [6, 33, rows[0]]
    assert values[:, 300, 300].tolist() == [6, 34, rows[1]]
    assert values[:, 300, 600].tolist() == [0, 0, 0]
    seen = [path for path in server.asked if "/35/" not in path]
    assert len(seen) == len(set(seen)) == 4
    assert template.partition("?")[2] == seen[0].partition("?")[2]


def test_an_area_touches_the_tiles_that_arithmetic_says():
    assert tile_range(AREA, 6) == (33, 20, 35, 21)
    assert tile_range((-180, -85.05, 180, 85.05), 2) == (0, 0, 3, 3)
    with pytest.raises(InputError, match=f"at most {MAX_TILES} are asked for"):
        tile_range((0, 0, 40, 40), 12)


TEMPLATE = "https://host/{z}/{x}/{y}.png"


@pytest.mark.parametrize(
    ("text", "asked", "says"),
    [
        ("https://host/{x}/{y}.png", Asked(6, AREA), "no template of map tiles: it lacks {z}"),
        (TEMPLATE, Asked(), "need --zoom LEVEL and --area"),
        (TEMPLATE, Asked(30, AREA), "--zoom 30: give a level from 0 to 24"),
        (TEMPLATE, Asked(6, (20, 51, 9, 55)), "--area 20,51,9,55: give WEST,SOUTH,EAST,NORTH"),
        (TEMPLATE + "?{s}", Asked(6, AREA), "has other fields than {z}, {x} and {y}"),
        (TEMPLATE, Asked(6, AREA, "red"), "--asset: for STAC items alone"),
        ("https://host/a.tif", Asked(6), "--zoom: for templates of map tiles alone"),
        ("s3://bucket/a.tif", Asked(), "is not read: give http:// or https://"),
        ("/vsicurl/http://host/a.tif", Asked(), "is not read: give http:// or https://"),
        ("file:///etc/a.tif", Asked(), "is not read: give http:// or https://"),
    ],
)
def test_an_address_that_cannot_be_is_one_line(text, asked, says):
    assert is_address(text)
    with pytest.raises(InputError) as told:
        source_of(text, asked)
    assert says in str(told.value)


def item(server, **assets):
    content = {name: {"href": href, "type": "image/tiff"} for name, href in assets.items()}
    server.files["/items/one.json"] = json.dumps({"assets": content}).encode()
    return f"{server.address}/items/one.json"


def test_a_stac_item_gives_its_visual_asset_with_the_signature_as_it_is(server, cog):
    server.files["/items/v.tif"] = cog.read_bytes()
    address = item(server, red="r.tif", visual="./v.tif?sig=a%2Fb%3D")
    source = source_of(address, Asked())
    assert source.opened == f"/vsicurl/{server.address}/items/./v.tif?sig=a%2Fb%3D".replace(
        "./", ""
    )
    with open_raster(source) as raster:
        assert raster.shape == (600, 700)
    assert source_of(address, Asked(asset="red")).opened.endswith("/items/r.tif")


@pytest.mark.parametrize(
    ("assets", "asked", "says"),
    [
        ({"visual": "https://other/v.tif"}, Asked(), "on another host, other: allow it with"),
        ({"visual": "file:///etc/v.tif"}, Asked(), "only http and https addresses are read"),
        ({"visual": "s3://b/v.tif"}, Asked(), "only http and https addresses are read"),
        ({"red": "r.tif", "blue": "b.tif"}, Asked(), "has the assets red, blue: name one with"),
        ({"red": "r.tif"}, Asked(asset="green"), "has the assets red: name one with --asset"),
    ],
)
def test_an_item_leads_nowhere_else(server, assets, asked, says):
    with pytest.raises(InputError) as told:
        source_of(item(server, **assets), asked)
    assert says in str(told.value)


def test_a_host_that_is_allowed_may_hold_the_asset(server):
    address = item(server, visual="https://other/v.tif")
    assert source_of(address, Asked(hosts=["other"])).opened == "/vsicurl/https://other/v.tif"


@pytest.mark.parametrize("content", [b"{}", b"[1", b"[]", b'{"assets": 3}'])
def test_what_is_no_item_is_said(server, content):
    server.files["/one.json"] = content
    with pytest.raises(InputError, match="is no STAC item"):
        source_of(f"{server.address}/one.json", Asked())
    with pytest.raises(InputError, match="cannot be fetched"):
        source_of(f"{server.address}/gone.json", Asked())
