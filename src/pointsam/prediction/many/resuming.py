"""Which scenes of a list are still to do, where a run goes on."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pointsam.data.rasters.opening import raster_hash, raster_stamp
from pointsam.errors import InputError
from pointsam.prediction.many.manifest import Manifest, Row
from pointsam.prediction.many.scene_list import ListedScene
from pointsam.progress import Bar


def unfinished(
    scenes: Sequence[ListedScene], manifest: Manifest, output: Path, *, names: Sequence[str]
) -> list[ListedScene]:
    """List the scenes without a row, failed ones, and those of which an output was removed.

    A scene without clicks whose file has changed is listed, too. A copy that took the place of a
    finished scene gets its stamp into the manifest, so that its content is compared once.

    Args:
        scenes: that were asked for.
        manifest: of the run.
        output: its folder.
        names: of the files in the folder of each finished scene.

    Raises:
        InputError: a scene that was segmented has changed since.
    """
    todo, changed = [], []
    for one in Bar(scenes, desc="checking scenes", unit="scene", delay=2, leave=False):
        row = manifest.rows.get(str(one.path))
        gone = (
            row is not None
            and row.state == "done"
            and not all((output / row.folder / name).is_file() for name in names)
        )
        if row is None or row.state == "failed" or gone:
            todo.append(one)
            continue
        # Manifests of older versions have no stamps; nothing is compared then.
        if not row.stamp or (stamp := raster_stamp(one.path)) == row.stamp:
            continue
        if row.state == "no clicks":
            todo.append(one)
        elif raster_hash(one.path) == row.content:
            manifest.rows[row.scene] = replace(row, stamp=stamp)
        else:
            changed.append(row)
    if changed:
        raise InputError(_told(changed, output))
    return todo


def _told(changed: Sequence[Row], output: Path) -> str:
    first, more = changed[0], len(changed) - 1
    return (
        f"{first.scene}{f' and {more} more' if more else ''} changed after being segmented: remove "
        f"{output / first.folder}{' and the folders of the others' if more else ''} to have it "
        "done again, or give another --output."
    )
