"""What holds for the source as a whole: who imports whom, sizes, and what is not named."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "pointsam"
MODULES = sorted(SOURCE.rglob("*.py"))

LAYERS = [  # a room may import from itself and from lower rows, not from its neighbours
    {"errors"},
    {"files", "frames", "randomness"},
    {"coco_masks", "masks"},
    {"config", "prompts", "figures"},
    {"data", "models"},
    {"training", "evaluation", "prediction"},
    {"demo"},
    {"cli"},
    {"__init__", "__main__"},
]
HEIGHT = {room: height for height, rooms in enumerate(LAYERS) for room in rooms}


def room_of(path: Path) -> str:
    """The first name below the package: a folder or a single file."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> Iterator[str]:
    """Rooms of this package that a file imports from, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            package, _, inside = name.partition(".")
            if package == "pointsam" and inside:
                yield inside.split(".")[0]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_down(path):
    own = room_of(path)
    for room in imported_rooms(path):
        assert room in HEIGHT, f"{room} has no row in LAYERS"
        assert room == own or HEIGHT[room] < HEIGHT[own], f"{own} imports {room}"


def test_every_room_has_a_row():
    assert {room_of(path) for path in MODULES} <= HEIGHT.keys()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_stays_under_300_lines(path):
    assert len(path.read_text().splitlines()) < 300


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_annotations_are_not_postponed(path):
    # Shapes would then be strings that no checker reads.
    assert "from __future__ import annotations" not in path.read_text()


def test_the_package_exports_a_dozen_names_at_most():
    for path in SOURCE.rglob("__init__.py"):
        names = list(imported_rooms(path))
        assert len(names) <= 12, path


def test_no_file_names_this_machine_or_a_registry():
    hosts = ["pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".com", "npmjs" + ".org"]
    places = [r"(?<![\w.])/" + name + r"/\w" for name in ("work", "root", "home/[a-z]+")]
    forbidden = re.compile("|".join([*map(re.escape, hosts), *places]))
    text = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".sh", ".json", ".cfg", ""}
    folders = ["src", "tests", "docs", "configs", "scripts", "benchmarks", ".ci"]
    files = [path for path in ROOT.iterdir() if path.is_file() and path.name != ".git"]
    files += [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    for path in files:
        if path.suffix in text and "__pycache__" not in path.parts:
            found = forbidden.search(path.read_text(errors="replace"))
            assert found is None, f"{path} names {found.group()}"
