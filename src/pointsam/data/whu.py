"""WHU Building: tiles and label rasters of each split, as the data set is published."""

from pathlib import Path

from pointsam.data.prepare.conversion import Tile, pair_tiles
from pointsam.data.prepare.label_rasters import LabelRule
from pointsam.data.prepare.layouts import LAYOUTS


def whu_rule(*, rle: bool) -> LabelRule:
    """Give the rule: every 8-connected component is a building."""
    return LabelRule(category="building", form="rle" if rle else "polygons")


def whu_splits(root: Path) -> dict[str, list[Tile]]:
    """Find the tiles of the splits that are there.

    Raises:
        FileNotFoundError: no split is there.
        InputError: tiles without label rasters.
    """
    folders = {split: root / "images" / split for split in LAYOUTS["whu"].splits}
    found = {split: folder for split, folder in folders.items() if folder.is_dir()}
    if not found:
        looked_for = ", ".join(str(folder) for folder in folders.values())
        raise FileNotFoundError(f"no WHU Building in {root}: looked for {looked_for}.")
    return {split: pair_tiles(f / "image", f / "label") for split, f in found.items()}
