"""Packs the QGIS plugin: ``python scripts/qgis_plugin.py dist/pointsam-qgis.zip``.

QGIS installs the file by Plugins > Manage and Install Plugins > Install from ZIP.
"""

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLUGIN = ROOT / "qgis" / "pointsam"


def pack(path: Path) -> list[str]:
    """Write the zip, and name what is in it."""
    files = [
        file
        for file in sorted(PLUGIN.rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, Path("pointsam") / file.relative_to(PLUGIN))
        archive.write(ROOT / "LICENSE", "pointsam/LICENSE")
        return archive.namelist()


if __name__ == "__main__":
    names = pack(Path(sys.argv[1]))
    print(f"{sys.argv[1]}: {len(names)} files")
