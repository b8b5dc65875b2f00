import tracemalloc

import numpy as np
import pyogrio
import pytest
import torch
from tests.prediction.colour_model import SIDE, ColourModel, write_scene
from tests.prediction.some_adapter import save_some_adapter

from pointsam.cli.main import main
from pointsam.data.rasters.scene import open_scene
from pointsam.data.rasters.scene_points import scene_tasks
from pointsam.data.rasters.windows import Grid, Window
from pointsam.prediction.automatic import AutomaticSettings
from pointsam.prediction.scenes.automatic import (
    GridTasks,
    SceneAutomatic,
    distinct,
    kept,
    settled,
)
from pointsam.prediction.scenes.logit_maps import LogitMap
from pointsam.prediction.scenes.objects import SceneMask
from pointsam.prediction.scenes.run import SceneRun, SceneSettings, Shard

# Whole low-res pixels, and small enough that some window shows each with room around it.
BOXES = [(20, 20, 36, 36), (100, 60, 116, 76), (148, 140, 164, 152)]
SIZE = (200, 220)


def _square(x, side, value=1.0):
    return LogitMap(np.full((side, side), value, dtype=np.float16), (x, 0), (1.0, 1.0))


def _found(path, folder, *, grid=16):
    everything = SceneAutomatic(AutomaticSettings(grid=grid), None)
    with open_scene(path) as scene:
        run = SceneRun(ColourModel(), scene, everything, SceneSettings(SIDE, 256))
        for _ in run.segment(folder, shard=Shard(), resume=False):
            pass
        return run.finish(folder, allow_overlap=False)


def test_each_object_is_found_once_and_no_ground(tmp_path):
    path = write_scene(tmp_path / "a.tif", BOXES, size=SIZE)
    summary = _found(path, tmp_path / "out")
    assert (summary.objects, summary.empty, summary.cut) == (3, 0, 0)
    _, _, _, columns = pyogrio.raw.read(tmp_path / "out" / "instances.gpkg")
    truth = sorted((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in BOXES)
    assert sorted(columns[6].tolist()) == pytest.approx(truth, rel=0.35)
    assert columns[0].tolist() == columns[1].tolist() == [1, 2, 3]


def _objects(tasks):
    return sorted((o for found in tasks.values() for o in found), key=lambda o: o.index)


def test_the_grid_lies_on_the_ground_not_in_the_file():
    whole = _objects(GridTasks(Grid(0, 0, 100, 100), side=64, count=4))
    part = _objects(GridTasks(Grid(37, 5, 63, 95), side=64, count=4))
    known = {tuple(o.points[0].tolist()) for o in whole}
    assert {tuple(o.points[0].tolist()) for o in part} <= known
    assert len(known) == 36
    assert [o.index for o in whole] == list(range(36))
    assert [o.index for o in part] == list(range(len(part)))


@pytest.mark.parametrize("grid", [Grid(-70, 33, 301, 190), Grid(5, 6, 64, 40), Grid(0, 0, 3, 3)])
def test_a_point_of_the_grid_belongs_where_a_click_would(grid):
    tasks = GridTasks(grid, side=64, count=5)
    clicks = scene_tasks(_objects(tasks), grid, side=64)
    assert list(tasks) == list(clicks)
    assert len(tasks) == len(clicks)
    for window, objects in clicks.items():
        assert [o.index for o in tasks[window]] == [o.index for o in objects]


def test_the_grid_of_a_huge_scene_is_not_held():
    tracemalloc.start()
    tasks = GridTasks(Grid(0, 0, 100_000, 100_000), side=1024, count=32)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(tasks) == 196 * 196
    assert sum(len(found) for found in (tasks[window] for window in list(tasks)[:196])) == 8 * 3125
    assert peak < 20e6  # ten million points


def test_only_the_better_of_two_masks_of_one_object_stays():
    maps = [_square(0, 10), _square(1, 10), _square(50, 10), _square(2, 10)]
    # moved by one of ten pixels: 9/11; by two: 8/12, below the limit to the first, which is kept
    assert distinct(maps, max_overlap=0.7).tolist() == [True, False, True, True]
    assert distinct([], max_overlap=0.7).tolist() == []


def test_what_is_left_is_ranked_and_numbered():
    tasks = GridTasks(Grid(0, 0, 64, 64), side=64, count=2)
    masks = [
        SceneMask(0, _square(0, 10), 0.9, 64, False, stability=0.5),
        SceneMask(1, _square(50, 10), 0.8, 64, False, stability=1.0),
        SceneMask(2, _square(51, 10), 0.7, 64, False, stability=1.0),
    ]
    left, kept = settled(tasks, masks, AutomaticSettings())
    assert [mask.score for mask in kept] == pytest.approx([0.8, 0.45])
    assert [mask.logits.corner[0] for mask in kept] == [50, 0]
    assert [(o.index, o.id) for o in left] == [(0, 1), (1, 2)]
    assert [o.points.tolist() for o in left] == [[[48, 16]], [[16, 16]]]
    assert settled(tasks, [], AutomaticSettings()) == ([], [])


def test_a_window_stores_each_object_once():
    masks = [
        SceneMask(0, _square(0, 10), 0.8, 64, False),
        SceneMask(1, _square(1, 10), 0.9, 64, False),
        SceneMask(2, _square(40, 10), 0.9, 64, False),
        SceneMask(3, _square(20, 10), 0.5, 64, False),
        SceneMask(4, None, 0.9, 64, False),
    ]
    window, grid = Window(0, 0, 64, 64), Grid(0, 0, 64, 64)
    assert [m.index for m in kept(masks, AutomaticSettings(), window=window, grid=grid)] == [1, 2]


def test_prototypes_and_limits_are_part_of_the_run():
    one = SceneAutomatic(AutomaticSettings(), None).manifest()
    other = SceneAutomatic(AutomaticSettings(), torch.ones(2, 3)).manifest()
    assert one != other
    assert one["prototypes"] is None


def test_the_command_takes_a_scene_without_clicks(tmp_path, capsys):
    path = write_scene(tmp_path / "a.tif", BOXES, size=SIZE)
    adapter = save_some_adapter(tmp_path / "adapter")
    keep = ["--min-iou", "0", "--min-stability", "0", "--adapter", str(adapter)]
    arguments = ["predict", str(path), "--grid", "2", *keep, "-o", str(tmp_path / "out")]
    assert main(arguments) == 0
    assert "objects in" in capsys.readouterr().out
    assert (tmp_path / "out" / "instances.tif").exists()
    assert main([*arguments, "--resume", "--max-overlap", "0.5"]) == 2
    assert "another everything" in capsys.readouterr().err
