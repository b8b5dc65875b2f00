"""The plugin's own environment: a venv in the user's data folder, with pointsam in it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from .find import CommandNotFoundError, command_in, version_of
from .run import CommandFailedError, Progress, run_command

MARK = "pointsam-environment.txt"
"""A file in a folder that this plugin has made; no other folder is ever removed."""


def python_candidates() -> Iterator[Path]:
    """List programs that may be a whole Python: QGIS's own interpreter is QGIS itself."""
    name = "python.exe" if sys.platform == "win32" else "python3"
    for prefix in dict.fromkeys((sys.base_exec_prefix, sys.exec_prefix, sys.base_prefix)):
        yield Path(prefix) / name
        yield Path(prefix) / "bin" / name
    executable = Path(sys.executable)
    if executable.name.lower().startswith("python"):
        yield executable
    for program in (name, "python3", "python"):
        found = shutil.which(program)
        if found is not None:
            yield Path(found)


def find_python(option: str = "") -> Path:
    """Find the Python that makes the environment.

    Raises:
        CommandNotFoundError: there is none, or the option names none.
    """
    candidates = [Path(option).expanduser()] if option else list(python_candidates())
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    tried = ", ".join(map(str, candidates))
    raise CommandNotFoundError(f"no Python was found ({tried}): name one of version 3.11 or newer.")


def install(
    environment: Path,
    *,
    python: Path,
    what: str,
    pip_options: Sequence[str],
    on_line: Callable[[str], None],
    is_cancelled: Callable[[], bool],
) -> str:
    """Make the environment if there is none, and put pointsam into it.

    Args:
        environment: folder of the environment.
        python: that makes it.
        what: as pip takes it: ``pointsam``, ``pointsam==0.1.0``, or the path of a wheel.
        pip_options: more options of pip, before `what`.
        on_line: gets each line of the log.
        is_cancelled: asked ten times a second.

    Returns:
        The version that is installed.

    Raises:
        CommandFailedError: a step failed; the text is its last line.
        CommandCancelledError: it was cancelled; the half-made environment is gone.
    """
    fresh = not is_own(environment)
    if fresh and environment.exists() and any(environment.iterdir()):
        raise CommandFailedError(f"{environment} holds other files: nothing was installed.")
    try:
        if fresh:
            environment.mkdir(parents=True, exist_ok=True)
            (environment / MARK).write_text("made by the QGIS plugin of pointsam\n")
            _step([str(python), "-m", "venv", str(environment)], on_line, is_cancelled)
        inside = command_in(environment).parent / (
            "python.exe" if sys.platform == "win32" else "python"
        )
        pip = [str(inside), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
        _step([*pip, "--upgrade", *pip_options, what], on_line, is_cancelled)
        return version_of(command_in(environment))
    except BaseException:
        if fresh:
            remove(environment)
        raise


def is_own(environment: Path) -> bool:
    """Say whether this plugin has made the environment."""
    return (environment / MARK).is_file()


def remove(environment: Path) -> bool:
    """Remove the environment, if this plugin has made it; say whether there was one."""
    if not is_own(environment):
        return False
    shutil.rmtree(environment)
    return True


def _step(
    arguments: Sequence[str], on_line: Callable[[str], None], is_cancelled: Callable[[], bool]
) -> None:
    on_line(" ".join(arguments))
    run_command(arguments, on_progress=_no_progress, on_line=on_line, is_cancelled=is_cancelled)


def _no_progress(_: Progress) -> None:
    """Pip gives none."""
