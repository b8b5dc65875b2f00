import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from pointsam.data.rasters import scene as rasters
from pointsam.data.rasters.scene import georeferenced, open_scene
from pointsam.data.rasters.stretching import NO_DATA, Stretch
from pointsam.data.rasters.windows import Window
from pointsam.errors import InputError


def _write(path, values, *, corner=(100.0, 200.0), **profile):
    """A raster with 0.5 m pixels; `values` is ``bands height width``."""
    bands, height, width = values.shape
    profile = {"driver": "GTiff", "dtype": values.dtype, "crs": "EPSG:32631", **profile}
    with rasterio.open(
        path,
        "w",
        count=bands,
        height=height,
        width=width,
        transform=from_origin(*corner, 0.5, 0.5),
        **profile,
    ) as dataset:
        dataset.write(values)
    return path


def _noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def test_a_window_over_the_border_is_blank_outside(tmp_path):
    values = _noise(3, 20, 30)
    with open_scene(_write(tmp_path / "a.tif", values)) as scene:
        assert scene.grid.box == (200, -400, 230, -380)
        shown = scene.read(Window(195, -405, 16, 16))
        assert (shown[:5] == NO_DATA).all()
        assert (shown[:, :5] == NO_DATA).all()
        assert np.array_equal(shown[5:, 5:], values[:, :11, :11].transpose(1, 2, 0))
        assert (scene.read(Window(0, 0, 8, 8)) == NO_DATA).all()


def test_shrinking_averages_whole_pixels_strip_by_strip(tmp_path, monkeypatch):
    monkeypatch.setattr(rasters, "STRIP", 8)
    values = _noise(3, 32, 32)
    with open_scene(_write(tmp_path / "a.tif", values)) as scene:
        shown = scene.read(Window(200, -400, 32, 32), shrink=4)
    expected = np.rint(values.reshape(3, 8, 4, 8, 4).mean(axis=(2, 4))).transpose(1, 2, 0)
    assert np.array_equal(shown, expected)


def test_a_padded_file_shows_the_same_windows(tmp_path):
    values = _noise(3, 20, 30)
    padded = np.zeros((3, 27, 35), dtype=np.uint8)
    padded[:, 7:, 5:] = values + (values == 0)
    _write(tmp_path / "a.tif", values + (values == 0))
    _write(tmp_path / "b.tif", padded, corner=(97.5, 203.5), nodata=0)
    with open_scene(tmp_path / "a.tif") as one, open_scene(tmp_path / "b.tif") as other:
        window = Window(190, -410, 32, 32)
        assert np.array_equal(one.read(window), other.read(window))


def test_one_band_is_grey_and_a_stretch_makes_bytes(tmp_path):
    values = np.array([[[0, 100, 300, 900]]], dtype=np.uint16)
    path = _write(tmp_path / "a.tif", values)
    with open_scene(path, stretch=(100, 610)) as scene:
        assert scene.read(scene.grid.whole)[0].tolist() == [[0] * 3, [0] * 3, [100] * 3, [255] * 3]
    with pytest.raises(InputError, match=r"holds uint16, not bytes.*--stretch"), open_scene(path):
        pass


def test_fractions_are_told_their_own_percentiles(tmp_path):
    values = np.linspace(0.02, 0.35, 100, dtype=np.float32).reshape(1, 10, 10)
    path = _write(tmp_path / "a.tif", values)
    with pytest.raises(InputError, match=r"--stretch 0\.0266\d*,0\.343\d* "), open_scene(path):
        pass


@pytest.mark.parametrize(
    ("dtype", "kind", "high"),
    [
        (np.uint8, "fractions", 0.35),
        (np.uint8, "whole numbers", 200.0),
        (np.uint16, "bytes", 180.0),
        (np.float32, "whole numbers", 3000.0),
    ],
)
def test_a_stretch_of_other_values_does_not_fit(tmp_path, dtype, kind, high):
    path = _write(tmp_path / "a.tif", np.ones((3, 4, 4), dtype=dtype))
    trained = Stretch((1, 2, 3), (0.01,) * 3, (high,) * 3, kind)
    with pytest.raises(InputError, match=f"shown as images of {kind} were"):
        with open_scene(path, stretch=trained):
            pass


