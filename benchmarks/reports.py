"""The benchmarks' JSON reports, read again, and tables of Markdown made of them."""

from dataclasses import dataclass

NAMES = {"mobile_sam": "MobileSAM", "sam-vit-b": "ViT-B"}
MISSING = "not measured yet"


@dataclass(frozen=True)
class Reports:
    """All that was measured."""

    reports: list

    def of(self, script):
        """Give the rows of one benchmark, from all its reports."""
        return [
            row
            for report in self.reports
            if report["command"].split()[1].endswith(f"/{script}")
            for row in report["rows"]
        ]

    def one(self, script, **wanted):
        """Give the row that has these values; None where none, or where it failed."""
        for row in self.of(script):
            if all(row.get(key) == value for key, value in wanted.items()):
                return None if "failed" in row else row
        return None


def table(heads, body):
    """Write a table of Markdown."""
    if not body:
        return MISSING
    lines = [heads, ["---"] * len(heads), *body]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
