"""Where the seconds of a step go."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class PartTimer:
    """Adds up the wall time of named parts.

    On a GPU, whose work is queued, a part's time is that of queueing it; profile there.
    """

    def __init__(self) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the block's seconds under `name`."""
        start = perf_counter()
        try:
            yield
        finally:
            self._seconds[name] += perf_counter() - start

    def take(self) -> dict[str, float]:
        """Give the seconds since the last call, and begin anew."""
        taken = dict(self._seconds)
        self._seconds.clear()
        return taken
