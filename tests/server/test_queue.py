"""The fair queue: turns, bounds, cancelling."""

from threading import Event

import pytest

from pointsam.server.queue import BusyError, FairQueue


def test_a_client_with_much_work_lets_others_between():
    queue, gate, done = FairQueue("test"), Event(), []
    queue.submit("first", gate.wait)
    greedy = [queue.submit("greedy", lambda n=n: done.append(f"greedy {n}")) for n in range(5)]
    late = queue.submit("late", lambda: done.append("late"))
    gate.set()
    for future in (*greedy, late):
        future.result(timeout=10)
    assert done == ["greedy 0", "late", "greedy 1", "greedy 2", "greedy 3", "greedy 4"]
    queue.close()


def test_cancelled_work_never_runs_and_frees_its_place():
    queue, gate, done = FairQueue("test", max_waiting=2), Event(), []
    running = queue.submit("first", gate.wait)
    while not running.running():
        pass
    gone = queue.submit("gone", lambda: done.append("gone"))
    queue.submit("stays", lambda: done.append("stays"))
    with pytest.raises(BusyError, match="2 requests wait"):
        queue.submit("more", lambda: None)
    assert gone.cancel()
    last = queue.submit("more", lambda: done.append("more"))
    gate.set()
    last.result(timeout=10)
    assert done == ["stays", "more"]
    queue.close()


def test_an_error_reaches_the_one_who_asked_and_the_queue_goes_on():
    queue = FairQueue("test")

    def broken():
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        queue.submit("a", broken).result(timeout=10)
    assert queue.submit("a", lambda: 3).result(timeout=10) == 3
    queue.close()
    with pytest.raises(BusyError):
        queue.submit("a", lambda: 3)
