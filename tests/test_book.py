"""The book is built without a warning, and its notebook runs."""

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_book_is_whole(tmp_path):
    # strict: a broken link, a page that is in no menu or a name without description ends it
    pytest.importorskip("mkdocs")
    site = tmp_path / "book"
    command = [sys.executable, "-W", "ignore", "-m", "mkdocs", "build", "--strict", "-q"]
    done = subprocess.run(
        [*command, "--site-dir", str(site)], cwd=ROOT, check=False, capture_output=True, text=True,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told = (site / "commands.html").read_text()
    for words in ("pointsam train", "pointsam points convert", "--start-from"):
        assert words in told
    assert "to_geodataframe" in (site / "python.html").read_text()
    assert "write_scenes" in (site / "tutorial.html").read_text()


def test_the_tutorial_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    names = {}
    for cell in json.loads((ROOT / "docs" / "tutorial.ipynb").read_text())["cells"]:
        if cell["cell_type"] == "code":
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile("".join(cell["source"]), "tutorial.ipynb", "exec"), names)
    assert len(names["content"]["annotations"]) == len(names["points"])
    assert (names["adapter"] / "adapter_model.safetensors").is_file()