def test_a_stretch_of_as_many_bits_or_more_fits(tmp_path):
    path = _write(tmp_path / "a.tif", np.full((3, 4, 4), 60, dtype=np.int16))
    trained = Stretch((1, 2, 3), (0.0,) * 3, (100.0,) * 3, "whole numbers")
    with open_scene(path, stretch=trained) as scene:
        assert scene.read(scene.grid.whole)[0, 0].tolist() == [153] * 3


def test_pixels_of_no_size_are_refused(tmp_path):
    path = tmp_path / "a.tif"
    place = {"driver": "GTiff", "dtype": "uint8", "crs": "EPSG:32631", "count": 3}
    flat = rasterio.Affine(0.5, 0, 100, 0, 0, 200)
    with rasterio.open(path, "w", height=2, width=2, transform=flat, **place) as out:
        out.write(np.ones((3, 2, 2), dtype=np.uint8))
    with pytest.raises(InputError, match="has pixels of no size"), open_scene(path):
        pass


def test_nan_is_no_data(tmp_path):
    values = np.array([[[np.nan, 1.0]]], dtype=np.float32)
    with open_scene(_write(tmp_path / "a.tif", values), stretch=(0, 1)) as scene:
        assert scene.read(scene.grid.whole)[0].tolist() == [list(NO_DATA), [255] * 3]


def test_what_cannot_be_shown_is_refused(tmp_path):
    path = _write(tmp_path / "a.tif", _noise(3, 4, 4))
    with pytest.raises(InputError, match="has 3 bands, not"), open_scene(path, bands=(1, 2, 7)):
        pass
    with pytest.raises(FileNotFoundError, match="no scene"), open_scene(tmp_path / "b.tif"):
        pass
    (tmp_path / "c.tif").write_text("no raster")
    with pytest.raises(InputError, match="no raster"), open_scene(tmp_path / "c.tif"):
        pass
    path = _write(tmp_path / "d.tif", _noise(1, 4, 4), photometric="MINISWHITE")
    with pytest.raises(InputError, match=r"d\.tif is a negative \(0 is white\)"), open_scene(path):
        pass


def test_a_cut_off_file_is_named(tmp_path):
    path = _write(tmp_path / "a.tif", _noise(3, 64, 64), compress="deflate")
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(InputError, match=r"a\.tif"), open_scene(path) as scene:
        scene.read(scene.grid.whole)


def test_a_plain_image_has_no_place_on_a_map(tmp_path):
    path = _write(tmp_path / "a.tif", _noise(3, 4, 4))
    assert georeferenced(path)
    with open_scene(path) as scene:
        rasterio.open(
            tmp_path / "b.png", "w", driver="PNG", count=3, height=4, width=4, dtype="uint8"
        ).close()
        assert scene.crs is not None
    assert not georeferenced(tmp_path / "b.png")
    assert not georeferenced(tmp_path / "missing.png")
    with open_scene(tmp_path / "b.png") as scene:
        assert scene.crs is None
        assert scene.grid.box == (0, 0, 4, 4)


def test_the_stretch_that_is_suggested_can_be_used(tmp_path):
    values = np.linspace(1234560, 1234561, 100).reshape(1, 10, 10)
    path = _write(tmp_path / "a.tif", values)
    with pytest.raises(InputError, match="--stretch") as told, open_scene(path):
        pass
    low, high = map(float, str(told.value).split("--stretch ")[1].split()[0].split(","))
    with open_scene(path, stretch=(low, high)) as scene:
        assert scene.read(scene.grid.whole).std() > 50
    path = _write(tmp_path / "b.tif", np.full((1, 10, 10), 1000, dtype=np.uint16))
    with pytest.raises(InputError, match="hardly any value but 1000"), open_scene(path):
        pass
