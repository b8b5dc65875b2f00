import json
import subprocess
from pathlib import Path

import pyogrio
import pytest
from tests.qgis.plugin_files import QGIS_PROCESS, QGIS_PYTHON, qgis_environment
from tests.qgis.test_algorithms import scene

__all__ = ["scene"]  # a fixture

pytestmark = pytest.mark.skipif(
    not QGIS_PROCESS.exists(), reason="needs QGIS (Debian's qgis and python3-qgis)"
)


@pytest.fixture(scope="module")
def facts(scene, tmp_path_factory):
    folder = tmp_path_factory.mktemp("dock")
    variables = qgis_environment(folder)
    # The folder that holds `pointsam`, the plugin, and nothing else of the project.
    variables["QGIS_PLUGINS"] = str(folder / "profiles" / "default" / "python" / "plugins")
    script = Path(__file__).with_name("dock_at_work.py")
    answer = subprocess.run(
        [QGIS_PYTHON, script, scene / "scene.tif", folder],
        env=variables,
        capture_output=True,
        text=True,
        timeout=550,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return {**json.loads(answer.stdout.splitlines()[-1]), "folder": folder}


def test_a_dock_without_a_raster_says_so_and_does_not_start(facts):
    assert not facts["without layers"]
    assert facts["starts"]


def test_a_click_in_another_crs_lands_on_its_pixel(facts):
    assert facts["units a screen pixel, in raster pixels"] < 1
    assert facts["clicked"] == pytest.approx([59, 54], abs=0.5)


def test_a_click_gets_its_mask_where_it_is(facts):
    assert facts["mask holds its click"]
    assert facts["mask area, in pixels"] == pytest.approx(40 * 30, rel=0.15)


def test_left_is_an_object_right_its_background_and_a_key_its_class(facts):
    assert facts["rows"] == [[1, 0, "roof"], [1, 1, "roof"], [2, 1, "tank"]]


def test_a_drag_moves_a_click_and_undo_brings_it_back(facts):
    assert facts["dragged"] == pytest.approx([130, 80], abs=0.5)
    assert facts["drag undone"] == pytest.approx([139, 74], abs=0.5)


def test_a_server_that_dies_is_started_again_and_knows_all_objects(facts):
    assert facts["server was started again"] == 2


def test_undo_takes_one_click_and_saving_keeps_the_rest(facts):
    assert facts["undo took"] == 1
    assert facts["saved"]
    assert pyogrio.read_info(facts["folder"] / "clicks.gpkg")["features"] == 3


def test_adapters_lie_beside_the_clicks_and_none_is_overwritten(facts):
    names = [str(facts["folder"] / f"clicks-adapter-{number}") for number in (1, 2)]
    assert facts["adapters"] == names


def test_no_process_is_left_behind(facts):
    assert facts["server is gone"]
