"""Splits a data set by images into a part for training and a held-out part."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from rasterio.crs import CRS

from pointsam.data.prepare.duplicates import BITS, group, near_pairs_within, perceptual_hash
from pointsam.data.rasters.georeference import move_points, read_georeference
from pointsam.data.rasters.images import read_image
from pointsam.errors import InputError
from pointsam.randomness import addressed_generator


def hold_out_groups(groups: Int[np.ndarray, " images"], share: float, *, seed: int) -> set[int]:
    """Choose images to hold out, whole groups, in random order until the share is reached.

    Args:
        groups: number of each image's group.
        share: of the images, in (0, 1); at least one image is on either side.
        seed: of the order.

    Returns:
        Indices of the images that are held out.

    Raises:
        InputError: fewer than two groups.
    """
    names, sizes = np.unique(groups, return_counts=True)
    if len(names) < 2:
        raise InputError(f"{len(groups)} images in {len(names)} groups cannot be cut in two.")
    order = torch.randperm(len(names), generator=addressed_generator(seed, "split")).tolist()
    wanted = share * len(groups)
    held: list[int] = []
    count = 0
    for place in order[:-1]:
        # Groups are taken while each brings the count nearer to the share.
        if held and abs(count + sizes[place] - wanted) >= abs(count - wanted):
            continue
        held.append(int(names[place]))
        count += int(sizes[place])
    return {index for index, name in enumerate(groups.tolist()) if name in held}


def groups_by_look(paths: Sequence[Path]) -> Int[np.ndarray, " images"]:
    """Group images that show the same thing."""
    hashes = np.array([perceptual_hash(read_image(path)) for path in paths], dtype=bool)
    return group(len(paths), near_pairs_within(hashes.reshape(-1, BITS)))


def hold_out_place(centres: Float[np.ndarray, "images 2"], share: float, *, seed: int) -> set[int]:
    """Hold out the images at one end of the area, behind a cut across its longer side.

    Args:
        centres: of the images, in one map system.
        share: of the images, in (0, 1).
        seed: says which end.

    Raises:
        InputError: fewer than two images.
    """
    if len(centres) < 2:
        raise InputError(f"{len(centres)} images cannot be cut in two.")
    axis = int(np.ptp(centres, axis=0).argmax())
    order = np.argsort(centres[:, axis], kind="stable")
    if torch.rand((), generator=addressed_generator(seed, "place")) < 0.5:
        order = order[::-1]
    count = min(max(round(share * len(order)), 1), len(order) - 1)
    return set(order[:count].tolist())


def map_centres(paths: Sequence[Path]) -> Float[np.ndarray, "images 2"]:
    """Give the middle of each image on the map of the first.

    Raises:
        InputError: an image has no place on a map.
    """
    centres, first = [], None
    for path in paths:
        georeference = read_georeference(path)
        if georeference is None:
            raise InputError(f"{path} has no coordinate system: split by image or duplicates.")
        first = first or CRS.from_wkt(georeference.crs)
        a, b, c, d, e, f = georeference.transform
        height, width = georeference.size
        x, y = a * width / 2 + b * height / 2 + c, d * width / 2 + e * height / 2 + f
        centre = np.array([(x, y)], dtype=np.float64)
        system = CRS.from_wkt(georeference.crs)
        centres.append(move_points(centre, system, first, what=f"{path}: its middle")[0])
    return np.array(centres, dtype=np.float64).reshape(-1, 2)


def keep_images(content: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """Keep some images of a COCO file with their annotations, and all other content."""
    images = [image for image in content["images"] if image["file_name"] in names]
    ids = {image["id"] for image in images}
    annotations = [entry for entry in content["annotations"] if entry["image_id"] in ids]
    return content | {"images": images, "annotations": annotations}
