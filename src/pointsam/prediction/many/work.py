"""The work that many scenes are: what is handed out next, and what came back.

A worker is given one unit at a time and asks for the next when it has answered: nothing piles up.
A scene with many windows is cut into units of some windows each, and then written by one more.
"""

import errno
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

from pointsam.errors import InputError
from pointsam.prediction.many.manifest import Row, State
from pointsam.prediction.many.scene_list import ListedScene
from pointsam.prediction.scenes.run import Shard

MAX_TRIES = 3
"""Times that a unit is handed out whose worker is lost each time."""


@dataclass(frozen=True)
class Unit:
    """One unit of work: a scene, or some of its windows."""

    scene: ListedScene
    max_windows: int | None = None
    """Windows of a scene above which it is not done but cut into units; None for no limit."""
    shard: Shard | None = None
    """Some of the scene's windows; None for all, and for writing the outputs."""
    tries: int = 1
    """This one included."""


@dataclass(frozen=True)
class Outcome:
    """The result of one unit."""

    state: State | Literal["cut", "part"]
    """``cut``: the scene has too many windows for one unit; ``part``: windows are done."""
    windows: int = 0
    """Of the whole scene."""
    objects: int = 0
    empty: int = 0
    note: str = ""
    error: str = ""
    content: str = ""
    """Hash of the scene that was segmented."""
    stamp: str = ""
    seconds: float = 0.0


Segment = Callable[[Unit], Outcome]
"""A function that does one unit; `attempt` reports its errors."""


def attempt(segment: Segment, unit: Unit) -> Outcome:
    """Do a unit, and turn what is wrong with its scene into an outcome.

    Raises:
        OSError: the disk is full, so that no other scene would end better.
    """
    begun = time.perf_counter()
    try:
        outcome = segment(unit)
    except (InputError, FileNotFoundError) as error:
        outcome = Outcome("failed", error=" ".join(str(error).split()))
    except Exception as error:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            raise
        place = traceback.extract_tb(error.__traceback__)[-1]
        told = f"{type(error).__name__}: {error} ({place.name}, line {place.lineno})"
        outcome = Outcome("failed", error=" ".join(told.split()))
    return replace(outcome, seconds=outcome.seconds + time.perf_counter() - begun)


@dataclass
class _Progress:
    """The state of an unfinished scene."""

    seconds: float = 0.0
    tries: int = 1
    left: int = 0
    """Number of units without a result."""
    failed: str = ""
    """Why the scene cannot be finished."""


@dataclass
class Work:
    """The waiting units and the unfinished scenes."""

    waiting: deque[Unit]
    _scenes: dict[ListedScene, _Progress] = field(default_factory=dict)

    @classmethod
    def of(cls, scenes: Iterable[ListedScene], *, max_windows: int | None = None) -> "Work":
        """Make one unit of each scene; a scene with many windows is divided later."""
        return cls(deque(Unit(scene, max_windows) for scene in scenes))

    def next(self) -> Unit | None:
        """Give the next unit; None if no unit waits."""
        return self.waiting.popleft() if self.waiting else None

    def take(self, unit: Unit, outcome: Outcome) -> Row | None:
        """Receive the outcome of a unit; return the row of its scene once that is finished."""
        known = self._scenes.setdefault(unit.scene, _Progress())
        known.seconds += outcome.seconds
        known.tries = max(known.tries, unit.tries)
        if outcome.state == "cut":
            assert unit.max_windows is not None
            count = -(-outcome.windows // unit.max_windows)
            known.left = count
            units = [replace(unit, shard=Shard(i, count), tries=1) for i in range(1, count + 1)]
            # Before other scenes: few scenes are open at a time.
            self.waiting.extendleft(reversed(units))
            return None
        if unit.shard is None:
            return self._finished(unit, outcome)
        known.left -= 1
        if outcome.state != "part":
            known.failed = known.failed or outcome.error
        if known.left:
            return None
        if known.failed:
            return self._finished(unit, Outcome("failed", error=known.failed))
        self.waiting.appendleft(Unit(unit.scene))
        return None

    def lost(self, unit: Unit, reason: str) -> Row | None:
        """Hand a unit out again whose worker was lost; gives a row after too many losses."""
        if unit.tries < MAX_TRIES:
            self.waiting.appendleft(replace(unit, tries=unit.tries + 1))
            return None
        error = f"its worker was lost {unit.tries} times ({reason}); is the memory enough?"
        return self.take(unit, Outcome("failed", error=error))

    def _finished(self, unit: Unit, outcome: Outcome) -> Row:
        known = self._scenes.pop(unit.scene)
        assert outcome.state != "cut"
        assert outcome.state != "part"
        return Row(
            scene=str(unit.scene.path),
            folder=unit.scene.folder,
            state=outcome.state,
            seconds=round(known.seconds, 2),
            windows=outcome.windows,
            objects=outcome.objects,
            empty=outcome.empty,
            tries=known.tries,
            note=outcome.note,
            error=outcome.error,
            content=outcome.content,
            stamp=outcome.stamp,
        )


def run_here(work: Work, open_segment: Callable[[], Segment]) -> Iterator[Row]:
    """Do all work in this process, and give a row for each finished scene."""
    segment = open_segment()
    while (unit := work.next()) is not None:
        row = work.take(unit, attempt(segment, unit))
        if row is not None:
            yield row
