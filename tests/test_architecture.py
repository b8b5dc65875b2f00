"""What holds for the source as a whole: who imports whom, sizes, and what is not named."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "pointsam"
MODULES = sorted(SOURCE.rglob("*.py"))

LAYERS = [  # a room may import from itself and from lower rows, not from its neighbours
    {"errors"},
    {"files", "frames", "progress", "randomness", "texts"},
    {"prompts"},
    {"masks"},
    {"figures"},
    {"data", "models"},
    {"export"},
    {"labelling", "evaluation", "prediction"},
    {"training"},
    {"server"},
    {"demo"},
    {"cli"},
    {"__init__", "__main__"},
]
INSIDE = {  # the same inside a room, for its files and sub-rooms
    "data": [
        {"records"},
        {"coco", "sample"},
        {"rasters"},
        {"augment", "dataset", "synthetic"},
        {"clicks"},
        {"prepare"},
        {"scene_dataset"},
        {"scene_chips"},
    ],
    "models": [
        {"attention", "cache", "choice"},
        {"segmenter"},
        {"decoders", "adapters"},
        {"encoding", "calibration"},
        {"families", "segment"},
        {"loading"},
    ],
    "prediction": [
        {"arrays", "ranking"},
        {"automatic", "coverage", "rectangles", "tracing"},
        {"polygons"},
        {"showing"},
        {"predictor"},
        {"scenes"},
        {"images", "boxes", "many"},
    ],
}


def heights(layers: list[set[str]]) -> dict[str, int]:
    return {room: height for height, rooms in enumerate(layers) for room in rooms}


HEIGHT = heights(LAYERS)
CANDIDATES = {"low_res_logits", "iou_prediction", "logits"}
"""Names of tensors that have, inside the models, an axis of candidates."""
MAX_FUNCTION = 40
"""Lines of a function, its docstring not counted."""

HALVES = {  # files whose halves are not half pixels
    "data/augment.py": "strengths of light, and a pixel that a shape covers to half",
    "data/prepare/splitting.py": "one chance in two",
    "data/synthetic/canvas.py": "a pixel that a shape covers to half",
    "frames.py": "the owner of the half pixel",
    "training/figure.py": "a drawn mask made a logit",
}


def halves(path: Path) -> Iterator[int]:
    """Name the lines that add, take off or compare with a half."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
            values = [node.left, node.right]
        elif isinstance(node, ast.Compare):
            values = [node.left, *node.comparators]
        else:
            continue
        bare = [v.operand if isinstance(v, ast.UnaryOp) else v for v in values]
        if any(isinstance(v, ast.Constant) and v.value in (0.5, 1 / 2) for v in bare):
            yield node.lineno


DOORS = re.compile(r"(run|parse)(_|$)|refuse_options$|_show_progress$")
"""Functions of the command line that may read what argparse gives."""


def parts_of(path: Path) -> tuple[str, ...]:
    """The names below the package: folders, then the file without its ending."""
    return path.relative_to(SOURCE).with_suffix("").parts


