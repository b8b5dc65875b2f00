"""One reader under a fuzzer that follows coverage, in the process that calls it.

Inputs that break a promise are kept, once for each place in the code, and the fuzzer goes on.
"""

import hashlib
import sys
import tempfile
import traceback
from pathlib import Path
from random import Random

import atheris

with atheris.instrument_imports(include=["pointsam"]):
    from tests.fuzzing.readers import READERS, try_input

from tests.fuzzing.mutations import mutate
from tests.fuzzing.oracle import BrokenPromiseError, Guard, promised
from tests.fuzzing.world import OUTSIDE, make_world

_MAX_INPUT = 2**16

_LIMITS = (
    "-rss_limit_mb=3072",
    "-timeout=30",
    f"-max_len={_MAX_INPUT}",
    "-print_final_stats=1",
    "-report_slow_units=60",
)
"""Of the fuzzer, which ends at them; those of the oracle are narrower."""


def fuzz(name: str, corpus: Path, faults: Path, *, seconds: int) -> None:
    """Fuzz until the time is over; does not return."""
    reader = READERS[name]
    world = make_world(Path(tempfile.mkdtemp(prefix="fuzz.")))
    guard = Guard(world / OUTSIDE)
    for folder in (corpus, faults):
        folder.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(reader.seeds()):
        (corpus / f"seed-{number}").write_bytes(content)

    def one_input(content: bytes) -> None:
        try:
            with promised(guard, what=name):
                try_input(reader, content, world)
        except BrokenPromiseError as error:
            _keep(faults, content, error)

    def change(content: bytes, max_size: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < 0.5:
            return mutate(content, random)[:max_size]
        return atheris.Mutate(content, max_size)

    options = [*_LIMITS, f"-artifact_prefix={faults}/", f"-max_total_time={seconds}"]
    atheris.Setup([sys.argv[0], str(corpus), *options], one_input, custom_mutator=change)
    atheris.Fuzz()


def _keep(faults: Path, content: bytes, error: BrokenPromiseError) -> None:
    """Keep an input under the place that it broke, the shortest one of each."""
    cause = error.__cause__ or error
    frames = traceback.extract_tb(cause.__traceback__)
    inside = [f"{Path(f.filename).name}:{f.lineno}" for f in frames if "pointsam" in f.filename]
    place = f"{type(cause).__name__} {inside[-1] if inside else error}"
    path = faults / hashlib.sha256(place.encode()).hexdigest()[:12]
    if not path.exists() or len(content) < path.stat().st_size:
        path.write_bytes(content)
        path.with_suffix(".why").write_text(f"{place}\n{error}\n")
