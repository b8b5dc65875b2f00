"""Times the outlines of touching objects, with the package of this checkout or of an earlier one.

The masks are drawn, so that no model runs: `near` ones end at their own object and meet a dozen
others, `whole` ones claim the whole window, as SAM's may. Run it with the package of either
checkout on PYTHONPATH.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

try:
    from pointsam.data.rasters.scene import open_scene
    from pointsam.prediction.scenes.logit_maps import LogitMap, Overlaps
    from pointsam.prediction.scenes.vectors import outline
except ModuleNotFoundError:  # the tree of an earlier commit
    from pointsam.prediction.logit_maps import (  # type: ignore[import-not-found,no-redef]
        LogitMap,
        Overlaps,
    )
    from pointsam.prediction.vectors import (  # type: ignore[import-not-found,no-redef]
        outline,
    )

    from pointsam.data.rasters import open_scene  # type: ignore[import-not-found,no-redef]

SIDE = 1024


def main() -> None:
    """Print one line of JSON: objects, kind of mask, seconds of CPU time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=240)
    parser.add_argument("--reach", choices=["near", "whole"], default="near")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tif"
        place = {"crs": "EPSG:32632", "transform": from_origin(500_000, 5_500_000, 0.5, 0.5)}
        shape = {"count": 3, "height": SIDE, "width": SIDE, "dtype": "uint8"}
        with rasterio.open(path, "w", driver="GTiff", **shape, **place) as out:
            out.write(np.zeros((3, SIDE, SIDE), np.uint8))
        seconds = timed(path, args.objects, whole=args.reach == "whole", seed=args.seed)
    told = {"objects": args.objects, "reach": args.reach, "cpu_seconds": round(seconds, 2)}
    print(json.dumps(told))


def timed(path: Path, count: int, *, whole: bool, seed: int) -> float:
    """Give the seconds of CPU time that the outlines of drawn masks take."""
    random = np.random.default_rng(seed)
    low = SIDE // 4
    rows, cols = np.mgrid[:low, :low]
    radius = 2 * low if whole else 1.5 * low / np.sqrt(count)
    with open_scene(path) as scene:
        corner = (float(scene.grid.x), float(scene.grid.y))
        maps = []
        for x, y in random.uniform(0, low, (count, 2)):
            logits = radius - np.hypot(cols - x, rows - y)
            maps.append(LogitMap(logits.astype(np.float16), corner, (4.0, 4.0)))
        start = time.process_time()
        overlaps = Overlaps(maps, within=scene.grid.box, exclusive=True)
        outline(overlaps, count, scene)
        return time.process_time() - start


if __name__ == "__main__":
    main()
