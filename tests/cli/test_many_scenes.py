"""Many scenes: a manifest, failures that stop nothing, resuming, a cluster that loses a worker."""

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pyogrio
import pytest
import rasterio
import shapely
from tests.prediction.colour_model import write_scene

import pointsam
from pointsam.cli.arguments import ModelChoice
from pointsam.cli.main import main, make_parser
from pointsam.cli.predict import PredictFiles
from pointsam.cli.predict_many import ManyChoice, Opening
from pointsam.data.rasters.opening import raster_stamp
from pointsam.prediction.many.scene_list import read_scene_list
from pointsam.prediction.many.work import Work, run_here

BOXES = [(20, 20, 50, 60), (150, 30, 190, 70), (40, 150, 80, 180), (160, 160, 200, 200)]


@pytest.fixture
def scenes(tmp_path, monkeypatch):
    """Three scenes side by side, clicks on all but the last, and a fourth that is damaged."""
    monkeypatch.chdir(tmp_path)
    corners = [(1000.0 + 200 * i, 5000.0) for i in range(3)]
    for number, corner in enumerate(corners):
        write_scene(f"s{number}.tif", BOXES, size=(220, 220), corner=corner)
    clicks = [
        shapely.Point(x + (x0 + x1) / 4, y - (y0 + y1) / 4)
        for x, y in corners[:2]
        for x0, y0, x1, y1 in BOXES
    ]
    pyogrio.raw.write(
        "clicks.gpkg",
        shapely.to_wkb(np.array(clicks)),
        [np.array(["hall"] * len(clicks))],
        ["class"],
        geometry_type="Point",
        crs="EPSG:32631",
    )
    Path("bad.tif").write_bytes(b"II*\0damaged")
    Path("list.txt").write_text("s0.tif\nbad.tif\ns1.tif\ns2.tif\n")
    return tmp_path


COMMAND = "predict --scenes list.txt --points clicks.gpkg --side 128 --precision float32"


def rows(output):
    with Path(output, "manifest.csv").open(newline="") as stream:
        return {Path(row["scene"]).name: row for row in csv.DictReader(stream)}


def states(output):
    return {scene: row["state"] for scene, row in rows(output).items()}


def same(one, other, folders=("s0", "s1")):
    for folder in folders:
        pairs = [Path(output, folder) for output in (one, other)]
        texts = [(path / "instances.geojson").read_bytes() for path in pairs]
        assert texts[0] == texts[1]
        rasters = []
        for path in pairs:
            with rasterio.open(path / "instances.tif") as raster:
                rasters.append(raster.read())
        assert np.array_equal(*rasters)
        assert rasters[0].any()


@pytest.mark.usefixtures("scenes", "small_model")
def test_each_scene_has_a_row_and_a_bad_one_stops_nothing(capsys):
    assert main([*COMMAND.split(), "--output", "out"]) == 1
    said = capsys.readouterr()
    assert "4 scenes: 2 done with 8 objects, 1 without clicks, 1 failed" in said.out
    assert "bad.tif is no raster that can be read" in said.err
    assert states("out") == {
        "s0.tif": "done",
        "bad.tif": "failed",
        "s1.tif": "done",
        "s2.tif": "no clicks",
    }
    assert not Path("out/s0/parts").exists()
    assert not Path("out/bad").exists()
    assert main(["predict", "s0.tif", *COMMAND.split()[3:], "--output", "alone"]) == 0
    assert Path("alone/instances.geojson").read_text() == Path(
        "out/s0/instances.geojson"
    ).read_text().replace("out/s0", "alone")


@pytest.mark.usefixtures("scenes", "small_model")
def test_notes_on_clicks_are_said_once_for_all_scenes(capsys):
    Path("list.txt").write_text("s0.tif\ns1.tif\n")
    lines = [f"{x + 35},4960,{name}" for x in (1000, 1200) for name in ("hall", "negative")]
    Path("clicks.csv").write_text("\n".join(["map_x,map_y,class", *lines]))
    command = COMMAND.replace("clicks.gpkg", "clicks.csv").split()
    assert main([*command, "--output", "out"]) == 0
    said = capsys.readouterr().err
    assert "note: manifest.csv has notes on 2 scenes, the first on s0.tif: the clicks of" in said
    assert said.count("the clicks of class negative are read as objects") == 1


@pytest.mark.usefixtures("scenes", "small_model")
def test_resuming_does_what_failed_and_no_more(capsys):
    main([*COMMAND.split(), "--output", "out"])
    before = Path("out/s0/instances.gpkg").stat().st_mtime_ns
    Path("bad.tif").unlink()
    write_scene("bad.tif", BOXES, size=(220, 220), corner=(1000.0, 5000.0))
    assert main([*COMMAND.split(), "--output", "out", "--resume"]) == 0
    assert states("out")["bad.tif"] == "done"
    assert Path("out/s0/instances.gpkg").stat().st_mtime_ns == before
    assert main([*COMMAND.split(), "--output", "out", "--resume", "--window", "64"]) == 2
    assert "is of a run with another window" in capsys.readouterr().err
    assert main([*COMMAND.split(), "--output", "out", "--resume", "--negative", "hall"]) == 2
    assert "is of a run with another clicks" in capsys.readouterr().err


