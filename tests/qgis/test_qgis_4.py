"""What QGIS 4 (PyQt6) no longer has, looked for in the plugin's text; no QGIS is needed."""

import ast

import pytest
from tests.qgis.plugin_files import PLUGIN

FILES = sorted(PLUGIN.rglob("*.py"))
GONE = {
    "exec_", "print_", "QRegExp", "QDesktopWidget", "QMatrix", "QStringRef", "QTextCodec",
    "globalPos", "globalX", "globalY", "toTime_t", "MidButton", "setMargin", "QAction",
}  # fmt: skip
"""Names of PyQt5 that PyQt6 lacks, or keeps in another module."""
MOVED = {("plugin.py", "QAction")}
"""Imported from the new module first, there."""


def unscoped(tree):
    """Name what is read from a class of Qt or QGIS as an enum of PyQt5 is: ``Class.Member``."""
    classes = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("qgis.")
        for alias in node.names
        if alias.name[:1] == "Q"
    }
    inner = {
        id(node.value if isinstance(node, ast.Attribute) else node.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.Call)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in classes
            and node.attr[:1].isupper()
            and id(node) not in inner
            and not node.attr.isupper()  # a constant, as QGIS_VERSION_INT
            and node.attr != "Type"  # the scope itself, handed on
        ):
            yield f"{node.value.id}.{node.attr}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_enums_are_scoped(path):
    assert list(unscoped(ast.parse(path.read_text(encoding="utf-8")))) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from qgis.PyQt.QtCore import Qt\nQt.LeftButton", ["Qt.LeftButton"]),
        ("from qgis.PyQt.QtCore import Qt\nQt.MouseButton.LeftButton", []),
        ("from qgis.core import QgsA\nQgsA.Options()", []),
        ("from qgis.PyQt.QtCore import QVariant\nf(QVariant.Int)", ["QVariant.Int"]),
    ],
)
def test_an_unscoped_enum_would_be_found(text, found):
    assert list(unscoped(ast.parse(text))) == found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_that_pyqt6_lacks_is_named(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    named |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom | ast.Import):
            module = getattr(node, "module", None) or ""
            names = [alias.name for alias in node.names]
            assert not any(name.startswith(("PyQt", "sip")) for name in [module, *names])
            named |= set(names)
    gone = {name for name in named & GONE if (path.name, name) not in MOVED}
    assert gone == set()


ALGORITHM = {"run", "prepare", "create", "flags", "tags", "tr", "provider", "svgIconPath"}
"""Methods of QGIS's algorithms that have a body; QGIS calls them."""


def test_no_algorithm_overrides_what_qgis_runs():
    """``processing.run`` calls `run` of an algorithm: one of our own under that name breaks it."""
    for path in (PLUGIN / "algorithms").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        methods = {
            node.name
            for owner in ast.walk(tree)
            if isinstance(owner, ast.ClassDef)
            for node in owner.body
            if isinstance(node, ast.FunctionDef)
        }
        assert methods & ALGORITHM == set(), path
