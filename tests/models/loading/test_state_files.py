import torch

from pointsam.models.loading.state_files import save_tensors


def test_equal_states_have_equal_bytes_whoever_made_their_strings(tmp_path):
    """A run that was resumed keeps strings of its file, and others of its own."""
    tensor = torch.ones(2)
    for name, again in (("one", "step"), ("other", "".join(["st", "ep"]))):
        state = {
            "step": 1,
            "optimizer": {0: {again: tensor, "betas": (0.9, again)}},
            "names": [again],
        }
        save_tensors(state, tmp_path / f"{name}.pt")
    assert (tmp_path / "one.pt").read_bytes() == (tmp_path / "other.pt").read_bytes()
