import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
from tests.prediction.colour_model import SIDE, ColourModel, write_scene

from pointsam.data.rasters.scene import open_scene
from pointsam.data.rasters.scene_points import scene_points
from pointsam.data.records import ImageRecord, InstanceRecord
from pointsam.errors import InputError
from pointsam.prediction.scenes.run import SceneRun, SceneSettings, Shard

SIZE = (300, 300)
BOXES = [
    (x, y, x + 20 + 3 * i, y + 16)
    for i, (x, y) in enumerate((x, y) for y in range(10, 260, 80) for x in range(10, 240, 60))
]
RECORD = ImageRecord(
    1,
    "scene.tif",
    SIZE,
    tuple(
        InstanceRecord(100 + i, "hall", (((x0 + x1) / 2, (y0 + y1) / 2, 1),))
        for i, (x0, y0, x1, y1) in enumerate(BOXES)
    ),
)


@pytest.fixture
def path(tmp_path):
    return write_scene(tmp_path / "scene.tif", BOXES, size=SIZE)


def _run(path, folder, *, shard=None, resume=False, finish=True, record=RECORD, window=SIDE):
    """Do a run, or a shard of one, with a model that counts."""
    model = ColourModel()
    with open_scene(path) as scene:
        points = scene_points(record, scene.grid)
        run = SceneRun(model, scene, points, SceneSettings(window, 256))
        for _ in run.segment(folder, shard=shard or Shard(), resume=resume):
            pass
        summary = None
        if finish and not run.missing(folder):
            summary = run.finish(folder, allow_overlap=False)
    return model, summary


def _outputs(folder):
    """Everything a reader of the outputs sees."""
    meta, _, geometry, fields = pyogrio.raw.read(folder / "instances.gpkg")
    with rasterio.open(folder / "instances.tif") as raster:
        labels = raster.read(1)
    columns = [column.tolist() for column in fields]
    return (
        meta["crs"],
        geometry.tolist(),
        columns,
        labels,
        ((folder / "instances.geojson").read_bytes()),
    )


def _assert_equal(one, other):
    for first, second in zip(_outputs(one), _outputs(other), strict=True):
        assert np.array_equal(first, second)


def test_a_run_finds_every_object(path, tmp_path):
    _, summary = _run(path, tmp_path / "out")
    assert summary.objects == len(BOXES)
    assert (summary.empty, summary.cut, summary.outside) == (0, 0, 0)
    _, _, (instances, ids, classes, _, square_metres, _, pixels, *_), labels, _ = _outputs(
        tmp_path / "out"
    )
    assert instances == list(range(1, len(BOXES) + 1))
    assert ids == [100 + i for i in range(len(BOXES))]
    assert set(classes) == {"hall"}
    assert np.bincount(labels.ravel())[1:].tolist() == pixels
    assert square_metres == pytest.approx([p / 4 for p in pixels], rel=0.01)
    for number, (x0, y0, x1, y1) in enumerate(BOXES, start=1):
        assert labels[(y0 + y1) // 2, (x0 + x1) // 2] == number


def test_two_shards_joined_are_one_run(path, tmp_path):
    _run(path, tmp_path / "one")
    first, _ = _run(path, tmp_path / "two", shard=Shard(1, 2), finish=False)
    second, summary = _run(path, tmp_path / "two", shard=Shard(2, 2))
    assert summary is not None
    assert min(first.encoded, second.encoded) > 0
    _assert_equal(tmp_path / "one", tmp_path / "two")


def test_resuming_encodes_only_what_is_missing(path, tmp_path):
    whole, _ = _run(path, tmp_path / "one")
    _run(path, tmp_path / "two", shard=Shard(1, 3), finish=False)
    rest, _ = _run(path, tmp_path / "two", resume=True)
    assert 0 < rest.encoded < whole.encoded
    again, _ = _run(path, tmp_path / "two", resume=True)
    assert again.encoded == 0
    _assert_equal(tmp_path / "one", tmp_path / "two")


def test_a_killed_run_goes_on_to_the_same_output(path, tmp_path):
    script = (
        "import sys, time; sys.path.insert(0, sys.argv[1])\n"
        "import test_run as t\n"
        "from pathlib import Path\n"
        "from pointsam.prediction.scenes import run\n"
        "whole = run.write_part\n"
        "def slowly(*given, **named): whole(*given, **named); time.sleep(0.3)\n"
        "run.write_part = slowly\n"
        "t._run(Path(sys.argv[2]), Path(sys.argv[3]))\n"
    )
    folder = tmp_path / "killed"
    arguments = [str(Path(__file__).parent), str(path), str(folder)]
    process = subprocess.Popen([sys.executable, "-c", script, *arguments])
    until = time.monotonic() + 60
    while len(list(folder.glob("parts/x*.npz"))) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (folder / "instances.gpkg").exists()
    _run(path, folder, resume=True)
    _run(path, tmp_path / "whole")
    _assert_equal(folder, tmp_path / "whole")


def test_another_run_does_not_go_on_in_this_folder(path, tmp_path):
    _run(path, tmp_path / "out")
    with pytest.raises(InputError, match="exists already"):
        _run(path, tmp_path / "out")
    fewer = ImageRecord(1, "scene.tif", SIZE, RECORD.instances[:3])
    with pytest.raises(InputError, match="another points"):
        _run(path, tmp_path / "out", resume=True, record=fewer)
    with pytest.raises(InputError, match="another window"):
        _run(path, tmp_path / "out", resume=True, window=128)


def test_parts_of_another_run_are_not_merged(path, tmp_path):
    turned = ImageRecord(1, "scene.tif", SIZE, RECORD.instances[::-1])
    _run(path, tmp_path / "other", record=turned, finish=False)
    _run(path, tmp_path / "one", shard=Shard(1, 3), finish=False)
    for part in (tmp_path / "other" / "parts").iterdir():
        if not (tmp_path / "one" / "parts" / part.name).exists():
            shutil.copy(part, tmp_path / "one" / "parts")
    with pytest.raises(InputError, match=r"\.npz is of another run"):
        _run(path, tmp_path / "one", resume=True)
    assert not (tmp_path / "one" / "instances.gpkg").exists()


def test_a_scene_with_other_pixels_is_another_scene(path, tmp_path):
    own = tmp_path / "own.tif"
    shutil.copy(path, own)
    _run(own, tmp_path / "out", shard=Shard(1, 3), finish=False)
    content = bytearray(own.read_bytes())
    content[-1] ^= 1
    own.write_bytes(content)
    with pytest.raises(InputError, match="of a run with another scene"):
        _run(own, tmp_path / "out", resume=True)


def test_outputs_that_are_written_again_are_named(path, tmp_path):
    _, first = _run(path, tmp_path / "out")
    _, again = _run(path, tmp_path / "out", resume=True)
    assert first.replaced == ()
    assert {"instances.gpkg", "instances.geojson", "instances.tif"} < set(again.replaced)


@pytest.mark.parametrize(("number", "of"), [(0, 2), (3, 2), (1, 0)])
def test_a_shard_that_does_not_exist_is_refused(number, of):
    with pytest.raises(InputError, match="give i/n"):
        Shard(number, of)
