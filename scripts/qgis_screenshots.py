"""Makes the pictures of docs/qgis.md: ``python scripts/qgis_screenshots.py --output docs/images``.

Draws a scene, trains an adapter on one click an object, and lets QGIS (Debian's ``qgis``) show the
plugin's toolbox, dock and result under Xvfb. On two cores it takes some minutes.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyogrio
import rasterio
import shapely
from PIL import Image
from rasterio.transform import from_origin

from pointsam.data.synthetic.scenes import write_scenes

ROOT = Path(__file__).parents[1]
TILE, PIXEL = 512, 0.5
LEFT, TOP, CRS = 400_000, 5_800_000, "EPSG:32633"
WINDOW = "1400x900x24"
COLOURS = 256
"""Of a picture: a picture of a map in all its colours is ten times as large."""


def main():
    args = arguments()
    args.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pointsam-qgis-") as name:
        folder = Path(name)
        draw(folder)
        adapter = args.adapter or train(folder, args.epochs)
        pictures = show(folder, adapter)
        for path in sorted(pictures.glob("*.png")):
            save(Image.open(path), args.output / path.name)
        side_by_side(pictures, args.output / "qgis_before_after.png")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--output", type=Path, default=Path("docs/images"))
    parser.add_argument("--adapter", type=Path, help="in place of one that is trained now")
    parser.add_argument("--epochs", default="20")
    return parser.parse_args()


def draw(folder):
    """Write ``scene.tif``, four drawn images beside each other, and one click on each object."""
    train_set, _ = write_scenes(folder / "drawn", seed=7, train=4, val=1, size=TILE)
    content = json.loads(train_set.points.read_text())
    pixels = np.zeros((3, 2 * TILE, 2 * TILE), np.uint8)
    names = {one["id"]: one["name"] for one in content["categories"]}
    points, classes, corners = [], [], {}
    for place, one in enumerate(content["images"]):
        row, column = divmod(place, 2)
        corners[one["id"]] = (column * TILE, row * TILE)
        tile = np.asarray(Image.open(train_set.images / one["file_name"]))
        part = np.s_[:, row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
        pixels[part] = np.moveaxis(tile, -1, 0)
    for one in content["annotations"]:
        (x, y, _), *_ = one["points"]
        left, top = corners[one["image_id"]]
        column, row = left + x + 0.5, top + y + 0.5
        points.append(shapely.Point(LEFT + PIXEL * column, TOP - PIXEL * row))
        classes.append(names[one["category_id"]])
    profile = {"driver": "GTiff", "count": 3, "dtype": "uint8", "crs": CRS}
    place = {"width": 2 * TILE, "height": 2 * TILE}
    place["transform"] = from_origin(LEFT, TOP, PIXEL, PIXEL)
    with rasterio.open(folder / "scene.tif", "w", **profile, **place) as file:
        file.write(pixels)
    count = len(points)
    pyogrio.raw.write(
        str(folder / "clicks.gpkg"),
        np.array(shapely.to_wkb(np.array(points, dtype=object)), dtype=object),
        [np.arange(1, count + 1), np.ones(count, int), np.array(classes, dtype=object)],
        ["instance", "label", "class"],
        geometry_type="Point",
        crs=CRS,
        driver="GPKG",
        dataset_options={"VERSION": "1.2"},  # QGIS 3.22 warns of the newest
    )


def train(folder, epochs):
    """Train on the clicks; give the adapter's folder."""
    files = ["--images", folder / "scene.tif", "--points", folder / "clicks.gpkg"]
    output = folder / "adapter"
    command = [sys.executable, "-m", "pointsam", "train", *files, "--output", output]
    subprocess.run([*command, "--epochs", epochs], check=True)
    return output


def show(folder, adapter):
    """Let QGIS make the pictures; give their folder."""
    pictures, variables = folder / "pictures", environment(folder)
    pictures.mkdir()
    variables |= {
        "POINTSAM_SCENE": str(folder / "scene.tif"),
        "POINTSAM_CLICKS": str(folder / "clicks.gpkg"),
        "POINTSAM_ADAPTER": str(adapter.resolve()),
        "POINTSAM_PICTURES": str(pictures),
    }
    enable = ["/usr/bin/qgis_process.bin", "plugins", "enable", "pointsam"]
    subprocess.run(enable, env=variables | {"QT_QPA_PLATFORM": "offscreen"}, check=True)
    script = ROOT / "scripts" / "qgis_pictures.py"
    qgis = ["/usr/bin/qgis.bin", "--noversioncheck", "--nologo", "--code", script]
    screen = ["xvfb-run", "-a", "-s", f"-screen 0 {WINDOW}"]
    done = subprocess.run([*screen, *qgis], env=variables, timeout=1500)
    if not (pictures / "qgis_result.png").exists():
        raise SystemExit(f"QGIS made no pictures (status {done.returncode})")
    return pictures


def environment(folder):
    """Give variables with which QGIS keeps to the folder, has the plugin and finds pointsam."""
    for name in ("runtime", "bin", "home"):
        (folder / name).mkdir()
    (folder / "runtime").chmod(0o700)
    command = folder / "bin" / "pointsam"
    # A virtual environment's own bin folder on PATH would mislead QGIS's Python.
    source = f'PYTHONPATH="{os.environ.get("PYTHONPATH", "")}"'
    command.write_text(f'#!/bin/sh\n{source} exec "{sys.executable}" -m pointsam "$@"\n')
    command.chmod(0o755)
    plugins = folder / "profiles" / "default" / "python" / "plugins"
    shutil.copytree(ROOT / "qgis" / "pointsam", plugins / "pointsam")
    return {
        "LANG": "C.UTF-8",
        "HOME": str(folder / "home"),
        "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
        "XDG_RUNTIME_DIR": str(folder / "runtime"),
        "QGIS_CUSTOM_CONFIG_PATH": str(folder),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", ""),
    }


def side_by_side(pictures, path):
    """Lay the maps before and after beside each other."""
    maps = [Image.open(pictures / f"map_{name}.png").convert("RGB") for name in ("before", "after")]
    gap, (width, height) = 8, maps[0].size
    both = Image.new("RGB", (2 * width + gap, height), "white")
    for place, picture in enumerate(maps):
        both.paste(picture, (place * (width + gap), 0))
    save(both, path)


def save(picture, path):
    """Save with few colours; the maps alone are parts of another picture."""
    if not path.name.startswith("map_"):
        # Coverage keeps the small, pure colours of a legend; the median would melt them.
        few = picture.convert("RGB").quantize(
            COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE
        )
        few.save(path, optimize=True)
        sys.stdout.write(f"{path}: {path.stat().st_size // 1024} KB\n")


if __name__ == "__main__":
    main()
