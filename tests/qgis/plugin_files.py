"""The plugin's files as a package that no QGIS is needed for, and the machine's QGIS."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "qgis" / "pointsam"
QGIS_PYTHON = Path("/usr/bin/python3")
QGIS_PROCESS = Path("/usr/bin/qgis_process.bin")


def plugin_module(name):
    """Import a module of the plugin under a name that is not the package's own."""
    if "pointsam_qgis" not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            "pointsam_qgis", PLUGIN / "__init__.py", submodule_search_locations=[str(PLUGIN)]
        )
        package = importlib.util.module_from_spec(spec)
        sys.modules["pointsam_qgis"] = package
        spec.loader.exec_module(package)
    return importlib.import_module(f"pointsam_qgis.{name}")


def qgis_environment(folder):
    """Give variables with which QGIS keeps all it writes in a folder, and finds our command."""
    runtime, tools = folder / "runtime", folder / "bin"
    for made in (runtime, tools, folder / "home"):
        made.mkdir(exist_ok=True)
    runtime.chmod(0o700)
    command = tools / "pointsam"
    if not command.exists():
        # A virtual environment's own bin folder on PATH would mislead QGIS's Python.
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pointsam "$@"\n')
        command.chmod(0o755)
    plugins = folder / "profiles" / "default" / "python" / "plugins"
    if not plugins.exists():
        plugins.mkdir(parents=True)
        shutil.copytree(PLUGIN, plugins / "pointsam")
    kept = {
        name: os.environ[name]
        for name in ("LANG", "LC_ALL", "OMP_NUM_THREADS", "TMPDIR")
        if name in os.environ
    }
    return {
        **kept,
        "HOME": str(folder / "home"),
        "PATH": f"{tools}:/usr/bin:/bin",
        "XDG_RUNTIME_DIR": str(runtime),
        "QT_QPA_PLATFORM": "offscreen",
        "QGIS_CUSTOM_CONFIG_PATH": str(folder),
        "QGIS_OPTS": "",
    }
