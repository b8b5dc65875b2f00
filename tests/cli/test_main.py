import errno
import subprocess
import sys
from argparse import Namespace
from importlib.metadata import version

import pytest

from pointsam.cli import main as command_line
from pointsam.cli.main import COMMANDS, GROUPS, main
from pointsam.errors import InputError


@pytest.fixture
def command(monkeypatch):
    """Let the command line run a function in place of a command."""

    def set_run(run):
        class Parser:
            def parse_args(self, words):
                return Namespace(run=run)

        monkeypatch.setattr(command_line, "make_parser", lambda words: Parser())

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


@pytest.mark.parametrize(
    "code",
    [
        "import pointsam",
        *(f"main({words})" for words in (["--help"], ["data", "-h"], ["--version"])),
    ],
)
def test_what_needs_no_model_does_not_wait_for_torch(code):
    program = f"""
import sys
from pointsam.cli.main import main
try:
    {code}
except SystemExit as end:
    assert end.code == 0
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_no_command_waits_for_the_libraries_of_models_before_it_needs_a_model():
    program = """
import importlib, pkgutil, sys
import pointsam.cli
names = {module.name for module in pkgutil.iter_modules(pointsam.cli.__path__)}
for name in names - {"export"}:  # that one takes the library's models apart
    importlib.import_module(f"pointsam.cli.{name}")
print(*sorted({"peft", "transformers"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


EVERY_COMMAND = [[name] for names in COMMANDS.values() for name in names if name not in GROUPS]
EVERY_COMMAND += [[group, name] for group, names in GROUPS.items() for name in names]


@pytest.mark.parametrize("words", EVERY_COMMAND, ids=" ".join)
def test_a_command_describes_itself_as_it_is_listed(words, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([*words, "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert f"usage: pointsam {' '.join(words)} [-h]" in told
    if len(words) == 1:
        summaries = {name: text for of in COMMANDS.values() for name, text in of.items()}
        assert summaries[words[0]] in told


def test_an_option_before_the_command_does_not_hide_it(tmp_path, capsys):
    assert main(["--progress", "json", "data", "layout", "nwpu", str(tmp_path)]) == 1
    assert "MISSING" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["nonsense"], ["data", "nonsense"]], ids=" ".join)
def test_an_unknown_command_names_the_known_ones(words, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(words)
    error = capsys.readouterr().err
    assert "invalid choice: 'nonsense'" in error
    assert ("split" if words[0] == "data" else "train") in error


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