def imported(path: Path) -> Iterator[tuple[str, ...]]:
    """Modules of this package that a file imports, also inside functions, as names below it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            package, *inside = name.split(".")
            if package == "pointsam" and inside:
                yield tuple(inside)


def arrows() -> dict[tuple[str, str], int]:
    """Count the imports from one room to another, and between the parts of a room."""
    found: dict[tuple[str, str], int] = {}
    for path in MODULES:
        own = parts_of(path)
        for other in imported(path):
            ends = (own[0], other[0])
            if own[0] == other[0] and own[0] in INSIDE and min(len(own), len(other)) > 1:
                ends = (f"{own[0]}/{own[1]}", f"{other[0]}/{other[1]}")
            if ends[0] != ends[1]:
                found[ends] = found.get(ends, 0) + 1
    return found


def spread(what: str, named: Iterable[tuple[str, int]]) -> str:
    """Give number, median, 90th percentile, longest and sum of line counts as text."""
    by_lines = sorted(named, key=lambda one: one[1])
    lines = [count for _, count in by_lines]
    ninth = lines[-(-9 * len(lines) // 10) - 1]
    name, longest = by_lines[-1]
    return (
        f"{len(lines)} {what}: median {median(lines):g} lines, 90 % within {ninth}, "
        f"longest {longest} ({name}), {sum(lines)} in all"
    )


def sizes() -> str:
    """Give the sizes of files, and of functions without their docstrings, as text."""
    names = {path: path.relative_to(SOURCE).as_posix() for path in MODULES}
    files = [(name, len(path.read_text().splitlines())) for path, name in names.items()]
    found = [(f"{names[p]}: {name}", lines) for p in MODULES for name, lines in functions(p)]
    return f"{spread('files', files)}\n{spread('functions', found)}"


def drawing() -> str:
    """Draw the arrows as text, the highest rooms first (``python tests/test_architecture.py``)."""
    lines: dict[str, list[str]] = {}
    for (start, end), count in sorted(arrows().items()):
        lines.setdefault(start, []).append(f"{end} ({count})")
    order = sorted(lines, key=lambda room: -HEIGHT.get(room.split("/")[0], -1))
    return "\n".join(f"{room:<24} -> {', '.join(lines[room])}" for room in order)


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name every function of a file with its number of lines, docstring not counted."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node, clean=False)
            described = text.count("\n") + 1 if text else 0
            yield node.name, node.end_lineno - node.lineno + 1 - described


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_down(path):
    own = parts_of(path)
    for other in imported(path):
        assert other[0] in HEIGHT, f"{other[0]} has no row in LAYERS"
        if other[0] != own[0]:
            assert HEIGHT[other[0]] < HEIGHT[own[0]], f"{own[0]} imports {other[0]}"
        elif own[0] in INSIDE and len(own) > 1 and len(other) > 1 and own[1] != other[1]:
            rows = heights(INSIDE[own[0]])
            assert rows[other[1]] < rows[own[1]], f"{own[0]}: {own[1]} imports {other[1]}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_every_room_has_a_row(path):
    own = parts_of(path)
    assert own[0] in HEIGHT
    if own[0] in INSIDE and own[1] != "__init__":
        assert own[1] in heights(INSIDE[own[0]]), f"{own[1]} has no row in INSIDE[{own[0]!r}]"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_stays_under_300_lines(path):
    assert len(path.read_text().splitlines()) < 300


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_function_stays_within_40_lines(path):
    assert not [(name, lines) for name, lines in functions(path) if lines > MAX_FUNCTION]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_the_half_pixel_is_in_frames_alone(path):
    # A place counted from pixel edges is moved by frames.to_middles, and back by to_edges.
    if path.relative_to(SOURCE).as_posix() not in HALVES:
        assert not list(halves(path))


def candidate_uses(path: Path) -> Iterator[str]:
    """Name what takes one of SAM's candidates by hand, or calls the decoder that gives them."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
            owner = ast.unparse(node.value).split(".")[-1]
            chosen = [n for n in node.slice.elts[1:2] if isinstance(n, ast.Constant)]
            if owner in CANDIDATES and any(isinstance(n.value, int) for n in chosen):
                yield ast.unparse(node)
        if isinstance(node, ast.Attribute) and node.attr in ("decode", "decode_chunk"):
            if ast.unparse(node.value).endswith("model"):
                yield ast.unparse(node)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_one_mask_an_instance_leaves_the_models(path):
    # pointsam.models.segment gives masks, a rule of pointsam.models.choice takes one of each
    # instance's candidates; the step back-propagates chunks of instances, and a graph for other
    # tools holds the decoding of one.
    name = path.relative_to(SOURCE).as_posix()
    by_chunks = name in ("training/step.py", "export/graphs.py")
    used = [use for use in candidate_uses(path) if not by_chunks or "[" in use]
    assert not used or name.startswith("models/")


PRIVATE = {  # private names of a library: the one file that calls them
    ("transformers", "._get_pos_embed"): "models/decoders/library_private.py",
    ("transformers", "._dynamic_multimask_"): "models/decoders/library_private.py",
    ("rasterio", "rasterio._"): "data/rasters/georeference.py",
}


@pytest.mark.parametrize(("library", "name"), PRIVATE)
def test_a_private_name_is_reached_in_one_file_and_its_library_is_bounded(library, name):
    files = [str(p.relative_to(SOURCE)) for p in MODULES if name in p.read_text()]
    assert files == [PRIVATE[library, name]]
    assert re.search(rf'"{library}>=[\d.]+,<\d', (ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_annotations_are_not_postponed(path):
    # Shapes would then be strings that no checker reads.
    assert "from __future__ import annotations" not in path.read_text()


@pytest.mark.parametrize("path", sorted((SOURCE / "cli").glob("*.py")), ids=lambda path: path.name)
def test_a_command_imports_at_the_top(path):
    # main.py imports the one command that runs, when it runs: no other function need do it.
    if path.name == "main.py":
        return
    for function in ast.walk(ast.parse(path.read_text())):
        if isinstance(function, ast.FunctionDef):
            inner = [n for n in ast.walk(function) if isinstance(n, ast.Import | ast.ImportFrom)]
            assert not inner, f"{function.name} imports"


@pytest.mark.parametrize("path", sorted((SOURCE / "cli").glob("*.py")), ids=lambda path: path.name)
def test_the_parsed_command_line_ends_at_the_door(path):
    # A command's `run` and the `parse` of a value read it; all others are given values.
    for function in ast.walk(ast.parse(path.read_text())):
        if isinstance(function, ast.FunctionDef) and not DOORS.match(function.name):
            given = [*function.args.args, *function.args.kwonlyargs]
            assert "args" not in [one.arg for one in given], function.name


def test_the_package_exports_a_dozen_names_at_most():
    for path in SOURCE.rglob("__init__.py"):
        assert len(list(imported(path))) <= 12, path


def test_no_file_names_this_machine_or_a_registry():
    hosts = ["pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".com", "npmjs" + ".org"]
    places = [r"(?<![\w.])/" + name + r"/\w" for name in ("work", "root", "home/[a-z]+")]
    forbidden = re.compile("|".join([*map(re.escape, hosts), *places]))
    text = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".sh", ".json", ".cfg", ".js", ".css"}
    text |= {".html", ".ipynb", ".svg", ".model3", ""}
    folders = ["src", "tests", "docs", "configs", "scripts", "benchmarks", ".ci", "qgis"]
    files = [path for path in ROOT.iterdir() if path.is_file() and path.name != ".git"]
    files += [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    for path in files:
        if path.suffix in text and "__pycache__" not in path.parts:
            found = forbidden.search(path.read_text(errors="replace"))
            assert found is None, f"{path} names {found.group()}"


if __name__ == "__main__":
    print(drawing())
    print(sizes())
