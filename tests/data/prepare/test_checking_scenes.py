"""What is said of a scene before anything is done with it."""

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.transform import from_origin

from pointsam.data.clicks.formats import ClickFile
from pointsam.data.prepare.checking import Report
from pointsam.data.prepare.checking_scenes import check_scene_points


@pytest.fixture
def notes(tmp_path):
    """Check one click on a scene."""

    def check(path, x, y):
        (tmp_path / "clicks.csv").write_text(f"image,x,y\n{path.name},{x},{y}\n")
        report = Report()
        check_scene_points(ClickFile(tmp_path / "clicks.csv"), path, report)
        assert report.faults == []
        return report.notes

    return check


def test_a_collar_that_is_not_declared_is_said_with_the_clicks_on_it(tmp_path, notes):
    values = np.random.default_rng(0).integers(0, 200, (3, 600, 600)).astype(np.uint8)
    values[:, 500:] = 255
    place = {"crs": "EPSG:32632", "transform": from_origin(500_000, 5_500_000, 1, 1)}
    shape = {"count": 3, "dtype": "uint8", "height": 600, "width": 600}
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", **shape, **place) as out:
        out.write(values)
    [line] = notes(tmp_path / "a.tif", 20, 590)
    assert "2 of its corners hold nothing but 255" in line
    assert "(object 1 is clicked there)" in line


def test_a_file_of_several_pictures_is_said_to_be_one(tmp_path, notes):
    pages = [Image.new("RGB", (30, 20), colour) for colour in ("red", "blue")]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    [line] = notes(tmp_path / "a.tif", 5, 5)
    assert "holds 2 pictures, and the first is read" in line