@pytest.mark.usefixtures("scenes", "small_model")
def test_a_scene_that_changed_after_it_was_done_is_refused_by_name(capsys):
    again = [*COMMAND.split(), "--output", "out", "--resume"]
    main(again[:-1])
    # A copy is the same scene; one without clicks has nothing to lose.
    shutil.copy("s1.tif", "copy.tif")
    Path("copy.tif").replace("s1.tif")
    os.utime("s2.tif")
    assert main(again) == 1
    assert rows("out")["s1.tif"]["stamp"] == raster_stamp(Path("s1.tif"))
    with rasterio.open("s0.tif", "r+") as raster:
        raster.write(255 - raster.read())
    capsys.readouterr()
    assert main(again) == 2
    assert "s0.tif changed after being segmented: remove out/s0 to" in capsys.readouterr().err
    before = Path("out/s0/instances.tif").read_bytes()
    shutil.rmtree("out/s0")
    assert main(again) == 1
    assert states("out")["s0.tif"] == "done"
    assert Path("out/s0/instances.tif").read_bytes() != before


@pytest.mark.usefixtures("scenes", "small_model")
def test_an_output_that_was_removed_is_made_anew():
    again = [*COMMAND.split(), "--output", "out", "--resume"]
    main(again[:-1])
    before = {path: path.stat().st_mtime_ns for path in sorted(Path("out").glob("s*/instances.*"))}
    whole = Path("out/s0/classes.tif").read_bytes()
    Path("out/s0/classes.tif").unlink()
    Path("out/s1/instances.qml").unlink()  # a style is no result
    assert main(again) == 1
    assert Path("out/s0/classes.tif").read_bytes() == whole
    changed = {p.parts[1] for p, at in before.items() if p.exists() and p.stat().st_mtime_ns != at}
    assert changed == {"s0"}


@pytest.mark.usefixtures("scenes", "small_model")
def test_scenes_cut_into_units_are_written_as_in_one_go():
    # What workers of a cluster do, one after the other.
    words = [*COMMAND.split(), "--output", "cut", "--threads", "1"]
    assert main([*words[:-4], "--output", "whole", "--threads", "1"]) == 1
    args = make_parser(words).parse_args(words)
    asked = ManyChoice.parse(args, prompt=PredictFiles.parse(args).prompt)
    opening = Opening(asked.each, ModelChoice.parse(args), any_device=False)
    scenes = read_scene_list(Path("list.txt"))
    found = list(run_here(Work.of(scenes, max_windows=1), opening))
    assert {row.folder: row.state for row in found} == {
        "s0": "done",
        "bad": "failed",
        "s1": "done",
        "s2": "no clicks",
    }
    assert found[0].windows > 1
    same("whole", "cut")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.mark.usefixtures("scenes", "small_model")
@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("--engine ray --ray-address {closed}", "no Ray cluster answers at 127.0.0.1:"),
        ("--engine ray --ray-address here", "--ray-address here: give HOST:PORT"),
        ("--engine ray --workers 0", "--workers 0: give at least 1"),
        ("--workers 2", "--workers: for --engine ray alone"),
        ("--shard 1/2", "--shard: for one scene alone"),
        ("--joint", "--joint: for images without a place on a map alone"),
    ],
)
def test_what_cannot_be_is_said_in_one_line_and_leaves_nothing(more, says, capsys):
    pytest.importorskip("ray")
    words = more.format(closed=f"127.0.0.1:{free_port()}").split()
    assert main([*COMMAND.split(), "--output", "out", "--progress", "none", *words]) == 2
    said = capsys.readouterr().err.strip()
    assert says in said
    assert len(said.splitlines()) == 1
    assert not Path("out").exists()


@pytest.mark.usefixtures("scenes", "small_model")
def test_a_missing_scene_is_said_before_anything_is_done(capsys):
    Path("list.txt").write_text("s0.tif\nnowhere.tif\n")
    assert main([*COMMAND.split(), "--output", "out"]) == 2
    assert "list.txt, line 2: there is no scene nowhere.tif" in capsys.readouterr().err
    assert not Path("out").exists()


def test_without_ray_it_is_said_how_to_get_it(scenes, small_model, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main([*COMMAND.split(), "--output", "out", "--engine", "ray"]) == 2
    assert "pip install 'pointsam[ray]'" in capsys.readouterr().err


def started(*words):
    source = str(Path(pointsam.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, "-m", "pointsam", *COMMAND.split(), "--threads", "1", *words],
        env=os.environ | {"PYTHONPATH": source, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def kill_a_worker(process):
    """Kill a worker that is at work, and say so: it is stopped, looked at, and then killed."""
    while process.poll() is None:
        for child in psutil.Process(process.pid).children(recursive=True):
            try:
                if "ray::_Actor.do" not in " ".join(child.cmdline()):
                    continue
                child.send_signal(signal.SIGSTOP)
                if "ray::_Actor.do" in " ".join(child.cmdline()):
                    child.kill()
                    return True
                child.send_signal(signal.SIGCONT)
            except psutil.NoSuchProcess:
                continue
        time.sleep(0.02)
    return False


@pytest.mark.usefixtures("scenes")
def test_two_ray_workers_of_whom_one_is_killed_write_what_one_process_writes():
    pytest.importorskip("ray")
    with started("--output", "here") as here:
        said, _ = here.communicate(timeout=1800)
    assert here.returncode == 1, said
    words = ["--engine", "ray", "--workers", "2", "--batch", "2", "--output", "ray"]
    with started(*words) as process:
        killed = kill_a_worker(process)
        said, _ = process.communicate(timeout=1800)
    if "Ray did not start on this machine" in said:
        pytest.skip("Ray did not start in time: the machine is too busy")
    assert process.returncode == 1, said
    assert states("ray") == states("here")
    same("here", "ray")
    settings = [Path(name, "settings.json").read_text() for name in ("here", "ray")]
    assert json.loads(settings[0]) == json.loads(settings[1])
    if not killed:
        pytest.skip("no worker was seen at work: both engines are equal, and none was killed")
    assert sorted(int(row["tries"]) for row in rows("ray").values())[-1] == 2
