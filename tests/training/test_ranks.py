import os
import signal

import pytest
import torch
from tests.training import ranks_at_work
from tests.training.ranks_at_work import in_processes, trained

from pointsam.errors import InputError
from pointsam.training import pseudo_labels
from pointsam.training.ranks import (
    ALONE,
    RankLostError,
    Ranks,
    device_of_rank,
    joined_ranks,
    launched_ranks,
)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What two processes held after the same steps, and how they ended."""
    folder = tmp_path_factory.mktemp("ranks")
    ends = in_processes(["-m", "tests.training.ranks_at_work", str(folder)], count=2)
    held = [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]
    return held, ends


@pytest.fixture(scope="module")
def one():
    """What one process holds after the same steps."""
    agree_with_clicks = pseudo_labels.agree_with_clicks
    pseudo_labels.agree_with_clicks = ranks_at_work.all_but_the_second
    try:
        return trained(ALONE)
    finally:
        pseudo_labels.agree_with_clicks = agree_with_clicks


def difference(found, expected):
    """The largest relative difference of two sets of tensors."""
    assert found.keys() == expected.keys()
    return max(
        ((found[name].double() - tensor.double()).norm() / tensor.double().norm()).item()
        for name, tensor in expected.items()
    )


def test_two_processes_reach_the_adapter_of_one(one, two):
    (first, second), _ = two
    assert difference(first["plain"]["adapter"], one["adapter"]) < 1e-10
    for name, tensor in first["plain"]["adapter"].items():
        assert torch.equal(tensor, second["plain"]["adapter"][name])


@pytest.mark.parametrize("fault", ["dividing", "blind"])
def test_a_divided_gradient_or_unseen_features_would_be_noticed(one, two, fault):
    (first, _), _ = two
    assert difference(first[fault]["adapter"], one["adapter"]) > 1e-3


def test_bank_clusters_and_targets_are_those_of_one_process(one, two):
    for held in two[0]:
        assert "clusters.sums" in held["plain"]["bank"]
        assert difference(held["plain"]["bank"], one["bank"]) < 1e-10


def test_reports_and_measurements_are_over_all_images(one, two):
    for held in two[0]:
        for found, expected in zip(held["plain"]["reports"], one["reports"], strict=True):
            losses, norms, *counts = expected
            assert found[0] == pytest.approx(losses, rel=1e-6)
            assert found[1] == pytest.approx(norms, rel=1e-9)
            assert found[2:] == counts
        for found, expected in zip(held["plain"]["monitor"], one["monitor"], strict=True):
            assert found == pytest.approx(expected)
    # All terms were on, and some steps left one of the two processes without an image.
    last = one["reports"][-1]
    assert min(last[0].values()) > 0
    assert min(last[1].values()) > 0
    assert {report[2] for report in one["reports"]} & set(ranks_at_work.INSTANCES)


def test_rows_of_all_ranks_are_joined_in_order_and_own_ones_are_live(two):
    for rank, held in enumerate(two[0]):
        found = held["exchanged"]
        assert found["gathered"].flatten().tolist() == [0, 10, 11, 12]
        assert found["gradient"].flatten().tolist() == [[1], [1, 1, 1]][rank]
        assert found["empty"].tolist() == [[0]]
        assert found["from first"].tolist() == [[0]]
        assert found["told"] == {"step": 7}
        assert found["sum"].item() == 3


def test_a_fault_of_one_process_is_told_by_the_first_alone(two):
    first, second = two[1]
    assert "InputError: process 1: no image here" in first.stderr
    assert (second.stderr, second.returncode) == ("", 2)
    assert first.returncode != 0
    assert first.stderr.count("checking") == 1


@pytest.mark.parametrize(("items", "count"), [(5, 2), (1, 3), (0, 2), (8, 4)])
def test_shares_in_the_order_of_ranks_are_the_whole(items, count):
    shares = [Ranks(rank, count).share(range(items)) for rank in range(count)]
    assert [item for share in shares for item in share] == list(range(items))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_one_process_asks_nobody():
    rows = torch.ones(2, 3, requires_grad=True)
    assert ALONE.gather(rows) is rows
    assert ALONE.sum(rows) is rows
    assert ALONE.tell("x") == "x"
    ALONE.wait()
    with pytest.raises(InputError, match="as it was"), ALONE.agreeing():
        raise InputError("as it was")


def launched(monkeypatch, **values):
    places = {"RANK": 1, "WORLD_SIZE": 2, "LOCAL_RANK": 1, "MASTER_ADDR": "a", "MASTER_PORT": 1}
    for name, value in {**places, **values}.items():
        monkeypatch.setenv(name, str(value))


def test_the_environment_says_who_a_process_is(monkeypatch):
    assert launched_ranks() == ALONE
    launched(monkeypatch)
    assert launched_ranks() == Ranks(1, 2)


def test_each_process_of_a_machine_has_its_own_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device_of_rank("cuda") == "cuda"
    launched(monkeypatch)
    assert device_of_rank("cuda") == "cuda:1"
    assert device_of_rank("cpu") == "cpu"
    with pytest.raises(InputError, match="one GPU for 2 processes"):
        device_of_rank("cuda:1")
    launched(monkeypatch, LOCAL_RANK=2)
    with pytest.raises(InputError, match="lower --nproc-per-node"):
        device_of_rank("cuda")


def test_a_process_that_is_told_to_stop_says_so(monkeypatch):
    launched(monkeypatch)
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda *_, **__: None)
    before = signal.getsignal(signal.SIGTERM)

    def wait_for_the_end():
        with joined_ranks("cpu", timeout=1):
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()

    try:
        with pytest.raises(RankLostError, match="process 1 of 2 was told to stop"):
            wait_for_the_end()
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)
