import ast
import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import pytest
from tests.qgis.plugin_files import PLUGIN, plugin_module

from pointsam.cli import caller

find = plugin_module("command.find")
running = plugin_module("command.run")
arguments = plugin_module("command.arguments")
environment = plugin_module("command.environment")
server = plugin_module("dock.server")

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")


def program(folder, text, name="pointsam"):
    """Write a command that does what `text` (Python) says."""
    path = folder / name
    path.write_text(f"#!{sys.executable}\nimport sys, time\n{text}\n")
    path.chmod(0o755)
    return path


def run(command, *given, cancelled=lambda: False):
    progress, lines = [], []
    said = running.run_command(
        [str(command), *given],
        on_progress=progress.append,
        on_line=lines.append,
        is_cancelled=cancelled,
    )
    return said, progress, lines


@pytest.mark.parametrize("path", sorted(PLUGIN.rglob("*.py")), ids=lambda path: path.name)
def test_the_oldest_python_of_qgis_3_22_reads_every_file(path):
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))


def test_a_line_of_progress_is_read():
    line = json.dumps(
        {"stage": "adapting", "done": 5, "total": 20, "unit": "step", "seconds_left": 3.5,
         "message": "loss=0.1"}
    )  # fmt: skip
    found = running.parse_progress(line)
    assert (found.stage, found.share, found.seconds_left) == ("adapting", 0.25, 3.5)


@pytest.mark.parametrize("line", ["", "pointsam: error: no", "{", '{"stage": "x"}', "{1}"])
def test_any_other_line_is_no_progress(line):
    assert running.parse_progress(line) is None


@posix
def test_progress_and_lines_come_apart(tmp_path):
    line = json.dumps(
        {"stage": "s", "done": 1, "total": None, "unit": "u", "seconds_left": None, "message": ""}
    )
    command = program(tmp_path, f"print('result')\nprint({line!r}, file=sys.stderr)")
    said, progress, lines = run(command)
    assert said == ["result"]
    assert [step.share for step in progress] == [None]
    assert lines == ["result"]


@posix
def test_an_error_is_the_commands_own_last_line(tmp_path):
    command = program(
        tmp_path, "print('first', file=sys.stderr)\nsys.exit('pointsam: error: no such file')"
    )
    with pytest.raises(running.CommandFailedError, match=r"^pointsam: error: no such file$"):
        run(command)


@posix
def test_a_status_that_is_no_error_gives_the_lines(tmp_path):
    command = program(tmp_path, "print('FAULT: one')\nsys.exit(1)")
    said = running.run_command(
        [str(command)],
        on_progress=print,
        on_line=print,
        is_cancelled=lambda: False,
        well=(0, 1),
    )
    assert said == ["FAULT: one"]


def test_the_docks_secret_is_no_argument():
    made = server.LiveServer(Path("pointsam"), "scene.tif", Path("project"), adapter="a")
    given = ["serve", "scene.tif", "--port", "0", "--project", "project", "--adapter", "a"]
    assert made._arguments == ["pointsam", *given]


def test_the_plugin_and_the_command_name_one_variable():
    assert running.END_WITH_STDIN == caller.END_WITH_STDIN


def test_a_program_that_is_not_there_is_named(tmp_path):
    with pytest.raises(running.CommandFailedError, match=r"nowhere does not start"):
        run(tmp_path / "nowhere")


@posix
def test_cancel_ends_the_whole_process_tree_in_a_second(tmp_path):
    pids = tmp_path / "pids"
    command = program(
        tmp_path,
        "import os, signal, subprocess\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        "time.sleep(60)",
    )
    asked = threading.Event()
    threading.Thread(
        target=lambda: (_wait_for(lambda: pids.exists() and pids.read_text()), asked.set())
    ).start()
    with pytest.raises(running.CommandCancelledError):
        run(command, cancelled=asked.is_set)
    begun = time.monotonic()
    for pid in map(int, pids.read_text().split()):
        _wait_for(lambda pid=pid: not _alive(pid), seconds=1)
        assert not _alive(pid)
    assert time.monotonic() - begun < 1


def _wait_for(fact, seconds=30):
    until = time.monotonic() + seconds
    while not fact() and time.monotonic() < until:
        time.sleep(0.02)


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


@posix
def test_the_option_comes_before_path_before_the_own_environment(tmp_path, monkeypatch):
    folders = {name: tmp_path / name for name in ("own/bin", "path", "named")}
    for folder in folders.values():
        folder.mkdir(parents=True)
        program(folder, "print('pointsam 0.1.0')")
    own = tmp_path / "own"
    monkeypatch.setenv("PATH", str(folders["path"]))
    option = str(folders["named"] / "pointsam")
    assert find.find_command(option, own) == Path(option)
    assert find.find_command("", own) == folders["path"] / "pointsam"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find.find_command("", own) == folders["own/bin"] / "pointsam"
    with pytest.raises(find.CommandNotFoundError, match="Install pointsam"):
        find.find_command("", tmp_path / "nothing")
    with pytest.raises(find.CommandNotFoundError, match="which is no program"):
        find.find_command(str(tmp_path / "nothing"), own)


