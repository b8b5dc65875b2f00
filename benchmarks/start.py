"""Seconds until the command line answers: the package, its help, the help of a command.

    python benchmarks/start.py --report docs/performance/start.json

Each call is a process of its own, as a user's is; a row is the median of some, after one that
reads the files from disk. Beside wall time stands CPU time, which a busy machine changes less.
The help of a command imports all that the command needs.
"""

import argparse
import resource
import subprocess
import sys
from pathlib import Path
from time import perf_counter

from measuring import median, write_report

CASES = {
    "python -c pass": ["-c", "pass"],
    "import pointsam": ["-c", "import pointsam"],
    "pointsam --help": ["-m", "pointsam", "--help"],
    "pointsam data --help": ["-m", "pointsam", "data", "--help"],
    "pointsam predict --help": ["-m", "pointsam", "predict", "--help"],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=7)
    parser.add_argument("--report", type=Path)
    args = parser.parse_args()
    rows = []
    for name, words in CASES.items():
        call(words)
        taken = [call(words) for _ in range(args.times)]
        wall, cpu = (median(values) for values in zip(*taken, strict=True))
        rows.append({"what": name, "seconds": wall, "cpu_seconds": cpu})
        print(f"{name:<28}{wall:8.2f} s, {cpu:.2f} s of CPU", flush=True)
    write_report(args.report, rows)


def call(words):
    """Give wall and CPU seconds of one process."""
    start, used = perf_counter(), cpu_of_children()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return perf_counter() - start, cpu_of_children() - used


def cpu_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
