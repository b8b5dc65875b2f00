"""``pointsam adapters``: lists the adapters in a folder."""

import argparse
import json
from pathlib import Path
from typing import Any

from pointsam.errors import InputError
from pointsam.models.adapters.listing import FoundAdapter, find_adapters

HEAD = ("adapter", "base", "side", "rank", "MB", "trained on", "settings", "scores")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "adapters",
        help="list the adapters in a folder",
        description="List the adapters in a folder: base, data, settings and scores. Folders "
        "below it are searched, too. The scores are those that the run measured at its end.",
        epilog="example: pointsam adapters runs",
    )
    parser.add_argument("folder", type=Path, help="that adapters are in")
    parser.add_argument("--json", action="store_true", help="all that their cards say, as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print a table, or JSON."""
    found = list(find_adapters(args.folder))
    if not found:
        raise InputError(f"no adapter in {args.folder}: 'pointsam train' writes one.")
    if args.json:
        print(json.dumps([_as_json(adapter) for adapter in found], indent=2))
        return 0
    rows = [HEAD, *(_row(adapter, args.folder) for adapter in found)]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())
    return 0


def _as_json(adapter: FoundAdapter) -> dict[str, Any]:
    card = {} if adapter.card is None else adapter.card.model_dump(mode="json")
    return {"folder": str(adapter.folder), "fault": adapter.fault, **card}


def _row(adapter: FoundAdapter, root: Path) -> tuple[str, ...]:
    name = str(adapter.folder.relative_to(root))
    name = adapter.folder.name if name == "." else name
    card = adapter.card
    if card is None:
        return (name, "unusable:", "", "", "", adapter.fault, "", "")
    schedule = card.settings.get("schedule", {})
    settings = [
        str(card.settings.get("regime", "")),
        f"{schedule['epochs']:g} epochs" if "epochs" in schedule else "",
        f"from {card.started_from['name']}" if card.started_from else "",
        adapter.fault,
    ]
    scores = ", ".join(f"{key} {value:.3g}" for key, value in list(card.scores.items())[:3])
    return (
        name,
        card.base,
        str(card.side),
        str(card.rank),
        f"{adapter.megabytes:.1f}",
        f"{card.data.get('images', '?')} images, {card.data.get('instances', '?')} objects",
        ", ".join(part for part in settings if part),
        scores,
    )
