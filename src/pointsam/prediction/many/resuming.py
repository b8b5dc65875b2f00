"""Which scenes of a list are still to do, where a run goes on."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pointsam.data.rasters.opening import raster_hash, raster_stamp
from pointsam.errors import InputError
from pointsam.prediction.many.manifest import Manifest
from pointsam.prediction.many.scene_list import ListedScene
from pointsam.progress import Bar


def unfinished(
    scenes: Sequence[ListedScene], manifest: Manifest, output: Path
) -> Iterator[ListedScene]:
    """Give the scenes without a row, failed ones, and those whose outputs were removed.

    Raises:
        InputError: a scene that was segmented has changed since.
    """
    changed = []
    for one in Bar(scenes, desc="checking scenes", unit="scene", delay=2, leave=False):
        row = manifest.rows.get(str(one.path))
        if row is None or row.state == "failed":
            yield one
        elif row.state == "done" and not (output / row.folder).is_dir():
            yield one
        elif row.stamp and raster_stamp(one.path) != row.stamp:
            if row.state == "no clicks":
                yield one
            elif raster_hash(one.path) != row.content:
                changed.append(row)
    if changed:
        first = changed[0]
        more = f" and {len(changed) - 1} more" if changed[1:] else ""
        raise InputError(
            f"{first.scene}{more} changed after being segmented: remove {output / first.folder}"
            f"{' and the folders of the others' if more else ''} to have it done again, or give "
            "another --output."
        )
