import pytest

from pointsam.errors import InputError
from pointsam.prediction.many.manifest import MANIFEST_NAME, Manifest, Row

SETTINGS = {"window": 1024, "bands": (1, 2, 3)}


def row(scene, state="done", error=""):
    return Row(scene, scene.removesuffix(".tif"), state, 1.5, 4, 7, 1, 1, "", error)


def test_rows_come_back_as_they_were(tmp_path):
    manifest = Manifest(tmp_path / "out", SETTINGS, resume=False)
    rows = [row("a.tif"), row('odd, "name".tif', "failed", "one, two"), row("=1+1.tif")]
    for one in rows:
        manifest.add(one)
    again = Manifest(tmp_path / "out", SETTINGS, resume=True)
    assert list(again.rows.values()) == rows


def test_the_latest_row_of_a_scene_counts(tmp_path):
    manifest = Manifest(tmp_path / "out", SETTINGS, resume=False)
    manifest.add(row("a.tif", "failed", "no"))
    manifest.add(row("a.tif"))
    assert Manifest(tmp_path / "out", SETTINGS, resume=True).rows == {"a.tif": row("a.tif")}


def test_half_a_line_of_a_killed_run_is_passed_over(tmp_path):
    manifest = Manifest(tmp_path / "out", SETTINGS, resume=False)
    manifest.add(row("a.tif"))
    path = tmp_path / "out" / MANIFEST_NAME
    for half in ("b.tif,b,do", "b.tif,b,done,1.0,3,4,0,1,", "b.tif"):
        path.write_text(path.read_text() + half)
        again = Manifest(tmp_path / "out", SETTINGS, resume=True)
        assert list(again.rows) == ["a.tif"]
        again.add(row("c.tif"))
        assert list(Manifest(tmp_path / "out", SETTINGS, resume=True).rows) == ["a.tif", "c.tif"]
        again.rows.pop("c.tif")
        again.settle([])


def test_it_ends_in_the_order_of_the_list(tmp_path):
    manifest = Manifest(tmp_path / "out", SETTINGS, resume=False)
    for name in ("c.tif", "a.tif", "former.tif"):
        manifest.add(row(name))
    manifest.settle(["a.tif", "b.tif", "c.tif"])
    lines = (tmp_path / "out" / MANIFEST_NAME).read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["scene", "a.tif", "c.tif", "former.tif"]


def test_other_settings_and_a_folder_that_exists_are_refused(tmp_path):
    Manifest(tmp_path / "out", SETTINGS, resume=False)
    with pytest.raises(InputError, match="is of a run with another window"):
        Manifest(tmp_path / "out", SETTINGS | {"window": 512}, resume=True)
    with pytest.raises(InputError, match="exists already"):
        Manifest(tmp_path / "out", SETTINGS, resume=False)


def test_a_run_that_did_nothing_leaves_nothing(tmp_path):
    Manifest(tmp_path / "out", SETTINGS, resume=False).give_up()
    assert not (tmp_path / "out").exists()
    manifest = Manifest(tmp_path / "out", SETTINGS, resume=False)
    manifest.add(row("a.tif"))
    manifest.give_up()
    assert (tmp_path / "out" / MANIFEST_NAME).is_file()
