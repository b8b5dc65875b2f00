"""A damaged state is never taken for a sound one; the one before it is kept."""

import hashlib
import logging

import pytest
import torch

from pointsam.errors import InputError
from pointsam.training.state import CHECKSUM_NAME, PREVIOUS_NAME, read_state


@pytest.fixture
def path(tmp_path):
    known = []
    for name, step in (("state.pt", 20), (PREVIOUS_NAME, 10)):
        torch.save({"data_key": {"images": "a", "settings": "b"}, "step": step}, tmp_path / name)
        known.append(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    (tmp_path / CHECKSUM_NAME).write_text("\n".join(known))
    return tmp_path / "state.pt"


def test_what_changed_is_named(path):
    assert read_state(path, data_key={"images": "a", "settings": "b"})["step"] == 20
    with pytest.raises(InputError, match=r"changed: images\)"):
        read_state(path, data_key={"images": "other", "settings": "b"})


def test_a_flipped_bit_goes_back_to_the_state_before(path, caplog):
    stored = bytearray(path.read_bytes())
    stored[len(stored) // 2] ^= 1
    path.write_bytes(stored)
    with caplog.at_level(logging.WARNING, "pointsam"):
        assert read_state(path)["step"] == 10
    assert "is damaged" in caplog.text
    path.with_name(PREVIOUS_NAME).unlink()
    with pytest.raises(InputError, match="is damaged: start again"):
        read_state(path)
