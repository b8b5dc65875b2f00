import json

import numpy as np
import pyogrio
import pytest
import shapely

from pointsam.cli.main import main


def write(path, shapes, *, crs="EPSG:32632", classes=None):
    fields = [] if classes is None else [np.array(classes, dtype=object)]
    names = [] if classes is None else ["class"]
    pyogrio.raw.write(
        path, shapely.to_wkb(np.array(shapes, dtype=object)), fields, names,
        geometry_type="Polygon", crs=crs,
    )  # fmt: skip


def box(x, y, width=10):
    return shapely.box(500_000 + x, 5_400_000 + y, 500_000 + x + width, 5_400_000 + y + 10)


def score(folder):
    given = ["--polygons", folder / "found.gpkg", "--truth", folder / "truth.gpkg"]
    return main([*map(str, ["score", *given, "--output", folder / "scores"])])


def test_scores_are_written_and_shown_for_each_class(tmp_path, capsys):
    write(tmp_path / "truth.gpkg", [box(0, 0), box(50, 0)], classes=["roof", "tank"])
    write(tmp_path / "found.gpkg", [box(0, 0)], classes=["roof"])
    assert score(tmp_path) == 0
    scores = json.loads((tmp_path / "scores" / "scores.json").read_text())
    assert (scores["iou"], scores["recall"], scores["precision"]) == (0.5, 0.5, 1)
    assert scores["classes"]["roof"]["f1"] == 1
    assert scores["classes"]["tank"]["recall"] == 0
    assert "tank" in capsys.readouterr().out


def test_files_that_meet_nowhere_or_share_no_class_are_told_of(tmp_path, capsys):
    write(tmp_path / "truth.gpkg", [box(0, 0)], classes=["roof"])
    write(tmp_path / "found.gpkg", [box(5000, 0)], classes=["roofs"])
    assert score(tmp_path) == 0
    told = capsys.readouterr().err
    assert "no found polygon meets a true one: they lie around (505005, 5400005) and" in told
    assert "no class is in both files: roofs; and roof" in told


def test_a_class_is_the_same_in_every_kind_of_column(tmp_path):
    shapes = [box(0, 0), box(50, 0)]
    for name, classes in (("truth", np.array([1, 2])), ("found", np.array([1.0, np.nan]))):
        pyogrio.raw.write(
            tmp_path / f"{name}.gpkg", shapely.to_wkb(np.array(shapes, dtype=object)), [classes],
            ["class"], geometry_type="Polygon", crs="EPSG:32632",
        )  # fmt: skip
    assert score(tmp_path) == 0
    scores = json.loads((tmp_path / "scores" / "scores.json").read_text())
    assert set(scores["classes"]) == {"1", "2"}
    assert scores["classes"]["1"]["f1"] == 1


def test_several_layers_are_refused_with_advice_that_helps(tmp_path, capsys):
    write(tmp_path / "found.gpkg", [box(0, 0)])
    for layer in ("one", "two"):
        pyogrio.raw.write(
            tmp_path / "truth.gpkg", shapely.to_wkb(np.array([box(0, 0)], dtype=object)), [], [],
            geometry_type="Polygon", crs="EPSG:32632", layer=layer, append=layer == "two",
        )  # fmt: skip
    assert score(tmp_path) == 2
    told = capsys.readouterr().err
    assert "2 layers of true polygons, one, two: export one to a file of its own" in told
    assert "--layer" not in told


def test_layers_in_other_systems_meet_on_the_map(tmp_path):
    from rasterio.warp import transform

    write(tmp_path / "truth.gpkg", [box(0, 0, width=40)])
    corners = shapely.get_coordinates(box(0, 0, width=40))
    degrees = np.stack(transform("EPSG:32632", "EPSG:4326", *corners.T), axis=1)
    write(tmp_path / "found.gpkg", [shapely.Polygon(degrees)], crs="EPSG:4326")
    assert score(tmp_path) == 0
    scores = json.loads((tmp_path / "scores" / "scores.json").read_text())
    assert scores["iou"] == pytest.approx(1, abs=1e-5)


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_a_layer_without_a_system_is_refused(tmp_path, capsys):
    write(tmp_path / "truth.gpkg", [box(0, 0)])
    write(tmp_path / "found.gpkg", [box(0, 0)], crs=None)
    assert score(tmp_path) == 2
    assert "one of them has no coordinate system" in capsys.readouterr().err
    assert not (tmp_path / "scores").exists()
