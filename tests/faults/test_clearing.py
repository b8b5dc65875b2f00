"""Whichever file ``cache --clear`` cannot remove, or removes last, the others are whole."""

import pytest
import torch
from tests.faults.injecting import REMOVE, Fault, run

from pointsam.models.cache import FeatureCache

ENTRIES = ("aa1", "ab2", "ba3", "bb4")


@pytest.fixture
def kept(tmp_path):
    """A cache of four entries, and a file of the user's beside them."""
    cache = FeatureCache(tmp_path / "kept", max_bytes=10**9)
    for number, name in enumerate(ENTRIES):
        cache.write(name, [torch.full((4,), float(number))])
    (tmp_path / "kept/notes.txt").write_text("mine")
    return tmp_path / "kept"


def whole(folder):
    """Count the entries that can be read, and see that each is what was stored."""
    cache = FeatureCache(folder, max_bytes=10**9)
    found = {name: cache.read(name) for name in ENTRIES}
    for number, tensors in enumerate(found.values()):
        assert tensors is None or tensors[0].tolist() == [number] * 4
    return sum(tensors is not None for tensors in found.values())


@pytest.mark.parametrize("number", range(1, len(ENTRIES) + 1))
@pytest.mark.parametrize("kills", [False, True])
def test_a_cache_that_is_cleared_in_part_is_whole(kept, number, kills):
    met = run(["cache", "kept", "--clear"], kept.parent, Fault(REMOVE, number, kills=kills))
    assert met.killed if kills else met.refused, met.said
    assert whole(kept) == len(ENTRIES) - number + 1
    again = run(["cache", "kept", "--clear"], kept.parent)
    assert again.status == 0, again.said
    assert whole(kept) == 0
    assert (kept / "notes.txt").read_text() == "mine"
