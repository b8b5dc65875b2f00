"""What the benchmarks share: a process a case, peak memory, seconds by part, medians, JSON.

A process's peak memory never falls, so each case that is measured for memory runs in its own.
"""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
from collections import defaultdict
from contextlib import contextmanager
from functools import wraps
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

LIBRARIES = ("torch", "transformers", "peft", "numpy")


class Parts:
    """Adds up wall time by part; a part that runs inside another is not counted in both."""

    def __init__(self):
        self._seconds = defaultdict(float)
        self._open = []
        self._since = 0.0

    @contextmanager
    def part(self, name):
        """Count the block under `name`."""
        self._turn()
        self._open.append(name)
        try:
            yield
        finally:
            self._turn()
            self._open.pop()

    def timed(self, function, name):
        """Wrap a function so that its calls count under `name`, a text or what gives one."""

        @wraps(function)
        def wrapper(*args, **kwargs):
            with self.part(name if isinstance(name, str) else name(*args)):
                return function(*args, **kwargs)

        return wrapper

    def take(self):
        """Give the seconds by part since the last call."""
        taken = dict(self._seconds)
        self._seconds.clear()
        return taken

    def _turn(self):
        """Give the time since the last change to the part that was running."""
        now = perf_counter()
        if self._open:
            self._seconds[self._open[-1]] += now - self._since
        self._since = now


def peak_gib():
    """Most memory this process ever held.

    Not ``ru_maxrss``, which a process takes over from the one that started it.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return round(int(line.split()[1]) / 2**20, 3)
    raise OSError("no VmHWM in /proc/self/status: memory is measured on Linux alone.")


def run_case(script, case, *, limit_gib):
    """Measure one case in a process of its own, by ``script --case``.

    Returns:
        The case with what was found, or with "failed": also where it asked for more than
        `limit_gib`, which would take the machine from everybody else.
    """
    # What the pointsam command asks for too.
    environment = {"THP_MEM_ALLOC_ENABLE": "1"} | os.environ

    def bound():
        most = int(limit_gib * 2**30)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))

    done = subprocess.run(
        [sys.executable, script, "--case", json.dumps(case)],
        capture_output=True,
        text=True,
        env=environment,
        preexec_fn=bound,
    )
    lines = done.stdout.splitlines()
    if done.returncode == 0 and lines:
        return case | json.loads(lines[-1])
    said = done.stderr.strip().splitlines()[-1:] or [f"status {done.returncode}"]
    if "allocate memory" in done.stderr or "MemoryError" in done.stderr:
        said = [f"more than {limit_gib:g} GiB"]
    return case | {"failed": said[0]}


def seconds(action, *, times, warm=True):
    """Wall seconds of each of some calls, after one that is not counted (`warm`)."""
    if warm:
        action()
    taken = []
    for _ in range(times):
        start = perf_counter()
        action()
        taken.append(perf_counter() - start)
    return taken


def median(values):
    """Give the median, to a tenth of a millisecond."""
    return round(statistics.median(values), 4)


def median_parts(runs):
    """Give the median of each part over some runs."""
    names = list(dict.fromkeys(name for run in runs for name in run))
    return {name: median([run.get(name, 0.0) for run in runs]) for name in names}


def show_and_write(path, found):
    """Print what was found, a line a figure, and write it as a report of one row."""
    for name, value in found.items():
        print(f"  {name:<20} {value if not isinstance(value, float) else round(value, 3)}")
    write_report(path, [found])


def write_report(path, rows):
    """Write the rows with what they were made by; names of files stay, folders do not."""
    words = [Path(sys.argv[0]).name, *(Path(word).name for word in sys.argv[1:])]
    report = {
        "command": "python benchmarks/" + " ".join(words),
        "commit": _commit(),
        "machine": _machine(),
        "rows": rows,
    }
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        print(f"written: {path}", flush=True)


def _commit():
    asked = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    return subprocess.run(asked, capture_output=True, text=True).stdout.strip()


def _machine():
    cpu = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "CPU": cpu[0] if cpu else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "load_at_end": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in LIBRARIES},
    }
