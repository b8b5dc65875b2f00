"""Outlines from the owner raster: exact, whatever blocks it is made in, and in time."""

import time

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.prediction.colour_model import write_scene

from pointsam.data.rasters.scene import open_scene
from pointsam.prediction.scenes.logit_maps import LogitMap, Overlaps
from pointsam.prediction.scenes.outlines import joined
from pointsam.prediction.scenes.vectors import outline
from pointsam.prediction.tracing import trace


def blocks_of(owners, side):
    for y in range(0, owners.shape[0], side):
        for x in range(0, owners.shape[1], side):
            part = owners[y : y + side, x : x + side]
            yield (x, y, x + part.shape[1], y + part.shape[0]), part


@settings(max_examples=30)
@given(seed=st.integers(0, 2**16), side=st.integers(1, 9))
def test_blocks_leave_no_trace(seed, side):
    owners = np.random.default_rng(seed).integers(0, 4, (8, 9)).repeat(2, axis=0)
    for index in (1, 2, 3):
        mask = owners == index
        parts = [
            part
            for (x, y, *_), block in blocks_of(mask, side)
            for part in trace(block, corner=(x, y)).geoms
        ]
        whole = trace(mask)
        found = joined(parts) if parts else whole
        assert found.is_valid
        assert found.equals(whole)
        assert shapely.get_num_coordinates(found) <= shapely.get_num_coordinates(whole)


def test_two_thousand_touching_objects_are_traced_in_seconds(tmp_path):
    path = write_scene(tmp_path / "a.tif", [], size=(1024, 1024))
    random = np.random.default_rng(0)
    rows, cols = np.mgrid[:256, :256]
    with open_scene(path) as scene:
        corner = (float(scene.grid.x), float(scene.grid.y))
        maps = []
        for x, y in random.uniform(0, 256, (2000, 2)):
            logits = 6 - np.hypot(cols - x, rows - y)  # each meets a dozen others
            logits[random.integers(0, 256, 2), random.integers(0, 256, 2)] = 1  # and has specks
            maps.append(LogitMap(logits.astype(np.float16), corner, (4.0, 4.0)))
        start = time.process_time()
        overlaps = Overlaps(maps, within=scene.grid.box, exclusive=True)
        found = outline(overlaps, len(maps), scene)
        taken = time.process_time() - start
    assert shapely.is_valid(found.polygons).all()
    assert found.area_px.sum() * 0.25 == shapely.area(found.polygons).sum()
    assert taken < 30, f"{taken:.1f} s of CPU time"
