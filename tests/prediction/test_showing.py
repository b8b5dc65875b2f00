"""A prediction shows itself in a notebook, and becomes what other libraries work with."""

import io
import sys

import numpy as np
import pytest
from PIL import Image
from rasterio import Affine
from tests.prediction.colour_model import ColourModel

from pointsam import InputError, Predictor
from pointsam.data.coco.masks import rasterise
from pointsam.prediction.arrays import transform_of


@pytest.fixture
def found():
    drawn = np.full((48, 64, 3), 30, dtype=np.uint8)
    drawn[8:24, 8:24] = 200
    drawn[28:40, 40:60] = 120
    return Predictor(ColourModel()).predict(drawn, np.array([[16.0, 16.0], [50.0, 34.0]]))


def test_a_notebook_shows_image_masks_and_points(found):
    shown = np.asarray(Image.open(io.BytesIO(found._repr_png_())))
    scale = shown.shape[1] / 64
    here = shown[int(20 * scale), int(10 * scale)].astype(int)
    assert np.ptp(here) > 20  # the grey image has a coloured mask on it
    assert np.ptp(shown[int(2 * scale), int(60 * scale)].astype(int)) == 0
    without = found.plot().size
    assert without == (shown.shape[1], shown.shape[0])


def test_coco_holds_the_masks_and_scores(found):
    content = found.to_coco(file_name="a.png", category="roof")
    assert content["images"] == [{"id": 1, "file_name": "a.png", "height": 48, "width": 64}]
    for annotation, mask in zip(content["annotations"], found.masks, strict=True):
        assert np.array_equal(rasterise(annotation["segmentation"], (48, 64)), mask)
        assert annotation["area"] == mask.sum()
    assert content["annotations"][0]["score"] == pytest.approx(found.scores[0], abs=1e-3)


def test_a_geodataframe_has_a_polygon_an_instance(found):
    pytest.importorskip("geopandas")
    table = found.to_geodataframe(transform=(0.5, 0, 100, 0, -0.5, 200), crs="EPSG:32632")
    assert table.crs.to_epsg() == 32632
    assert table.area.tolist() == pytest.approx((found.masks.sum((1, 2)) / 4).tolist())
    for same in (Affine(0.5, 0, 100, 0, -0.5, 200), np.array([0.5, 0, 100, 0, -0.5, 200])):
        again = found.to_geodataframe(transform=same, crs="EPSG:32632")
        assert again.geometry.tolist() == table.geometry.tolist()
    x0, _, _, y1 = table.total_bounds
    rows, columns = np.nonzero(found.masks.any(axis=0))
    assert (x0, y1) == (100 + columns.min() / 2, 200 - rows.min() / 2)


def test_without_geopandas_it_says_what_to_install(found, monkeypatch):
    monkeypatch.setitem(sys.modules, "geopandas", None)
    with pytest.raises(InputError, match="pip install geopandas"):
        found.to_geodataframe()


def test_a_transform_is_six_numbers_or_an_affine():
    numbers = (0.5, 0.0, 100.0, 0.0, -0.5, 200.0)
    assert transform_of(Affine(*numbers)) == transform_of(list(numbers)) == numbers


@pytest.mark.parametrize("given", [(1, 0, 0, 0), (1, 0, 0, 0, 1, np.nan), [1] * 9, "abcdef"])
def test_a_transform_that_is_none_is_refused(found, given):
    with pytest.raises(InputError, match="the transform"):
        found.to_geodataframe(transform=given)
