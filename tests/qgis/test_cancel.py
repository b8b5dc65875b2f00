"""Cancel ends all that was started, and the same work again goes on where it was."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from tests.qgis.plugin_files import QGIS_PROCESS, QGIS_PYTHON, qgis_environment
from tests.qgis.test_algorithms import LEFT, PIXEL, TOP, write

pytestmark = pytest.mark.skipif(
    not QGIS_PROCESS.exists(), reason="needs QGIS (Debian's qgis and python3-qgis)"
)

WIDTH, HEIGHT = 2600, 300
PLACES = [(60, 40), (400, 160), (1300, 100), (1700, 180), (2300, 60), (2480, 200)]
"""Upper left corners of roofs of 40 by 30 pixels, in three windows of the model."""
MARK = "POINTSAM_CANCEL_TEST"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cancel")
    noise = np.random.default_rng(0).integers(0, 12, (3, HEIGHT, WIDTH))
    pixels = (90 + noise).astype(np.uint8)
    for x, y in PLACES:
        pixels[:, y : y + 30, x : x + 40] = np.array((200, 60, 50))[:, None, None]
    profile = {"driver": "GTiff", "height": HEIGHT, "width": WIDTH, "count": 3, "dtype": "uint8"}
    place = {"crs": "EPSG:32632", "transform": from_origin(LEFT, TOP, PIXEL, PIXEL)}
    with rasterio.open(folder / "wide.tif", "w", **profile, **place) as file:
        file.write(pixels)
    middles = [[LEFT + PIXEL * (x + 20), TOP - PIXEL * (y + 15)] for x, y in PLACES]
    features = [
        {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": one}}
        for one in middles
    ]
    write(folder / "clicks.geojson", features)
    return folder


@pytest.fixture(scope="module")
def variables(folder):
    made = qgis_environment(folder)
    made["QGIS_PLUGINS"] = str(folder / "profiles" / "default" / "python" / "plugins")
    return {**made, MARK: "1"}


@pytest.mark.parametrize("name", ["segmentclicked", "label", "adapt"])
def test_cancel_ends_all_within_a_second_and_the_same_work_goes_on(folder, variables, name):
    script = Path(__file__).with_name("cancel_at_work.py")
    answer = subprocess.run(
        [QGIS_PYTHON, script, folder, name],
        env={**variables, MARK: name},
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    facts = json.loads(answer.stdout.splitlines()[-1])
    assert facts["was cancelled"]
    # A second is promised where the machine has time for it.
    busy = os.getloadavg()[0] > (os.cpu_count() or 1)
    assert facts["seconds"] < (5 if busy else 1)
    assert facts["left"] == []
    assert facts["left at the end"] == []
    if name == "adapt":  # the others read what is done, and count from the beginning
        assert facts["first"] >= 1
    assert facts["well"] or name == "adapt"  # which is cancelled again


def test_a_killed_qgis_leaves_no_command_behind(folder, variables):
    inputs = {"RASTER": folder / "wide.tif", "POINTS": folder / "clicks.geojson", "THREADS": 1}
    given = [f"{name}={value}" for name, value in (inputs | {"OUTPUT": folder / "k"}).items()]
    own = {**variables, MARK: "killed"}
    command = [QGIS_PROCESS, "plugins", "enable", "pointsam"]
    subprocess.run(command, env=own, capture_output=True, check=True, timeout=300)
    process = subprocess.Popen(
        [QGIS_PROCESS, "run", "pointsam:adapt", "--", *given],
        env=own,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: any("train" in line for line in below("killed")), 200)
        wait_for(lambda: (folder / "k").is_dir(), 200)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    wait_for(lambda: not below("killed"), 60)
    assert below("killed") == []


def below(mark):
    """List the commands of processes that inherited a mark, by process."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() not in (path / "environ").read_bytes().split(b"\0"):
                continue
            line = (path / "cmdline").read_bytes().decode().replace("\0", " ")
        except OSError:
            continue
        if line and int(path.name) != os.getpid():
            found.append(line)
    return found


def wait_for(fact, seconds):
    until = time.monotonic() + seconds
    while not fact() and time.monotonic() < until:
        time.sleep(0.1)
