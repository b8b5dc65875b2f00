"""Converts folders of images and label rasters to one COCO file, in several processes."""

import hashlib
import json
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pointsam.data.prepare.label_rasters import LabelRule, find_instances, read_labels
from pointsam.data.prepare.layouts import LAYOUTS
from pointsam.data.rasters.images import ENDINGS, image_size, list_images
from pointsam.errors import InputError
from pointsam.files import refuse_existing_file, replacing, sha256_of

_FEW = 500
"""Up to this number of tiles, starting processes takes longer than the work."""


@dataclass(frozen=True)
class Tile:
    """An image and its label raster."""

    image: Path
    label: Path


def pair_tiles(images: Path, labels: Path, *, suffix: str = "") -> list[Tile]:
    """Pair images and label rasters by name; endings may differ.

    Args:
        images: folder.
        labels: folder, which may be the same.
        suffix: what the label's name has after the image's, before the ending.

    Raises:
        FileNotFoundError: no such folder.
        InputError: no images, or an image without label or with two.
    """
    by_stem: dict[str, list[Path]] = {}
    for path in list_images(labels):
        by_stem.setdefault(path.stem, []).append(path)
    own = {path for paths in by_stem.values() for path in paths if path.stem.endswith(suffix)}
    chosen = [path for path in list_images(images) if not (suffix and path in own)]
    if not chosen:
        raise InputError(f"{images} holds no images ({', '.join(ENDINGS)}).")
    tiles = []
    for path in chosen:
        found = by_stem.get(path.stem + suffix, [])
        if len(found) != 1:
            what = "no label raster" if not found else f"{len(found)} label rasters"
            raise InputError(f"{path} has {what} {path.stem}{suffix}.* in {labels}.")
        tiles.append(Tile(path, found[0]))
    return tiles


def labels_without_image(tiles: Sequence[Tile], labels: Path, *, suffix: str = "") -> list[Path]:
    """List the label rasters of a folder that `pair_tiles` found no image for."""
    paired = {path for tile in tiles for path in (tile.image, tile.label)}
    own = [path for path in list_images(labels) if path.stem.endswith(suffix)]
    return [path for path in own if path not in paired]


def convert(
    tiles: Sequence[Tile], rule: LabelRule, output: Path, *, workers: int = 1
) -> Iterator[Tile]:
    """Write a COCO file of all tiles, those without instances too; yields each tile once done.

    Finished tiles are kept in a journal beside `output`, from which a stopped run continues.

    Args:
        tiles: file names in the file are the images' own, without folder.
        rule: how labels become instances.
        output: new file.
        workers: processes.

    Raises:
        FileNotFoundError: an image or a label raster is missing.
        InputError: `output` exists, or a file cannot be used; names it.
    """
    refuse_existing_file(output)
    journal = output.with_name(f".{output.name}.unfinished")
    done = _still_so(_read_journal(journal, rule), tiles)
    yield from (tile for tile in tiles if tile.image.name in done)
    todo = [tile for tile in tiles if tile.image.name not in done]
    for tile, entry in zip(todo, _work(todo, rule, workers), strict=True):
        done[tile.image.name] = entry
        _write_journal(journal, rule, entry)
        yield tile
    with replacing(output) as temporary:
        temporary.write_text(json.dumps(_assemble([done[t.image.name] for t in tiles], rule)))
    journal.unlink(missing_ok=True)


def _work(tiles: Sequence[Tile], rule: LabelRule, workers: int) -> Iterator[dict[str, Any]]:
    job = partial(_convert_tile, rule=rule)
    if workers == 1 or len(tiles) < _FEW:
        yield from map(job, tiles)
        return
    # Forked processes would share torch's threads and locks.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context)
    try:
        yield from pool.map(job, tiles, chunksize=8)
    finally:
        pool.shutdown(cancel_futures=True)


def _convert_tile(tile: Tile, rule: LabelRule) -> dict[str, Any]:
    """Give one tile's image entry with its instances."""
    size = image_size(tile.image)
    labels = read_labels(tile.label)
    if labels.shape != size:
        raise InputError(
            f"{tile.label} is {labels.shape[0]} x {labels.shape[1]} px (height x width), its image "
            f"{tile.image.name} is {size[0]} x {size[1]}."
        )
    try:
        instances = find_instances(labels, rule)
    except ValueError as error:
        raise InputError(f"{tile.label} {error}") from error
    name = tile.image.name
    return {
        "file_name": name,
        "height": size[0],
        "width": size[1],
        "label": sha256_of(tile.label),
        "instances": instances,
    }


def _still_so(done: dict[str, dict[str, Any]], tiles: Sequence[Tile]) -> dict[str, dict[str, Any]]:
    """Keep the entries whose label rasters, and whose images' sizes, are what they were."""
    return {
        tile.image.name: done[tile.image.name]
        for tile in tiles
        if tile.image.name in done
        and tile.label.is_file()
        and done[tile.image.name]["label"] == sha256_of(tile.label)
        and [*image_size(tile.image)] == [done[tile.image.name][s] for s in ("height", "width")]
    }


def _write_journal(path: Path, rule: LabelRule, entry: dict[str, Any]) -> None:
    """Add a finished tile to the journal; the first one makes the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        if not stream.tell():
            stream.write(json.dumps(asdict(rule)) + "\n")
        stream.write(_journal_line(json.dumps(entry)) + "\n")


def _read_journal(path: Path, rule: LabelRule) -> dict[str, dict[str, Any]]:
    """Give the entries of a stopped run; none if it had another rule."""
    if not path.is_file():
        return {}
    first, *rest = path.read_text(errors="replace").split("\n")
    if first != json.dumps(asdict(rule)):
        path.unlink()
        return {}
    done: dict[str, dict[str, Any]] = {}
    whole = []
    # The last line is empty or cut off. Lines after a damaged one are not used.
    for line in rest[:-1]:
        entry = _journal_entry(line)
        if entry is None:
            break
        whole.append(line)
        done[entry["file_name"]] = entry
    path.write_text("\n".join([first, *whole, ""]))
    return done


def _journal_line(text: str) -> str:
    """Put the checksum of an entry before it."""
    return f"{hashlib.sha256(text.encode()).hexdigest()} {text}"


def _journal_entry(line: str) -> dict[str, Any] | None:
    """Read a line of the journal; None if it is damaged."""
    text = line.partition(" ")[2]
    if line != _journal_line(text):
        return None
    entry: dict[str, Any] = json.loads(text)
    return entry


def _assemble(entries: list[dict[str, Any]], rule: LabelRule) -> dict[str, Any]:
    """Number images and instances in the order of the tiles."""
    names = list(dict.fromkeys(name for name, _ in rule.classes)) or [rule.category]
    content: dict[str, Any] = {
        "images": [],
        "categories": [{"id": number, "name": name} for number, name in enumerate(names, start=1)],
        "annotations": [],
    }
    for image_id, entry in enumerate(entries, start=1):
        instances = entry["instances"]
        image = {key: entry[key] for key in ("file_name", "height", "width")}
        content["images"].append({"id": image_id, **image})
        for instance in instances:
            category = names.index(instance.pop("category")) + 1
            numbers = {"id": len(content["annotations"]) + 1, "image_id": image_id}
            numbers |= {"category_id": category, "iscrowd": 0}
            content["annotations"].append(numbers | instance)
    return content


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