@posix
@pytest.mark.parametrize(
    ("says", "message"),
    [
        ("print('pointsam 0.0.9')", r"pointsam 0\.0\.9, this plugin works with 0\.1\.0"),
        ("print('pointsam 1.0.0')", "update by the plugin manager"),
        ("print('other 1.0')", "is no pointsam command"),
        ("sys.exit('broken')", "is no pointsam command"),
    ],
)
def test_versions_that_do_not_fit_are_told(tmp_path, says, message):
    with pytest.raises(find.CommandNotFoundError, match=message):
        find.usable_command(str(program(tmp_path, says)), tmp_path)


def test_what_qgis_sets_for_its_own_python_does_not_reach_the_command(monkeypatch):
    monkeypatch.setenv("PYTHONHOME", "elsewhere")
    monkeypatch.setenv("GDAL_DATA", "elsewhere")
    monkeypatch.setenv("KEPT", "kept")
    given = find.environment_variables()
    assert given["KEPT"] == "kept"
    assert "PYTHONHOME" not in given
    assert "GDAL_DATA" not in given


def test_arguments_are_those_of_the_command_line():
    """Every list is read by the command's own parser; a flag it does not know would exit."""
    machine = arguments.Machine("cpu", 2)
    lists = [
        arguments.train_arguments("scene.tif", "c.gpkg", "out", epochs=0.5, machine=machine),
        arguments.train_arguments("scene.tif", "c.gpkg", "out", start_from="a", resume=True),
        arguments.predict_arguments("scene.tif", "out", clicks="c.gpkg", adapter="a"),
        arguments.predict_arguments("scene.tif", "out", grid=32, machine=machine, resume=True),
        arguments.check_arguments("scene.tif", "c.gpkg"),
        arguments.label_arguments("scene.tif", "c.gpkg", "out", adapter="a", resume=True),
        arguments.boxes_arguments("p.gpkg", "b.gpkg"),
        arguments.score_arguments("f.gpkg", "t.gpkg", "out"),
    ]
    for given in lists:
        help_of = [given[0], *([given[1]] if given[0] in ("boxes", "data") else []), "--help"]
        shown = subprocess.run(
            [sys.executable, "-m", "pointsam", *help_of], capture_output=True, text=True
        )
        assert shown.returncode == 0, help_of
        for flag in (item for item in given if item.startswith("--")):
            assert flag in shown.stdout, f"{given[0]} has no {flag}"


def test_the_same_work_has_the_same_name_wherever_its_clicks_lie(tmp_path):
    names = set()
    for folder in ("one", "two"):
        clicks = tmp_path / folder / "clicks.gpkg"
        clicks.parent.mkdir()
        clicks.write_bytes(b"the same")
        given = arguments.predict_arguments("scene.tif", "", clicks=str(clicks))
        names.add(arguments.work_name(given, [clicks]))
    clicks.write_bytes(b"others")
    names.add(arguments.work_name(given, [clicks]))
    assert len(names) == 2


def wheel(folder, *, version):
    """Make a wheel of a pointsam that does nothing but name its version."""
    path = folder / f"pointsam-{version}-py3-none-any.whl"
    info = f"pointsam-{version}.dist-info"
    files = {
        "pointsam.py": f"def main():\n    print('pointsam {version}')\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: pointsam\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\npointsam = pointsam:main\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def test_install_update_and_remove_leave_everything_else_alone(tmp_path):
    folder = tmp_path / "Daten für QGIS" / "environment"

    def install(version):
        return environment.install(
            folder,
            python=Path(sys.executable),
            what=str(wheel(tmp_path, version=version)),
            pip_options=["--no-index"],
            on_line=lambda line: None,
            is_cancelled=lambda: False,
        )

    assert install("0.1.0") == "0.1.0"
    assert find.usable_command(str(find.command_in(folder)), tmp_path)[1] == "0.1.0"
    assert install("0.2.0") == "0.2.0"
    assert environment.remove(folder)
    assert not folder.exists()
    other = tmp_path / "other"
    (other / "kept").mkdir(parents=True)
    assert not environment.remove(other)
    assert (other / "kept").is_dir()


def test_an_install_that_fails_leaves_no_half_made_environment(tmp_path):
    folder = tmp_path / "environment"
    with pytest.raises(running.CommandFailedError):
        environment.install(
            folder,
            python=Path(sys.executable),
            what="pointsam==99.99",
            pip_options=["--no-index"],
            on_line=lambda line: None,
            is_cancelled=lambda: False,
        )
    assert not folder.exists()


def test_the_zip_holds_one_folder_with_the_whole_plugin(tmp_path):
    path = tmp_path / "pointsam-qgis.zip"
    subprocess.run(
        [sys.executable, PLUGIN.parents[1] / "scripts" / "qgis_plugin.py", path], check=True
    )
    names = zipfile.ZipFile(path).namelist()
    assert {name.split("/")[0] for name in names} == {"pointsam"}
    assert {"pointsam/metadata.txt", "pointsam/__init__.py", "pointsam/LICENSE"} <= set(names)
    own = {file.relative_to(PLUGIN).as_posix() for file in PLUGIN.rglob("*.py")}
    assert {f"pointsam/{name}" for name in own} <= set(names)
