"""Many scenes on a Ray cluster: actors that load the model once and do a unit at a time.

Files are read and written by the actors: scenes, adapter and output folder need the same paths on
all machines. An actor that is lost is replaced; its unit is handed out again.
"""

import math
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pointsam.errors import InputError, in_words
from pointsam.prediction.many.manifest import Row
from pointsam.prediction.many.work import Outcome, Segment, Unit, Work, attempt

BATCH = 64
"""Windows of a unit, where a scene has more."""

_CONNECTING = 5.0
"""Seconds in which a cluster must answer."""
_ABSENT = 300.0
"""Seconds after which it is said that no actor could be started."""
_STARTS = 3
"""Times that Ray is started on this machine before that is given up."""
_MAX_NEW = 10
"""The run ends after so many actors in a row were lost before finishing a unit."""


@dataclass(frozen=True)
class RayCluster:
    """Where actors run, and how many."""

    address: str | None = None
    """HOST:PORT of a cluster, or ``auto`` for the one of this machine; None starts one here."""
    workers: int | None = None
    """Number of actors; None for as many as the cluster can hold."""
    cpus: int = 1
    """CPUs of an actor, which is also its number of threads."""
    gpus: int | None = None
    """GPUs of an actor; None for one if the cluster has any."""


class _Actor:
    """Holds a model. It answers `ready` before it is given work."""

    def __init__(self, open_segment: Callable[[], Segment]) -> None:
        self._open = open_segment
        self._segment: Segment | None = None

    def ready(self) -> str | None:
        """Load the model; return its fault, or None."""
        try:
            self._segment = self._open()
        except (InputError, FileNotFoundError) as error:
            return str(error)
        return None

    def do(self, unit: Unit) -> Outcome:
        """Do one unit."""
        assert self._segment is not None
        return attempt(self._segment, unit)


def run_on_ray(
    work: Work, open_segment: Callable[[], Segment], cluster: RayCluster
) -> Iterator[Row]:
    """Do all work on a cluster, and give a row for each finished scene.

    Raises:
        InputError: Ray is not installed, no cluster answers, or the model cannot be loaded there.
    """
    ray = _connected(cluster)
    try:
        yield from _Pool(ray, cluster, open_segment).rows(work)
    finally:
        ray.shutdown()


class _Pool:
    """The actors of a run. Each has exactly one open call."""

    def __init__(self, ray: Any, cluster: RayCluster, open_segment: Callable[[], Segment]) -> None:
        self._ray = ray
        found = ray.cluster_resources()
        gpus = min(1, int(found.get("GPU", 0))) if cluster.gpus is None else cluster.gpus
        room = found.get("GPU", 0) / gpus if gpus else found.get("CPU", 1) / cluster.cpus
        self._count = cluster.workers or max(1, math.floor(room))
        self._make = ray.remote(_Actor).options(
            num_cpus=cluster.cpus, num_gpus=gpus, max_restarts=0, max_task_retries=0
        )
        self._open = open_segment
        self._calls: dict[Any, tuple[Any, Unit | None]] = {}
        """Open calls with their actor and unit; the unit is None while the model loads."""
        self._idle: list[Any] = []
        self._new = 0
        """Number of actors lost one after another before any finished a unit."""

    def rows(self, work: Work) -> Iterator[Row]:
        """Do all work."""
        for _ in range(min(self._count, len(work.waiting))):
            self._begin_actor()
        while True:
            self._hand_out(work)
            if not work.waiting and not any(unit for _, unit in self._calls.values()):
                return
            done, _ = self._ray.wait(list(self._calls), timeout=_ABSENT)
            if not done and not any(unit for _, unit in self._calls.values()):
                raise InputError(
                    f"no Ray worker could be started in {_ABSENT:g} s: does the cluster have the "
                    "CPUs or GPUs that a worker asks for ('ray status')?"
                )
            for call in done:
                row = self._answered(call, work)
                if row is not None:
                    yield row

    def _begin_actor(self) -> None:
        actor = self._make.remote(self._open)
        self._calls[actor.ready.remote()] = (actor, None)

    def _hand_out(self, work: Work) -> None:
        while self._idle and (unit := work.next()) is not None:
            actor = self._idle.pop()
            self._calls[actor.do.remote(unit)] = (actor, unit)

    def _answered(self, call: Any, work: Work) -> Row | None:
        """Receive one answer; the actor is then idle, or replaced if it was lost."""
        actor, unit = self._calls.pop(call)
        try:
            answer = self._ray.get(call)
        except self._ray.exceptions.RayTaskError as error:
            raise (error.cause or error) from error
        except self._ray.exceptions.RayActorError as error:
            return self._replace(unit, in_words(error), work)
        self._idle.append(actor)
        if unit is None:
            if answer is not None:
                raise InputError(answer)
            return None
        self._new = 0
        return work.take(unit, answer)

    def _replace(self, unit: Unit | None, reason: str, work: Work) -> Row | None:
        if unit is None:
            self._new += 1
            if self._new >= _MAX_NEW:
                raise InputError(
                    f"Ray workers are lost as they begin ({reason}): is this version of pointsam "
                    "installed on all machines, and is the memory enough?"
                )
        self._begin_actor()
        return None if unit is None else work.lost(unit, reason)


def _connected(cluster: RayCluster) -> Any:
    """Give Ray, joined to a cluster.

    Raises:
        InputError: it is not installed, or no cluster answers.
    """
    try:
        import ray
    except ImportError as error:
        raise InputError(
            "--engine ray needs Ray: install it with  pip install 'pointsam[ray]'."
        ) from error
    address = cluster.address
    if address is not None and address != "auto":
        _refuse_silence(address)
    quiet = {"logging_level": "ERROR", "log_to_driver": False}
    if address is None:
        _start_here(ray, cluster, quiet)
        return ray
    try:
        ray.init(address, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = "this machine" if address == "auto" else address
        raise InputError(
            f"no Ray cluster answers at {where} ({in_words(error)}): start one with "
            "'ray start --head', or leave --ray-address out."
        ) from error
    return ray


def _start_here(ray: Any, cluster: RayCluster, quiet: dict[str, Any]) -> None:
    """Start Ray on this machine; it gives itself half a minute, which a busy one may not keep.

    Raises:
        InputError: it did not start, several times.
    """
    cpus = None if cluster.workers is None else cluster.workers * cluster.cpus
    for left in reversed(range(_STARTS)):
        try:
            ray.init("local", num_cpus=cpus, include_dashboard=False, **quiet)
        except Exception as error:  # Ray raises no narrower one
            ray.shutdown()
            if not left:
                raise InputError(
                    f"Ray did not start on this machine ({in_words(error)}): is it very busy? "
                    "--engine local does without."
                ) from error
        else:
            return


def _refuse_silence(address: str) -> None:
    """Refuse an address at which nobody listens; Ray itself would try for a minute.

    Raises:
        InputError: no HOST:PORT, or no answer.
    """
    host, colon, port = address.rpartition(":")
    if not (colon and host and port.isdecimal() and int(port) < 2**16 and "/" not in host):
        raise InputError(
            f"--ray-address {address}: give HOST:PORT of the cluster's head (6379 is usual), or "
            "auto for the one on this machine."
        )
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECTING).close()
    except OSError as error:
        raise InputError(
            f"no Ray cluster answers at {address} ({error.strerror or error}): is the address that "
            "of 'ray start --head', and open to this machine?"
        ) from error
