import errno
import subprocess
import sys
from argparse import Namespace
from importlib.metadata import version

import pytest

from pointsam.cli import main as command_line
from pointsam.cli.main import COMMANDS, main
from pointsam.errors import InputError


@pytest.fixture
def command(monkeypatch):
    """Let the command line run a function in place of a command."""

    def set_run(run):
        class Parser:
            def parse_args(self, argv):
                return Namespace(run=run)

        monkeypatch.setattr(command_line, "make_parser", Parser)

    return set_run


def raising(error):
    def run(args):
        raise error

    return run


def test_help_says_once_what_each_command_does(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line[:2] == "  "]
    for names in COMMANDS.values():
        for name in names:
            [words] = [words for words in lines if words[0] == name]
            assert len(words) > 3, name


def test_the_version_is_the_installed_one(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"pointsam {version('pointsam')}\n"


def test_help_does_not_wait_for_torch():
    code = (
        "import sys; from pointsam.cli.main import make_parser; make_parser(); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("two\nlines"), "two lines"),
        (FileNotFoundError("no image a.jpg."), "no image a.jpg."),
        (PermissionError(errno.EACCES, "Permission denied", "out"), "out: Permission denied."),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "x"), "x: Is a directory."),
    ],
)
def test_the_users_faults_are_one_line(command, capsys, error, line):
    command(raising(error))
    assert main([]) == 2
    assert capsys.readouterr().err == f"pointsam: error: {line}\n"


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "out/a"),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_named(command, capsys, error):
    command(raising(error))
    assert main([]) == 2
    assert capsys.readouterr().err.startswith("pointsam: error: the disk is full (")


def test_our_faults_keep_their_traceback(command):
    command(raising(ValueError("a shape is wrong")))
    with pytest.raises(ValueError, match="a shape is wrong"):
        main([])


def test_an_interrupt_is_not_an_error(command, capsys):
    command(raising(KeyboardInterrupt()))
    assert main([]) == 130
    assert capsys.readouterr().err == "pointsam: interrupted.\n"


def test_no_command_is_refused(capsys):
    with pytest.raises(SystemExit, match="2"):
        main([])
    assert "COMMAND" in capsys.readouterr().err
