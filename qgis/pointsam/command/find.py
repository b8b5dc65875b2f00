"""Where the pointsam command is, and whether its version fits this plugin."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

MIN_VERSION = (0, 1, 0)
"""Of the command; older ones lack ``--progress json``."""
FIRST_TOO_NEW = (1, 0, 0)

_FOREIGN = (
    "PYTHONHOME", "PYTHONPATH", "PYTHONEXECUTABLE", "VIRTUAL_ENV", "GDAL_DATA", "GDAL_DRIVER_PATH",
    "PROJ_LIB", "PROJ_DATA", "QT_PLUGIN_PATH", "__PYVENV_LAUNCHER__",
)  # fmt: skip
"""What QGIS sets for its own Python and GDAL, and what would break another one."""


class CommandNotFoundError(Exception):
    """No pointsam command, or one that does not fit; says what to do."""


def environment_variables() -> dict[str, str]:
    """Give the environment for the command: the user's, without what QGIS sets for itself."""
    kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    return {**kept, "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1", "PYTHONNOUSERSITE": "1"}


def window_flags() -> int:
    """Give the creation flags that keep Windows from opening a console."""
    return getattr(subprocess, "CREATE_NO_WINDOW", 0)


def command_in(environment: Path) -> Path:
    """Name the command of a virtual environment, whether it is there or not."""
    if sys.platform == "win32":
        return environment / "Scripts" / "pointsam.exe"
    return environment / "bin" / "pointsam"


def find_command(option: str, environment: Path) -> Path:
    """Find the command: the user's option, then PATH, then the plugin's own environment.

    Args:
        option: path of the command from the plugin's settings; empty where none was given.
        environment: folder of the plugin's own environment.

    Raises:
        CommandNotFoundError: there is none, or the option names no program.
    """
    if option.strip():
        path = Path(option.strip()).expanduser()
        found = shutil.which(str(path))
        if found is None:
            raise CommandNotFoundError(
                f"the option 'pointsam command' names {path}, which is no program: correct it in "
                "Settings > Options > Processing > Providers > pointsam, or leave it empty."
            )
        return Path(found)
    on_path = shutil.which("pointsam")
    if on_path is not None:
        return Path(on_path)
    own = command_in(environment)
    if own.is_file():
        return own
    raise CommandNotFoundError(
        "no pointsam command was found on PATH nor in the plugin's own environment: run the "
        "algorithm 'Install pointsam', or name the command in Settings > Options > Processing > "
        "Providers > pointsam."
    )


def version_of(command: Path) -> str:
    """Ask the command for its version.

    Raises:
        CommandNotFoundError: it gives none.
    """
    try:
        asked = subprocess.run(
            [str(command), "--version"],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=120,
            env=environment_variables(),
            creationflags=window_flags(),
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandNotFoundError(f"{command} does not start ({error}).") from error
    name, _, version = asked.stdout.strip().partition(" ")
    if asked.returncode or name != "pointsam" or not re.match(r"\d+\.\d+", version):
        said = " ".join((asked.stdout + asked.stderr).split())[:200]
        raise CommandNotFoundError(f"{command} is no pointsam command (it says {said!r}).")
    return version


def check_version(version: str, *, command: Path) -> None:
    """Refuse a command that is too old or too new for this plugin.

    Raises:
        CommandNotFoundError: it does not fit; says which versions do.
    """
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    if not MIN_VERSION <= numbers < FIRST_TOO_NEW:
        lower, upper = (".".join(map(str, limit)) for limit in (MIN_VERSION, FIRST_TOO_NEW))
        remedy = "'Update pointsam'" if numbers < MIN_VERSION else "the plugin manager"
        raise CommandNotFoundError(
            f"{command} is pointsam {version}, this plugin works with {lower} up to, not "
            f"including, {upper}: update by {remedy}."
        )


def usable_command(option: str, environment: Path) -> tuple[Path, str]:
    """Find the command, look at its version, and give both.

    Raises:
        CommandNotFoundError: there is none, or none that fits.
    """
    command = find_command(option, environment)
    version = version_of(command)
    check_version(version, command=command)
    return command, version
