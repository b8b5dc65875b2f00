"""Adapters that ship with the package, by name."""

from pathlib import Path

SHIPPED = Path(__file__).parent / "shipped"
"""A folder for each adapter, as 'pointsam train' wrote it."""


def shipped_adapters() -> list[str]:
    """List the names."""
    return sorted(path.name for path in SHIPPED.glob("*") if path.is_dir())


def find_adapter(name: str | Path) -> Path:
    """Give the folder of an adapter: what is at the path, else the shipped one of that name."""
    path = Path(name)
    # A name with a folder in it is a path; so is one that exists.
    if path.exists() or str(path) != path.name or path.name not in shipped_adapters():
        return path
    return SHIPPED / path.name
