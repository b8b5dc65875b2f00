from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from pointsam.data.rasters.windows import Window
from pointsam.errors import InputError
from pointsam.prediction.scenes.logit_maps import LogitMap
from pointsam.prediction.scenes.objects import SceneMask
from pointsam.prediction.scenes.parts import begin, part_path, read_part, run_id, write_part

MANIFEST = {"points": "abc", "window": 1024, "bands": (1, 2, 3)}


def _mask(index, shape=(3, 4)):
    logits = np.random.default_rng(index).normal(size=shape).astype(np.float16)
    return SceneMask(index, LogitMap(logits, (1.5, -7.0), (4.0, 4.25)), 0.75, 1024, index > 2)


def test_a_part_comes_back_as_it_went(tmp_path):
    masks = [_mask(0), SceneMask(1, None, 0.1, 64, False), _mask(3, (1, 7)), _mask(4)]
    write_part(tmp_path / "a.npz", masks, run="run")
    for mask, again in zip(masks, read_part(tmp_path / "a.npz", run="run"), strict=True):
        assert (mask.index, mask.score, mask.window, mask.cut) == (
            (again.index, again.score, again.window, again.cut)
        )
        if mask.logits is None:
            assert again.logits is None
            continue
        assert mask.logits.logits.dtype == again.logits.logits.dtype
        assert np.array_equal(mask.logits.logits, again.logits.logits)
        assert (mask.logits.corner, mask.logits.scale) == (again.logits.corner, again.logits.scale)


def test_a_part_may_hold_nothing(tmp_path):
    write_part(tmp_path / "a.npz", [], run="run")
    assert read_part(tmp_path / "a.npz", run="run") == []
    write_part(tmp_path / "b.npz", [SceneMask(0, None, 0.5, 64, False)], run="run")
    assert read_part(tmp_path / "b.npz", run="run")[0].logits is None


def test_a_damaged_part_is_named(tmp_path):
    write_part(tmp_path / "a.npz", [_mask(0)], run="run")
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:100])
    with pytest.raises(InputError, match=r"a\.npz is damaged: delete it"):
        read_part(tmp_path / "a.npz", run="run")


def test_whatever_is_damaged_in_a_part_is_one_message(tmp_path):
    path = tmp_path / "a.npz"
    write_part(path, [_mask(0), _mask(1)], run="run")
    whole = path.read_bytes()
    refused = 0
    for place in range(0, len(whole), 7):
        spoilt = bytearray(whole)
        spoilt[place] ^= 1 << (place % 8)
        path.write_bytes(spoilt)
        try:
            read_part(path, run="run")
        except InputError:
            refused += 1
    assert refused > len(whole) / 7 / 2


def test_a_part_of_another_run_is_refused(tmp_path):
    write_part(tmp_path / "a.npz", [_mask(0)], run=run_id(MANIFEST))
    with pytest.raises(InputError, match=r"a\.npz is of another run"):
        read_part(tmp_path / "a.npz", run=run_id({**MANIFEST, "window": 64}))


def test_a_run_that_was_killed_as_it_began_begins_again(tmp_path):
    for name, resume in (("a", False), ("b", True)):
        (tmp_path / name / "parts").mkdir(parents=True)
        (tmp_path / name / ".run.json.x1.json").touch()
        begin(tmp_path / name, MANIFEST, resume=resume)
        assert (tmp_path / name / "run.json").is_file()


def test_shards_may_begin_together(tmp_path):
    for number in range(20):
        folder = tmp_path / str(number)
        with ThreadPoolExecutor(4) as pool:
            jobs = [pool.submit(begin, folder, MANIFEST, resume=True) for _ in range(4)]
        for job in jobs:
            job.result()


def test_a_run_begins_in_a_new_folder_and_goes_on_in_its_own(tmp_path):
    begin(tmp_path / "run", MANIFEST, resume=False)
    with pytest.raises(InputError, match="exists already"):
        begin(tmp_path / "run", MANIFEST, resume=False)
    begin(tmp_path / "run", MANIFEST, resume=True)
    with pytest.raises(InputError, match="another points, another window"):
        begin(tmp_path / "run", {**MANIFEST, "points": "d", "window": 64}, resume=True)
    assert part_path(tmp_path / "run", Window(1, -2, 3, 4)).name == "x1_y-2_w3_h4.npz"


def test_resuming_what_never_began_begins(tmp_path):
    begin(tmp_path / "run", MANIFEST, resume=True)
    assert (tmp_path / "run" / "run.json").is_file()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "precious.txt").touch()
    with pytest.raises(InputError, match="exists already"):
        begin(tmp_path / "other", MANIFEST, resume=True)
