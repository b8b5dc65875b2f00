import numpy as np
import pytest

from pointsam.data.windows import Window
from pointsam.errors import InputError
from pointsam.prediction.logit_maps import LogitMap
from pointsam.prediction.parts import begin, part_path, read_part, write_part
from pointsam.prediction.scenes import SceneMask

MANIFEST = {"points": "abc", "window": 1024, "bands": (1, 2, 3)}


def _mask(index, shape=(3, 4)):
    logits = np.random.default_rng(index).normal(size=shape).astype(np.float16)
    return SceneMask(index, LogitMap(logits, (1.5, -7.0), (4.0, 4.25)), 0.75, 1024, index > 2)


def test_a_part_comes_back_as_it_went(tmp_path):
    masks = [_mask(0), SceneMask(1, None, 0.1, 64, False), _mask(3, (1, 7)), _mask(4)]
    write_part(tmp_path / "a.npz", masks)
    for mask, again in zip(masks, read_part(tmp_path / "a.npz"), strict=True):
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
    write_part(tmp_path / "a.npz", [])
    assert read_part(tmp_path / "a.npz") == []
    write_part(tmp_path / "b.npz", [SceneMask(0, None, 0.5, 64, False)])
    assert read_part(tmp_path / "b.npz")[0].logits is None


def test_a_damaged_part_is_named(tmp_path):
    write_part(tmp_path / "a.npz", [_mask(0)])
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:100])
    with pytest.raises(InputError, match=r"a\.npz is damaged: delete it"):
        read_part(tmp_path / "a.npz")


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
