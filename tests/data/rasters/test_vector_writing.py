"""Shapes are written where they were asked for, whatever the place is called."""

import numpy as np
import pytest
import shapely

from pointsam.data.rasters.vector_files import POLYGONS, read_features
from pointsam.data.rasters.vector_writing import DRIVERS, write_features
from pointsam.errors import InputError


def write(path):
    shapes = np.array([shapely.box(0, 0, 1, 1)], dtype=object)
    fields = {"class": np.array(["roof"], dtype=object)}
    write_features(path, shapes, fields, kind="Polygon", crs="EPSG:32632", layer=path.stem)


@pytest.mark.parametrize("ending", list(DRIVERS))
@pytest.mark.parametrize("name", ["plain", "two\nlines", "a\ttab", "x!y", "a;b", "a?b"])
def test_a_name_of_a_folder_or_file_is_no_address(tmp_path, monkeypatch, ending, name):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / name
    folder.mkdir()
    for path in (folder / f"a{ending}", tmp_path / f"{name}{ending}"):
        write(path)
        parts = {part.suffix for part in path.parent.glob(f"{path.stem}.*")}
        assert parts >= ({".shp", ".shx", ".dbf", ".prj"} if ending == ".shp" else {ending})
        if name.isprintable():
            found = read_features(path, kinds=POLYGONS, what="polygons")
            assert found.column("class") == ["roof"]
        else:
            assert path.stat().st_size


def test_a_place_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere/a\.gpkg cannot be written .*another name"):
        write(tmp_path / "nowhere/a.gpkg")
