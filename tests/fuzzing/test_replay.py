"""Every reader, on sound inputs, on inputs that once broke a promise, and on drawn changes."""

import os
import time
import zlib
from contextlib import nullcontext, suppress
from itertools import count
from pathlib import Path
from random import Random

import pytest
from tests.fuzzing.mutations import mutate
from tests.fuzzing.oracle import BrokenPromiseError, Guard, promised
from tests.fuzzing.readers import READERS, try_input
from tests.fuzzing.world import OUTSIDE, make_world

from pointsam.errors import InputError

CORPUS = Path(__file__).parent / "corpus"
"""Inputs that broke a promise once, a folder a reader."""

DRAWS = int(os.environ.get("POINTSAM_FUZZ_DRAWS", "16"))
"""Changed inputs of each reader, at least."""

SECONDS = float(os.environ.get("POINTSAM_FUZZ_SECONDS", "0"))
"""Time for more of them; which ones they are does not depend on it."""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def guard(world):
    guard = Guard(world / OUTSIDE)
    yield guard
    guard.let_go()


@pytest.mark.parametrize("name", READERS)
def test_a_sound_input_is_read(name, world):
    for content in READERS[name].seeds():
        with suppress(InputError) if _is_deep(content) else nullcontext():
            try_input(READERS[name], content, world)


def _is_deep(content):
    """Say whether a picture has values that 8 bits do not hold: those are refused."""
    return content[:4] == b"\x89PNG" and content[24] == 16


@pytest.mark.parametrize("name", READERS)
def test_a_changed_input_is_read_or_refused(name, world, guard):
    reader = READERS[name]
    found = reader.seeds()
    random = Random(zlib.crc32(name.encode()))
    kept = [file.read_bytes() for file in sorted((CORPUS / name).glob("*"))]
    least = len(kept) + DRAWS // (4 if reader.slow else 1)
    end = time.monotonic() + SECONDS
    for number in count():
        if number >= least and time.monotonic() >= end:
            return
        content = kept[number] if number < len(kept) else mutate(random.choice(found), random)
        with promised(guard, what=f"{name}: {content[:300]!r}"):
            try_input(reader, content, world)


def test_a_broken_promise_is_seen(world, guard):
    with pytest.raises(BrokenPromiseError, match="KeyError"), promised(guard, what="a"):
        {}["a"]
    with pytest.raises(BrokenPromiseError, match=r"opened outside/secret\.png"):
        with promised(guard, what="a"):
            (world / OUTSIDE / "secret.png").read_bytes()
