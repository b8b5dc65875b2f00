"""From the benchmarks' JSON files to the figure and the tables of docs/performance.md.

    python benchmarks/performance_page.py

Reads every ``docs/performance/*.json``, writes ``docs/images/performance.png`` and puts each table
between its marks ``<!-- name -->`` and ``<!-- /name -->`` in the page. What was not measured yet
is said to be so. What the tables say is decided in ``performance_tables.py``.
"""

import argparse
import json
import re
from pathlib import Path

from bars import Bar, chart, colours_of, legend
from performance_tables import TABLES, grouped
from reports import NAMES, Reports

from pointsam.figures import save_picture, stack

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"
FIGURE = ROOT / "docs" / "images" / "performance.png"
PARTS = (
    "encode weak",
    "decode weak",
    "calibrate",
    "encode strong",
    "decode strong",
    "losses",
    "backward",
    "rest",
)
SHOWN = ("plain", "plain-cut", "ours", "checkpointed", "cached", "bfloat16", "cached-bfloat16")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--reports", type=Path, default=ROOT / "docs" / "performance")
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--figure", type=Path, default=FIGURE)
    args = parser.parse_args()
    reports = Reports(
        [json.loads(path.read_text()) for path in sorted(args.reports.glob("*.json"))]
    )
    text = args.page.read_text()
    for name, table in TABLES.items():
        text = between_marks(text, name, table(reports))
    args.page.write_text(text)
    picture = draw(reports)
    if picture is not None:
        save_picture(picture, args.figure)
    print(f"written: {args.page.name}, {args.figure.name}")


def between_marks(text, name, table):
    """Replace what stands between the marks of a table."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    text, count = pattern.subn(lambda found: f"{found[1]}{table}\n{found[2]}", text)
    assert count == 1, f"{count} places for the table {name} in the page"
    return text


def draw(reports):
    """Draw seconds by part, then peak memory; None without a measured step."""
    steps = reports.of("step.py")
    groups = list(dict.fromkeys((row["model"], row["objects"]) for row in steps))
    if not groups:
        return None
    colours = colours_of(PARTS)
    charts = [legend(colours)]
    for model, objects in groups:
        rows = {r["row"]: r for r in steps if (r["model"], r["objects"]) == (model, objects)}
        bars = [time_bar(rows[name]) for name in SHOWN if name in rows]
        title = f"{NAMES[model]}, {objects} objects: seconds of one step"
        charts.append(chart(title, bars, unit="s", colours=colours))
    for model in dict.fromkeys(model for model, _ in groups):
        bars = [
            memory_bar(row)
            for name in SHOWN
            for row in steps
            if row["model"] == model and row["row"] == name and "bfloat16" not in name
        ]
        title = f"{NAMES[model]}: peak memory of the process (grey: before the first step)"
        grey = colours | {"before": colours["rest"]}
        charts.append(chart(title, bars, unit="GiB", colours=grey))
    return stack(charts)


def time_bar(row):
    """Give a step's seconds in the parts of the figure."""
    if "failed" in row:
        return Bar(row["row"], {}, row["failed"])
    parts = grouped(row["parts"], PARTS)
    return Bar(row["row"], {name: parts[name] for name in PARTS})


def memory_bar(row):
    """Give a row's peak over what the process held before its first step."""
    name = f"{row['row']}, {row['objects']}"
    if "failed" in row:
        return Bar(name, {}, row["failed"])
    before = row["before_gib"]
    return Bar(name, {"before": before, "backward": row["peak_gib"] - before})


if __name__ == "__main__":
    main()
