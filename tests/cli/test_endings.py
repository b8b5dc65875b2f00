"""How the command line ends: in one line, whatever it is asked to print or to end for."""

import argparse
import io
import os
import signal
import subprocess
import sys

import pytest

from pointsam.cli import main as command_line
from pointsam.cli.caller import end_with_caller
from pointsam.cli.main import main, make_parser


def test_values_below_zero_are_values():
    words = ["predict", "a.tif", "--point", "1,2", "-o", "o", "--stretch", "-17.5,-5.8"]
    assert make_parser(words).parse_args(words).stretch == (-17.5, -5.8)


def ending(monkeypatch, run):
    parser = argparse.ArgumentParser()
    parser.set_defaults(run=run)
    monkeypatch.setattr(command_line, "make_parser", lambda words: parser)
    return main([])


def test_sigterm_ends_in_one_line(monkeypatch, capsys):
    before = signal.getsignal(signal.SIGTERM)
    assert ending(monkeypatch, lambda _: os.kill(os.getpid(), signal.SIGTERM) or 0) == 143
    assert capsys.readouterr().err.count("\n") == 1
    assert signal.getsignal(signal.SIGTERM) == before


def test_names_are_printed_in_any_encoding(monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", out)
    assert ending(monkeypatch, lambda _: sys.stdout.write("\u5c4b roof\n") and 0) == 0
    assert out.buffer.getvalue() == b"? roof\n"


def test_a_closed_stdout_is_no_fault(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert ending(monkeypatch, lambda _: sys.stdout.write("roof") and 0) == 0
    sys.stdout.close()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "the memory is full"),
        (OSError(36, "File name too long", "aaa"), "aaa: File name too long"),
        (OSError(30, "Read-only file system", "aaa"), "aaa: Read-only file system"),
        (FileNotFoundError("\x1b[31mred"), "?[31mred"),
    ],
)
def test_what_the_system_refuses_is_one_line(monkeypatch, capsys, error, words):
    def fail(_):
        raise error

    assert ending(monkeypatch, fail) == 2
    told = capsys.readouterr().err
    assert words in told
    assert "\x1b" not in told


WAITING = """
import sys, time
from pointsam.cli.caller import end_with_caller
end_with_caller()
print("here", flush=True)
time.sleep(60)
"""


def waiting(**variables):
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING],
        env={**os.environ, **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"here\n"
    process.stdin.close()
    return process


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_command_ends_with_the_program_that_started_it():
    with waiting(POINTSAM_END_WITH_STDIN="1") as process:
        assert process.wait(timeout=20) == -signal.SIGTERM


def test_without_being_asked_the_end_of_stdin_ends_nothing():
    with waiting(POINTSAM_END_WITH_STDIN="") as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        process.kill()


def test_the_wish_is_not_handed_on(monkeypatch):
    monkeypatch.setenv("POINTSAM_END_WITH_STDIN", "1")
    monkeypatch.setattr(sys, "stdin", None)
    end_with_caller()
    assert "POINTSAM_END_WITH_STDIN" not in os.environ
