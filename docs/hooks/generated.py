"""Pages of the book that are made when it is built: commands, changelog, notebook."""

import contextlib
import io
import json
import os
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Fill a page's marker with what it stands for."""
    if "<!-- commands -->" in markdown:
        markdown = markdown.replace("<!-- commands -->", commands())
    if "<!-- changelog -->" in markdown:
        text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        markdown = markdown.replace("<!-- changelog -->", text.partition("\n")[2])
    if "<!-- notebook -->" in markdown:
        markdown = markdown.replace("<!-- notebook -->", notebook(ROOT / "docs" / "tutorial.ipynb"))
    # files outside of the book are named, not linked
    return re.sub(r"\[([^\]]+)\]\(\.\./[^)]*\)", r"\1", markdown)


def commands() -> str:
    """Give the help of every command, as it is printed."""
    from pointsam.cli.main import COMMANDS, GROUPS

    parts = []
    for purpose, names in COMMANDS.items():
        parts.append(f"## {purpose}\n")
        for name, summary in names.items():
            parts.append(f"### pointsam {name}\n\n{summary}.\n")
            parts += [helped([name, inner]) for inner in GROUPS.get(name, ())] or [helped([name])]
    return "\n".join(parts)


def helped(words: list[str]) -> str:
    """Give what ``pointsam WORDS --help`` prints."""
    from pointsam.cli.main import main

    stream = io.StringIO()
    os.environ["COLUMNS"] = "92"
    with contextlib.redirect_stdout(stream), contextlib.suppress(SystemExit):
        main([*words, "--help"])
    return f"```text\n{stream.getvalue().rstrip()}\n```\n"


def notebook(path: Path) -> str:
    """Give a notebook's text and code as a page."""
    parts = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
    return "\n\n".join(parts)
