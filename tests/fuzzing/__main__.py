"""All readers, one after the other, with a report (``python -m tests.fuzzing --minutes 10``).

What was found before is the beginning of the next run: the corpus stays in the folder.
"""

import argparse
import json
import os
import re
import sys
import time
from pathlib import Path

REPORT = "report.json"

_COUNTED = {
    "inputs": r"stat::number_of_executed_units:\s*(\d+)",
    "memory_mib": r"stat::peak_rss_mb:\s*(\d+)",
    "coverage": r"cov: (\d+)",
}


def main() -> int:
    """Fuzz; the exit status is 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzzing", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="of each reader")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="readers; all if not given")
    parser.add_argument("--folder", type=Path, default=Path("fuzzing"), help="of corpus and report")
    args = parser.parse_args()
    try:
        from tests.fuzzing.one import READERS
    except ModuleNotFoundError as error:
        if error.name != "atheris":
            raise
        print("atheris is not installed: pip install -e '.[fuzz]'", file=sys.stderr)
        return 2
    report = args.folder / REPORT
    known = json.loads(report.read_text()) if report.is_file() else {}
    for name in args.only or READERS:
        found = _fuzz(name, args.folder, seconds=max(1, round(60 * args.minutes)))
        before = known.get(name, {"inputs": 0, "seconds": 0.0})
        known[name] = found | {
            key: round(found[key] + before[key], 1) for key in ("inputs", "seconds")
        }
        report.write_text(json.dumps(known, indent=1))
        print(name, known[name], flush=True)
    return int(any(entry["faults"] for entry in known.values()))


def _fuzz(name: str, folder: Path, *, seconds: int) -> dict[str, float]:
    """Fuzz one reader in a process of its own, and count."""
    from tests.fuzzing.one import fuzz

    faults, said = folder / "faults" / name, folder / "log" / f"{name}.txt"
    said.parent.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    child = os.fork()
    if not child:
        with said.open("wb") as stream:
            os.dup2(stream.fileno(), 2)
        fuzz(name, folder / name, faults, seconds=seconds)
        os._exit(0)
    os.waitpid(child, 0)
    text = said.read_text(errors="replace")
    counted = {key: re.findall(form, text) for key, form in _COUNTED.items()}
    kept = [path for path in faults.glob("*") if path.suffix != ".why"] if faults.is_dir() else []
    found: dict[str, float] = {key: int(v[-1]) if v else 0 for key, v in counted.items()}
    return found | {"seconds": time.monotonic() - begun, "faults": len(kept)}


if __name__ == "__main__":
    sys.exit(main())
