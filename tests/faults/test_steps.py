"""Whatever step on a file fails or is the last: the output is the old one or the new one, whole."""

import os
import zlib
from random import Random

import pytest
from tests.faults.commands import COMMANDS
from tests.faults.conftest import outputs
from tests.faults.injecting import STEPS, WRITE, Fault, run
from tests.faults.trees import left_over

EVERY = os.environ.get("POINTSAM_FAULTS") == "all"
"""Whether each step is met, as ``make faults`` does, or one of each kind."""


def faults_of(name, steps, sizes):
    """List where a command is met: at drawn steps, or at each."""
    random = Random(zlib.crc32(name.encode()))
    found = []
    for kind in STEPS:
        numbers = range(1, steps[kind] + 1)
        if EVERY:
            found += [Fault(kind, n, kills) for n in numbers for kills in (False, True)]
        elif numbers:
            found.append(Fault(kind, random.choice(numbers), random.random() < 0.5))
    limits = sorted({0, *(size // 2 for size in sizes), *(max(0, size - 1) for size in sizes)})
    if EVERY:
        return found + [Fault(WRITE, n, kills) for n in limits for kills in (False, True)]
    found.append(Fault(WRITE, random.choice(limits), random.random() < 0.5))
    return random.sample(found, 1 if COMMANDS[name].slow else 3)


@pytest.mark.parametrize(
    "name", [n for n, command in COMMANDS.items() if EVERY or not command.long]
)
def test_a_step_that_fails_or_ends_the_process_leaves_whole_outputs(name, clean, fresh):
    command = COMMANDS[name]
    ended, expected, folder = clean(name)
    made = [f for o in command.outputs for f in [folder / o, *folder.glob(f"{o}/**/*")]]
    sizes = [file.stat().st_size for file in made if file.is_file()]
    for fault in faults_of(name, ended.steps, sizes):
        check(command, fault, expected, fresh())


def check(command, fault, expected, folder):
    """Meet a command with a fault, look at what is left, and run it again."""
    met = run(command.words, folder, fault)
    place = f"{command.line}: {fault}: {met.status} {met.said}"
    assert not met.broke, place
    whole = outputs(command, folder) == expected
    if not met.killed:
        assert met.refused or (met.status == 0 and whole), place
        assert [n for n in left_over(folder) if not n.endswith(".unfinished")] == [], place
    if not command.resumes:
        begun = [name for name in command.outputs if (folder / name).exists()]
        assert whole or not begun or "kept" in begun, f"{place}: half an output {begun}"
    if whole:
        return
    again = _again(command, folder)
    assert again.status == 0, f"{place}; again: {again.said}"
    assert outputs(command, folder) == expected, f"{place}: another output the second time"


def _again(command, folder):
    if command.resumes:
        resumed = run([*command.words, "--resume"], folder)
        if not (resumed.refused and "run without --resume" in resumed.said[-1]):
            return resumed
    return run(command.words, folder)


def test_a_fault_is_met(fresh):
    folder = fresh()
    command = COMMANDS["points draw"]
    assert run(command.words, folder, Fault("rename", 1, kills=True)).killed
    failed = run(command.words, folder, Fault("open", 1))
    assert failed.refused
    assert "the disk is full" in failed.said[-1]
    assert run(command.words, folder, Fault(WRITE, 10)).refused
